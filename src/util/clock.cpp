#include "util/clock.hpp"

#include <algorithm>

namespace warden {

namespace {

Moment offset(const Zone &zone, Moment instant) {
	return zone.wall(instant) - instant;
}

Moment into_range(Moment moment) {
	return std::clamp(moment, first_moment, last_moment);
}

} // namespace

Zone no_zone() {
	const auto same = [](const void *, Moment moment) { return moment; };
	return {same, same, nullptr};
}

// Clocks are changed at whole seconds, and not twice in the few days that callers ask about.
std::optional<Moment> find_change(const Zone &zone, Moment from, Moment to) {
	const Moment before = offset(zone, from);
	if (offset(zone, to) == before) {
		return std::nullopt;
	}
	std::int64_t unchanged = floor_divide(from, microseconds_per_second);
	std::int64_t changed = floor_divide(to, microseconds_per_second);
	while (changed - unchanged > 1) {
		const std::int64_t middle = unchanged + (changed - unchanged) / 2;
		(offset(zone, middle * microseconds_per_second) == before ? unchanged : changed) = middle;
	}
	return changed * microseconds_per_second;
}

Moment first_instant(Moment wall, const Zone &zone) {
	// No clock was ever changed by more than a day, so what it shows around the time decides.
	constexpr Moment margin = 26 * microseconds_per_hour;
	if (wall > last_moment + microseconds_per_day) {
		return end;
	}
	if (wall < first_moment - microseconds_per_day) {
		return first_moment;
	}
	const Moment nearby = into_range(wall - offset(zone, into_range(wall)));
	const Moment latest = into_range(nearby + margin);
	for (Moment from = into_range(nearby - margin);;) {
		const std::optional<Moment> change = find_change(zone, from, latest);
		const Moment instant = std::max(from, wall - offset(zone, from));
		if (!change || instant < *change) {
			return instant <= last_moment ? instant : end;
		}
		from = *change;
	}
}

std::optional<Moment> first_showing(const Zone &zone, Moment from,
                                    const std::function<std::optional<Moment>(Moment)> &next_wall) {
	constexpr Moment month = 30 * microseconds_per_day;
	for (Moment instant = from; is_finite(instant);) {
		const Moment shown = zone.wall(instant);
		const std::optional<Moment> wall = next_wall(shown);
		if (!wall) {
			return std::nullopt;
		}
		const Moment wait = *wall - shown;
		if (wait > 2 * month) {
			// Nothing can be shown before that, not even by clocks that are turned back.
			const std::optional<Moment> earliest = next_wall(shown - month);
			if (earliest && *earliest - shown > 2 * month) {
				instant += *earliest - shown - month;
				continue;
			}
		}
		const Moment until = std::min(instant + std::min(wait, microseconds_per_day), last_moment);
		if (const std::optional<Moment> change = find_change(zone, instant, until)) {
			instant = *change;
		} else if (wait <= microseconds_per_day) {
			return instant + wait <= last_moment ? std::optional(instant + wait) : std::nullopt;
		} else if (until == last_moment) {
			return std::nullopt;
		} else {
			instant = until;
		}
	}
	return std::nullopt;
}

} // namespace warden
