// clock.hpp - Instants, and what clocks on the walls of a time zone show.
//
// Plain C++, so that what depends on the time is tested without a server, and with any zone.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>

namespace warden {

/// Microseconds since 2000-01-01 00:00, as in the server's timestamps: of an instant, or of what a clock on the wall
/// shows.
using Moment = std::int64_t;

inline constexpr Moment beginning = std::numeric_limits<Moment>::min(); ///< before -infinity: MINVALUE
inline constexpr Moment end = std::numeric_limits<Moment>::max();       ///< after infinity: MAXVALUE
inline constexpr Moment minus_infinity = beginning + 1;
inline constexpr Moment infinity = end - 1;

/// The range of the server's timestamps: 4714-11-24 BC to 294276-12-31.
inline constexpr Moment first_moment = -211'813'488'000'000'000;
inline constexpr Moment last_moment = 9'223'371'331'199'999'999;

constexpr bool is_finite(Moment moment) {
	return moment >= first_moment && moment <= last_moment;
}

inline constexpr Moment microseconds_per_second = 1'000'000;
inline constexpr Moment microseconds_per_minute = 60 * microseconds_per_second;
inline constexpr Moment microseconds_per_hour = 3600 * microseconds_per_second;
inline constexpr Moment microseconds_per_day = 24 * microseconds_per_hour;

constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
	return a / b - (a % b < 0 ? 1 : 0);
}

constexpr std::int64_t floor_modulo(std::int64_t a, std::int64_t b) {
	return a - floor_divide(a, b) * b;
}

/// A day of the proleptic Gregorian calendar, which the server uses too.  The year 0 is 1 BC.
struct Date {
	std::int64_t year;
	int month; ///< 1 to 12
	int day;   ///< from 1
};

/// Days since 2000-01-01, and back.  The year is taken to begin in March, so that the leap day is its last: day of the
/// year (153 m + 2) / 5, 146097 days in 400 years.
constexpr std::int64_t days_of(Date date) {
	const std::int64_t year = date.year - (date.month <= 2 ? 1 : 0);
	const std::int64_t era = floor_divide(year, 400);
	const std::int64_t year_of_era = year - era * 400;
	const std::int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
	const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 730425;
}

constexpr Date date_of(std::int64_t days) {
	const std::int64_t since_era = days + 730425;
	const std::int64_t era = floor_divide(since_era, 146097);
	const std::int64_t day_of_era = since_era - era * 146097;
	const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const std::int64_t month = (5 * day_of_year + 2) / 153;
	return {year_of_era + era * 400 + (month >= 10 ? 1 : 0), static_cast<int>(month < 10 ? month + 3 : month - 9),
	        static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1)};
}

static_assert(days_of({2000, 1, 1}) == 0 && date_of(0).year == 2000 && date_of(59).day == 29);

/// The day of the week, Sunday is 0, of a day since 2000-01-01, which was a Saturday.
constexpr int weekday_of(std::int64_t days) {
	return static_cast<int>(floor_modulo(days + 6, 7));
}

/// The time of day.
struct Clock {
	int hour, minute, second, microsecond;
};

constexpr Clock clock_of(Moment wall) {
	const Moment time = floor_modulo(wall, microseconds_per_day);
	const int seconds = static_cast<int>(time / microseconds_per_second);
	return {seconds / 3600, seconds / 60 % 60, seconds % 60, static_cast<int>(time % microseconds_per_second)};
}

/// A time zone: how clocks on the wall there relate to instants.  The server's own rules, or a test's.
struct Zone {
	Moment (*to_wall)(const void *rules, Moment instant);
	/// Of a time that the clocks show twice, either instant; of one that they skip, an instant beside the gap.
	Moment (*to_instant)(const void *rules, Moment wall);
	const void *rules;

	Moment wall(Moment instant) const { return to_wall(rules, instant); }
	Moment instant(Moment wall) const { return to_instant(rules, wall); }
};

/// The zone of what has none (date, timestamp): the time itself is what the clock shows.
Zone no_zone();

/// The first instant after `from`, up to `to`, at which the clocks are changed; std::nullopt if they show the same
/// offset at both ends.  Both are finite.
std::optional<Moment> find_change(const Zone &zone, Moment from, Moment to);

/// The first instant at which the clock shows this time or a later one, so never one before that of an earlier time: of
/// a time that is shown twice the first, of one that is skipped the end of the gap.  `end` if it is beyond the server's
/// range, whose first moment is the first instant of anything before.
Moment first_instant(Moment wall, const Zone &zone);

/// The first instant from `from` on, which is finite, at which the clock shows one of a set of times, of which
/// `next_wall` says the first from a time on; so in both passes of an hour that is shown twice, and not in a gap.
std::optional<Moment> first_showing(const Zone &zone, Moment from,
                                    const std::function<std::optional<Moment>(Moment)> &next_wall);

} // namespace warden
