// cron.hpp - The five fields of a cron schedule, and when they come next on the clock of a time zone.
//
// Plain C++.  The invariant: a time of day that is named happens exactly once on every day, also when the clocks
// change.
#pragma once

#include "util/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace warden::schedule {

/// What the fields say, as sets of bits.
struct Cron {
	std::uint64_t minutes; ///< bit n: minute n
	std::uint32_t hours;   ///< bit n: hour n
	std::uint32_t days;    ///< bit n: day n of the month, from 1; bit 0: the last one (L)
	std::uint16_t months;  ///< bit n: month n, from 1
	std::uint8_t weekdays; ///< bit n: weekday n, Sunday is 0
	bool either_day;       ///< both days and weekdays are restricted: one of them is enough

	/// Every hour is named: such a schedule follows the clock's hands, not the day, when the clocks change.
	bool every_hour() const { return hours == 0xFFFFFF; }

	bool operator==(const Cron &) const = default;
};

/// Parses "minute hour day month weekday" or @hourly and its like.  Error 22023, with a detail that names the field and
/// what is wrong with it; also for a schedule that never happens.
Cron parse_cron(const std::string &text);

/// Whether a text is meant as a cron schedule, be it a wrong one: a name that begins with "@"; nothing but digits,
/// letters and "*/,-?$", and a "*" among them; or five fields of short numbers, names and "/,-L".  No time is, nor a
/// length of it.
bool looks_like_cron(const std::string &text);

/// The first instant after a moment; std::nullopt beyond the server's range of times.
///
/// With every hour named it happens whenever a clock on the wall shows it: in both passes of an hour that the clocks
/// repeat, and not in one that they skip.  Otherwise each time on the wall happens once: in the first pass, or when the
/// gap ends.
std::optional<Moment> next(const Cron &cron, const Zone &zone, Moment after);

} // namespace warden::schedule
