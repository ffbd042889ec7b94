// configuration.hpp - The best set of indexes for a budget, as far as the plans that are known tell.
//
// Plain C++, and no planner: what a statement costs with a set of indexes is the cost of the cheapest plan seen that
// takes no others, which it costs at most.  So thousands of sets can be weighed in the time of a few plans.  The
// invariant: the budget is kept, and the result is never worse than what the search started from, if that kept it.
#pragma once

#include "advice/cost_cache.hpp"

#include <limits>

namespace warden::advice {

/// What is weighed against what.
struct Scales {
	std::vector<const std::vector<PlanOption> *> plans = {}; ///< by statement
	std::vector<double> weights = {};                        ///< by statement: what a unit of its cost is worth
	std::vector<double> bytes = {};                          ///< by index
	std::vector<double> upkeep = {};                         ///< by index: what it takes away, in the same unit
	IndexSet present = {};                                   ///< indexes that are there anyway
	double budget = std::numeric_limits<double>::max();      ///< in bytes

	double cost_of(std::size_t statement, const IndexSet &chosen) const;
	double bytes_of(const IndexSet &chosen) const;
	double upkeep_of(const IndexSet &chosen) const;
	/// The workload's cost, with that of the upkeep: what is to become small.
	double total(const IndexSet &chosen) const;
};

/// Where the time that there is ends.
class Deadline {
public:
	Deadline() = default;
	Deadline(const Deadline &) = delete;
	Deadline &operator=(const Deadline &) = delete;
	virtual bool is_over() = 0;

protected:
	~Deadline() = default; // nobody owns one by its base
};

/// Indexes to have besides those that are there.
IndexSet find_configuration(const Scales &scales, const IndexSet &start, Deadline &deadline);

} // namespace warden::advice
