// drop_check.hpp - Whether the workload can do without an index: it is planned with the index hidden.
//
// C++ code.  The invariants: what was found for an index holds with all those gone that were let go before it; and it
// ends when its time is up, after which nothing is known of the others.
#pragma once

#include "advice/index_facts.hpp"
#include "advice/what_if.hpp"

namespace warden::advice {

class DropCheck {
public:
	/// Reads the workload, as the current user may see it.
	explicit DropCheck(const std::vector<IndexFacts> &indexes);

	enum class Outcome {
		Objection, ///< a statement becomes dearer
		Replaced,  ///< plans that have used it use something as good
		NotUsed,   ///< by no plan
		Unknown    ///< there is no workload, or no time
	};
	struct Answer {
		Outcome outcome = Outcome::Unknown;
		std::string text = {}; ///< of an objection its reason, otherwise what to know
	};

	/// What becomes of the workload without an index.  Unless it objects, the index is taken to be gone.
	Answer without(const IndexFacts &index);

private:
	void plan_all();
	std::optional<Plan> plan(std::size_t statement, const IndexSet &present);

	std::vector<Statement> statements_;
	KnownIndexes indexes_;
	WhatIf what_if_;
	IndexSet present_;
	struct Planned {
		double cost = 0; ///< as it is
		Plan now = {};   ///< without those that were let go
	};
	std::vector<std::optional<Planned>> plans_; ///< by statement; empty: not planned yet
	bool is_out_of_time_ = false;
};

} // namespace warden::advice
