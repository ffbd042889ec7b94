// selection.hpp - Which indexes to build, of all that could be.
//
// Plain C++.  The planner is asked which indexes a statement would use if it had all, then if it had none of those, and
// so on; what it says is kept as plans.  Among these the best set for the budget is searched (configuration.hpp), the
// planner is asked what else would help with that set, or with indexes made of its members, and so on until nothing
// better comes up or the time is over.  The invariants: the budget is kept; no statement becomes dearer by more than a
// tenth; each index that is advised is worth it with all the others; the same questions have the same answer, unless
// the time ended before.
#pragma once

#include "advice/configuration.hpp"
#include "advice/index_shape.hpp"

namespace warden::advice {

/// Who knows the indexes that can be had.
class IndexSource {
public:
	IndexSource() = default;
	IndexSource(const IndexSource &) = delete;
	IndexSource &operator=(const IndexSource &) = delete;

	virtual std::size_t count() const = 0; ///< of all that have a number
	virtual ObjectId table_of(IndexSet::Number index) const = 0;
	virtual double bytes_of(IndexSet::Number index) const = 0;  ///< infinite if it could not be built
	virtual double upkeep_of(IndexSet::Number index) const = 0; ///< in the unit of what is saved
	/// Whether an index might serve a statement.
	virtual bool concerns(IndexSet::Number index, std::size_t statement) const = 0;
	/// Whether an index can do all that another does.
	virtual bool replaces(IndexSet::Number index, IndexSet::Number other) const = 0;
	/// Indexes that are made of a part of what this one is made of, which may do as well for some statements.
	virtual IndexSet parts_of(IndexSet::Number index) const = 0;
	/// Looks closely how large these are; whether that changed anything.
	virtual bool correct_sizes(const IndexSet &indexes) = 0;
	/// Indexes made of these, new ones among them.
	virtual IndexSet derive(const IndexSet &indexes) = 0;

protected:
	~IndexSource() = default; // nobody owns one by its base
};

struct Task {
	std::vector<double> weights = {};                   ///< by statement: what a unit of its cost is worth
	std::vector<IndexSet> candidates = {};              ///< by statement: made for it
	IndexSet present = {};                              ///< indexes that there are
	IndexSet replaceable = {};                          ///< those of them that nothing but plans needs
	double budget = std::numeric_limits<double>::max(); ///< in bytes
};

struct Choice {
	IndexSet::Number index = 0;
	double gain = 0;          ///< beside those chosen before it, less its upkeep
	double contribution = 0;  ///< what would be lost if it were left out of all, less its upkeep
	IndexSet supersedes = {}; ///< of those that are replaceable: with it they are of no more use
};

struct Selection {
	std::vector<Choice> choices = {}; ///< the best first
	double total_before = 0;          ///< the workload's cost now, by weights
	double total_after = 0;           ///< the upkeep of the chosen not counted
	bool is_complete = true;          ///< otherwise the time ended first
};

/// The costs are left in the cache, for whoever wants to show them.
Selection select(const Task &task, CostCache &costs, IndexSource &indexes, Deadline &deadline);

} // namespace warden::advice
