// drain_survey.hpp - Which rows of a default partition could have partitions of their own.
//
// The invariant: to look writes nothing, takes no lock but that of a query, and passes over no row: a policy that hides
// rows from the owner does not hide them from us.  What is found is a plan: whether a range is free is asked again
// under the lock, and which rows go where is for the comparison of the partition key to say.
#pragma once

#include "move/move_job.hpp"
#include "partition/place.hpp"

namespace warden::move {

/// A partition that is lacking, and about how many rows it is for.
struct DrainPlace {
	partition::Place place;
	std::int64_t rows;
};

/// Rows that stay where they are.
struct LeftRows {
	std::string why;
	std::int64_t rows;
};

struct DrainSurvey {
	partition::Policy policy;
	partition::Set set;
	std::vector<DrainPlace> places = {}; ///< in the order of their bounds
	std::vector<LeftRows> left = {};
	std::size_t beyond = 0;    ///< places that are left for the next time: those of the fewest rows
	std::int64_t rows = 0;     ///< that are to move
	std::int64_t rows_all = 0; ///< of the default partition
	std::int64_t blocks = 0;   ///< of it

	Oid source() const { return set.bounds.default_partition; }
};

/// Reads the default partition of a set once.  Only ranges and values that have rows get a place: those with the most
/// rows, if there are more than so many.  Error 55P03 if somebody has the default partition locked.
DrainSurvey survey_drain(const partition::Policy &policy, std::size_t max_partitions);

/// What a place takes, for a router.
Side side_for(const partition::Place &place, const partition::Set &set);

} // namespace warden::move
