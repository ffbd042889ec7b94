// calendars.hpp - Steps and calendars for the tests, in the zones of zones.hpp.
#pragma once

#include "partition/calendar.hpp"
#include "zones.hpp"

namespace warden::partition {

inline constexpr Step months(std::int64_t count) {
	return {Step::Unit::Month, count};
}
inline constexpr Step days(std::int64_t count) {
	return {Step::Unit::Day, count};
}
inline constexpr Step hours(std::int64_t count) {
	return {Step::Unit::Microsecond, count * microseconds_per_hour};
}
inline constexpr Step minutes(std::int64_t count) {
	return {Step::Unit::Microsecond, count * 60 * microseconds_per_second};
}

inline constexpr Step common_steps[] = {minutes(1), minutes(30), hours(1),  hours(5),   hours(6),  hours(24),
                                        days(1),    days(2),     days(7),   days(10),   days(30),  months(1),
                                        months(2),  months(3),   months(5), months(12), months(48)};

/// A step, and an anchor of which a calendar may be made.
inline Calendar random_calendar(Random &random) {
	const Zone zone = random.any(all_rules)->zone();
	const Step step = random.any(common_steps);
	Moment anchor = default_anchor(step, zone);
	if (random.one_in(2)) {
		anchor += random.number(-400, 400) * microseconds_per_day;
	}
	if (random.one_in(4)) {
		anchor += random.number(-90, 90) * 60 * microseconds_per_second + random.number(0, 1);
	}
	return Calendar(step, anchor, zone);
}

} // namespace warden::partition
