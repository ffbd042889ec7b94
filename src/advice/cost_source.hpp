// cost_source.hpp - What selection asks of the planner: the cost of a statement if there were these indexes.
//
// Plain C++, so that selection is tested against made-up costs.
#pragma once

#include "advice/index_set.hpp"

namespace warden::advice {

struct Plan {
	double cost = 0; ///< in the planner's units, as EXPLAIN gives it
	IndexSet used;   ///< indexes that the plan reads
};

class CostSource {
public:
	CostSource() = default;
	CostSource(const CostSource &) = delete;
	CostSource &operator=(const CostSource &) = delete;

	/// The plan of statement number `statement` with these indexes and no others.  Costly.
	virtual Plan plan(std::size_t statement, const IndexSet &present) = 0;

protected:
	~CostSource() noexcept(false) = default; // nobody owns one by its base
};

} // namespace warden::advice
