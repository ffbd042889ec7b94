// cost_cache.hpp - What the planner has said, so that it is asked again only for what does not follow from that.
//
// Plain C++.  A plan that was the best with some indexes is the best as well with fewer, if those that it uses are
// still there; and indexes that have nothing to do with a statement do not change its plan.  The invariant: an answer
// is what the planner itself would have said, up to its own noise.
#pragma once

#include "advice/cost_source.hpp"

#include <optional>

namespace warden::advice {

/// A plan that a statement can have, and what indexes it takes.
struct PlanOption {
	IndexSet used = {};
	double cost = 0;
};

class CostCache final : public CostSource {
public:
	explicit CostCache(CostSource &planner) : planner_(planner) {}

	/// The indexes that may change the statement's plan: all that may be asked about, but for others it is not planned
	/// again.
	void add_relevant(std::size_t statement, const IndexSet &indexes);

	Plan plan(std::size_t statement, const IndexSet &present) override;

	/// The same if it is known.
	std::optional<Plan> find(std::size_t statement, const IndexSet &present) const;

	/// All plans that were seen, the cheapest first; none that takes all that a cheaper one does.
	const std::vector<PlanOption> &options(std::size_t statement) const { return statements_[statement].options; }

	std::int64_t asked() const { return asked_; } ///< of the planner

private:
	struct Known {
		IndexSet present = {};
		Plan plan = {};
	};
	struct Statement {
		IndexSet relevant = {};
		std::vector<Known> known = {};
		std::vector<PlanOption> options = {};
	};

	static void add_option(std::vector<PlanOption> &options, const Plan &plan);
	Statement &of(std::size_t statement);

	CostSource &planner_;
	std::vector<Statement> statements_;
	std::int64_t asked_ = 0;
};

/// The cost of the cheapest of the plans whose indexes are there, or `limit` if none is cheaper than that.
double cheapest(const std::vector<PlanOption> &options, const IndexSet &present, double limit);

} // namespace warden::advice
