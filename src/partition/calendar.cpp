#include "partition/calendar.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace warden::partition {

namespace {

constexpr std::int64_t monday = 2; // 2000-01-03, in days since 2000-01-01

constexpr std::int64_t month_number(Date date) {
	return (date.year - 2000) * 12 + date.month - 1;
}

// The same day of another month, or the last of that month if it has no such day.
__int128 add_months(Moment wall, std::int64_t months) {
	const std::int64_t days = floor_divide(wall, microseconds_per_day);
	const Date date = date_of(days);
	const std::int64_t number = month_number(date) + months;
	const std::int64_t first =
		days_of({2000 + floor_divide(number, 12), static_cast<int>(floor_modulo(number, 12)) + 1, 1});
	const std::int64_t next = number + 1;
	const std::int64_t end_of_month =
		days_of({2000 + floor_divide(next, 12), static_cast<int>(floor_modulo(next, 12)) + 1, 1});
	const std::int64_t day = std::min(first + date.day - 1, end_of_month - 1);
	return static_cast<__int128>(day) * microseconds_per_day + (wall - days * microseconds_per_day);
}

Moment saturate(__int128 moment) {
	return moment < first_moment ? beginning : moment > last_moment ? end : static_cast<Moment>(moment);
}

// Far more months than the server's range has: beyond, the arithmetic of days would overflow.
constexpr std::int64_t many_months = 7'200'000;

Moment add_wall(Moment wall, std::int64_t months, std::int64_t days) {
	if (std::abs(months) > many_months) {
		return months < 0 ? beginning : end;
	}
	return saturate(add_months(wall, months) + static_cast<__int128>(days) * microseconds_per_day);
}

// The server's own limits hold for what the zone is asked, as its rules are not for other times.
Moment to_instant(Moment wall, const Zone &zone) {
	return is_finite(wall) ? saturate(zone.instant(wall)) : wall;
}

std::int64_t offset_seconds(Moment instant, const Zone &zone) {
	return (zone.wall(instant) - instant) / microseconds_per_second;
}

// Whether the clocks show this instant's time once more: around it they are turned back.
bool is_ambiguous(Moment instant, const Zone &zone) {
	const Moment wall = zone.wall(instant);
	const std::int64_t before = offset_seconds(instant - microseconds_per_day, zone);
	const std::int64_t after = offset_seconds(instant + microseconds_per_day, zone);
	return before > after && zone.wall(wall - before * microseconds_per_second) == wall &&
	       zone.wall(wall - after * microseconds_per_second) == wall;
}

template <class... Args>
std::string print(const char *format, Args... args) {
	char text[100];
	std::snprintf(text, sizeof text, format, args...);
	return text;
}

} // namespace

double nominal_microseconds(const Span &span) {
	const double days = 30.0 * static_cast<double>(span.months) + static_cast<double>(span.days);
	return days * static_cast<double>(microseconds_per_day) + static_cast<double>(span.microseconds);
}

Moment add(Moment moment, const Span &span, const Zone &zone, int sign) {
	if (!is_finite(moment)) {
		return moment;
	}
	Moment day = moment;
	if (span.months != 0 || span.days != 0) {
		day = to_instant(add_wall(zone.wall(moment), sign * span.months, sign * span.days), zone);
	}
	return is_finite(day) ? saturate(static_cast<__int128>(day) + static_cast<__int128>(sign) * span.microseconds)
	                      : day;
}

std::optional<Step> step_of(const Span &span) {
	if (span.months > 0 && span.days == 0 && span.microseconds == 0) {
		return Step{Step::Unit::Month, span.months};
	}
	if (span.months == 0 && span.days > 0 && span.microseconds == 0) {
		return Step{Step::Unit::Day, span.days};
	}
	if (span.months == 0 && span.days == 0 && span.microseconds > 0) {
		return Step{Step::Unit::Microsecond, span.microseconds};
	}
	return std::nullopt;
}

Span span_of(const Step &step) {
	switch (step.unit) {
	case Step::Unit::Month:
		return {.months = step.count};
	case Step::Unit::Day:
		return {.days = step.count};
	case Step::Unit::Microsecond:
		break;
	}
	return {.microseconds = step.count};
}

