// key_survey.hpp - Which of a calendar's ranges the rows of a table are in: one pass over the table, without SQL.
//
// The invariant: a range that has a row is found.  A key that is finer than the calendar counts, like a number between
// two whole ones, may be counted for the range after it as well.
#pragma once

#include "partition/bounds.hpp"
#include "partition/calendar.hpp"

#include <cstdint>
#include <map>

namespace warden::move {

/// A range of the calendar, by its number.
struct RangeNumber {
	std::int64_t number;

	auto operator<=>(const RangeNumber &) const = default;
};

struct KeySurvey {
	std::map<RangeNumber, std::int64_t> rows; ///< of each range
	std::int64_t total = 0;
	std::int64_t nulls = 0;
	std::int64_t infinite = 0; ///< of a time, and what is beyond the numbers we can count
	Moment least = end;        ///< of the finite ones; `end` if there are none
	Moment greatest = beginning;
};

/// Looks at each row that a snapshot of this moment sees.  Takes ACCESS SHARE.
KeySurvey survey_keys(Oid table, const partition::Key &key, const partition::Calendar &calendar);

} // namespace warden::move
