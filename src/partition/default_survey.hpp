// default_survey.hpp - What a default partition means for the ranges that are to leave it: which have rows there, and
// which could not be attached without a long scan that nobody gets past.
//
// The invariant: to look takes no lock but that of a query, and no table that is big and has no index on the key is
// read for it.
#pragma once

#include "partition/default_leaves.hpp"
#include "partition/place.hpp"
#include "pg/error.hpp"

namespace warden::partition {

/// SQLSTATEs of our own, which tell Progress why a partition is not created, and never leave it.  A scan that is too
/// long to lock everybody out for it: of a range in the future CALL warden.maintain() can avoid it, of another nothing
/// but a constraint that says that there are no such rows.
inline constexpr int errcode_prepare_first = MAKE_SQLSTATE('5', '5', 'W', '0', '1');
inline constexpr int errcode_left_out = MAKE_SQLSTATE('5', '5', 'W', '0', '2');

/// What stands in the way of some ranges of a set.
struct Survey {
	Oid default_partition = InvalidOid;
	std::vector<Range> ranges;
	std::vector<std::optional<Error>> obstacles; ///< of each range: 23514, or one of the SQLSTATEs above
	std::vector<Leaf> unproven;                  ///< what ATTACH would read for one of them

	/// The ranges that have this obstacle.
	std::vector<Range> with(int sqlstate) const;

	/// Another obstacle for those that have this one.
	void replace(int sqlstate, const std::optional<Error> &obstacle);
};

/// Looks at the default partition of a set for these ranges.  The errors are those of a query.
Survey survey_default(const Policy &policy, const Set &set, const std::vector<Range> &ranges);

/// Looks through all that is unproven for rows of the ranges that are to be prepared, whatever that takes: those that
/// have any become colliding.
void search_for_rows(const Policy &policy, const Set &set, Survey &survey);

/// Whether rows of one value or range could only be found in these tables by reading much.
bool is_slow_to_search(const std::vector<Leaf> &leaves);

/// How many rows are counted, at least, where there may be more: of a range that an index is asked for.
inline constexpr std::int64_t most_counted = 1000;

/// Error 23514 for a range or value whose rows are in the default partition, which have this condition; std::nullopt:
/// they were not counted.
Error rows_in_default(Oid default_partition, std::optional<std::int64_t> rows, const std::string &condition);

/// Error errcode_prepare_first or errcode_left_out if to attach a partition now would lock everybody out for long.
void check_scan(const Policy &policy, const Set &set, const Place &place);

} // namespace warden::partition