Calendar::Calendar(Step step, Moment anchor, Zone zone)
	: step_(step), anchor_(anchor), anchor_wall_(zone.wall(anchor)), zone_(zone) {}

Moment Calendar::start(std::int64_t n) const {
	constexpr __int128 most = std::numeric_limits<std::int64_t>::max();
	const __int128 exact_count = static_cast<__int128>(n) * step_.count;
	const auto count = static_cast<std::int64_t>(std::clamp(exact_count, -most, most));
	switch (step_.unit) {
	case Step::Unit::Month:
		return to_instant(add_wall(anchor_wall_, count, 0), zone_);
	case Step::Unit::Day:
		return to_instant(add_wall(anchor_wall_, 0, count), zone_);
	case Step::Unit::Microsecond:
		break;
	}
	return saturate(static_cast<__int128>(anchor_) + exact_count);
}

std::int64_t Calendar::number(Moment moment) const {
	if (step_.unit == Step::Unit::Microsecond) {
		// The difference of two finite moments can exceed 64 bits only at the ends of the server's range.
		const __int128 elapsed = static_cast<__int128>(moment) - anchor_;
		const __int128 n = elapsed / step_.count - (elapsed % step_.count < 0 ? 1 : 0);
		return static_cast<std::int64_t>(n);
	}
	const std::int64_t day = floor_divide(zone_.wall(moment), microseconds_per_day);
	const std::int64_t anchor_day = floor_divide(anchor_wall_, microseconds_per_day);
	std::int64_t n = step_.unit == Step::Unit::Day
	                     ? floor_divide(day - anchor_day, step_.count)
	                     : floor_divide(month_number(date_of(day)) - month_number(date_of(anchor_day)), step_.count);
	while (start(n) > moment) {
		--n;
	}
	while (start(n + 1) <= moment) {
		++n;
	}
	return n;
}

Moment default_anchor(const Step &step, const Zone &zone) {
	return zone.instant(step.unit == Step::Unit::Day ? monday * microseconds_per_day : 0);
}

Moment same_phase(const Step &step, Moment anchor, const Zone &zone) {
	const Moment base = default_anchor(step, zone);
	const Calendar calendar(step, anchor, zone);
	if (!is_finite(calendar.start(0))) {
		return anchor; // at an end of the server's range, and beyond it on the clock
	}
	std::int64_t before = calendar.number(base);
	for (std::int64_t after = before + 1;;) {
		const __int128 back = static_cast<__int128>(base) - calendar.start(before);
		const __int128 forth = static_cast<__int128>(calendar.start(after)) - base;
		const std::int64_t n = back < forth ? before-- : after++;
		if (n == 0) {
			return anchor;
		}
		// Not a boundary that a short month or a gap of the clocks has moved: from it one does not get back.
		const Moment boundary = calendar.start(n);
		if (Calendar(step, boundary, zone).start(-n) == calendar.start(0)) {
			return boundary;
		}
	}
}

std::string name_suffix(Moment lower, const Step &step, const Zone &zone) {
	const Moment wall = zone.wall(lower);
	const Date date = date_of(floor_divide(wall, microseconds_per_day));
	const Clock clock = clock_of(wall);
	std::string text = print("_p%04lld%02d%02d", static_cast<long long>(date.year), date.month, date.day);
	const bool begins_day = floor_modulo(wall, microseconds_per_day) == 0 && to_instant(wall, zone) == lower;
	if (step.unit == Step::Unit::Microsecond || !begins_day) {
		text += print("_%02d%02d%02d", clock.hour, clock.minute, clock.second);
		if (clock.microsecond != 0) {
			text += print("_%06d", clock.microsecond);
		}
		if (is_ambiguous(lower, zone)) {
			const auto offset = static_cast<int>(offset_seconds(lower, zone));
			const int minutes = std::abs(offset) / 60;
			text += print("_%c%02d%02d", offset < 0 ? 'm' : 'p', minutes / 60, minutes % 60);
		}
	}
	return text;
}

std::string name_suffix(std::int64_t lower) {
	const std::string digits = print("%lld", static_cast<long long>(lower));
	return lower < 0 ? "_m" + digits.substr(1) : "_p" + digits;
}

} // namespace warden::partition
