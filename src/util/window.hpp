// window.hpp - The days and hours in which work may start: 'Mon-Fri 22:00-06:00; Sat,Sun'.
#pragma once

#include "util/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace warden {

/// Hours of some days.  A range past midnight belongs to the day on which it begins.
struct WindowRule {
	std::uint8_t weekdays; ///< bit n: weekday n, Sunday is 0
	int from;              ///< minute of the day, 0 to 1439
	int to;                ///< minute of the day that is no longer inside, 1 to 1440; if <= from, of the next day

	bool operator==(const WindowRule &) const = default;
};

/// No rule at all means that every moment is inside.
using Window = std::vector<WindowRule>;

/// Error 22023 with a detail and a hint if it cannot be read.  Days: names of three letters or whole, lists and ranges,
/// "*" or none for all; hours: "HH:MM-HH:MM", up to 24:00, or none for the whole day.
Window parse_window(const std::string &text);

/// Whether a clock on the wall of the zone shows a time inside.
bool contains(const Window &window, const Zone &zone, Moment moment);

/// The first instant at or after a moment that is inside; std::nullopt if the window never opens within a year.
std::optional<Moment> next_opening(const Window &window, const Zone &zone, Moment moment);

} // namespace warden
