// schedule_oracle.hpp - The slots of a schedule and the hours of a window, looked for minute by minute: slow, and
// plain.
//
// For zones whose clocks are whole minutes off.
#pragma once

#include "schedule/cron.hpp"
#include "util/window.hpp"
#include "zones.hpp"

namespace warden::schedule {

inline constexpr Moment minute_length = 60 * microseconds_per_second;

inline bool is_set(std::uint64_t bits, std::int64_t n) {
	return (bits & std::uint64_t{1} << n) != 0;
}

/// Whether the fields name this minute, which is shown on some wall.
inline bool names(const Cron &cron, Moment wall) {
	const std::int64_t minutes = floor_divide(wall, minute_length);
	const std::int64_t day = floor_divide(minutes, 1440);
	const Date date = date_of(day);
	const bool by_day = is_set(cron.days, date.day) || (is_set(cron.days, 0) && date_of(day + 1).day == 1);
	const bool by_weekday = is_set(cron.weekdays, ((day - 1) % 7 + 7) % 7); // 2000-01-02, which is 1, was a Sunday
	return is_set(cron.minutes, minutes - floor_divide(minutes, 60) * 60) &&
	       is_set(cron.hours, floor_divide(minutes, 60) - day * 24) && is_set(cron.months, date.month) &&
	       (cron.either_day ? by_day || by_weekday : by_day && by_weekday);
}

/// The slots after `from` and up to `to`, which are whole minutes.  A fixed time happens when the clock gets to it or
/// past it for the first time.
inline std::vector<Moment> slots_by_the_minute(const Cron &cron, const Zone &zone, Moment from, Moment to) {
	std::vector<Moment> slots;
	Moment latest = zone.wall(from - 30 * microseconds_per_hour);
	for (Moment instant = from - 30 * microseconds_per_hour; instant <= to; instant += minute_length) {
		const Moment wall = zone.wall(instant);
		bool due = false;
		if (cron.every_hour()) {
			due = names(cron, wall);
		} else {
			for (; latest < wall; latest += minute_length) {
				due |= names(cron, latest + minute_length);
			}
		}
		if (due && instant > from) {
			slots.push_back(instant);
		}
	}
	return slots;
}

inline bool is_inside(const Window &window, Moment wall) {
	const std::int64_t minutes = floor_divide(wall, minute_length);
	const std::int64_t day = floor_divide(minutes, 1440);
	const std::int64_t minute = minutes - day * 1440;
	bool inside = window.empty();
	for (const WindowRule &rule : window) {
		const bool today = is_set(rule.weekdays, ((day - 1) % 7 + 7) % 7);
		const bool yesterday = is_set(rule.weekdays, ((day - 2) % 7 + 7) % 7);
		if (rule.from < rule.to) {
			inside |= today && minute >= rule.from && minute < rule.to;
		} else {
			inside |= (today && minute >= rule.from) || (yesterday && minute < rule.to);
		}
	}
	return inside;
}

/// A schedule as its author would write it, and what it is to mean.
struct Written {
	std::string text;
	Cron meaning;
};

inline std::string number_or_name(std::int64_t value, const char *const *names_of, Random &random) {
	std::string text = names_of != nullptr && random.one_in(2) ? names_of[value] : std::to_string(value);
	if (text.size() == 1 && random.one_in(4)) {
		text.insert(0, "0");
	}
	if (random.one_in(3)) {
		std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
	}
	return text;
}

/// A field of one to three items, of values up to `most`.
inline std::string write_field(Random &random, int least, int most, const char *const *names_of, std::uint64_t &bits) {
	std::string text;
	bits = 0;
	for (std::int64_t items = random.one_in(3) ? random.number(1, 3) : 1; items > 0; --items) {
		std::int64_t first = random.number(least, most), last = most, step = random.number(1, most - least + 1);
		text += text.empty() ? "" : ",";
		switch (random.number(0, 5)) {
		case 0:
			text += "*";
			first = least, step = 1;
			break;
		case 1:
			text += "*/" + std::to_string(step);
			first = least;
			break;
		case 2:
			text += number_or_name(first, names_of, random) + "/" + std::to_string(step);
			break;
		case 3:
			last = random.number(first, most);
			text += number_or_name(first, names_of, random) + "-" + number_or_name(last, names_of, random);
			step = 1;
			break;
		case 4:
			last = random.number(first, most);
			text += number_or_name(first, names_of, random) + "-" + number_or_name(last, names_of, random) + "/" +
			        std::to_string(step);
			break;
		default:
			text += number_or_name(first, names_of, random);
			last = first;
		}
		for (std::int64_t value = first; value <= last; value += step) {
			bits |= std::uint64_t{1} << value;
		}
	}
	return text;
}

inline Written write_cron(Random &random) {
	static constexpr const char *month_names[] = {"",    "jan", "february", "mar", "apr", "may",     "jun",
	                                              "jul", "aug", "sep",      "oct", "nov", "december"};
	static constexpr const char *weekday_names[] = {"sun", "mon", "tuesday", "wed", "thu", "fri", "sat"};
	std::uint64_t minutes = 0, hours = 0, days = 0, months = 0, weekdays = 0;
	Written written;
	const std::string minute = write_field(random, 0, 59, nullptr, minutes);
	const std::string hour = random.one_in(3) ? (hours = 0xFFFFFF, "*") : write_field(random, 0, 23, nullptr, hours);
	std::string day = random.one_in(2) ? (days = 0xFFFFFFFE, "*") : write_field(random, 1, 31, nullptr, days);
	if (random.one_in(8)) {
		day = random.one_in(2) ? (days = 0, "L") : day + ",L";
		days |= 1;
	}
	const std::string month =
		random.one_in(2) ? (months = 0x1FFE, "*") : write_field(random, 1, 12, month_names, months);
	const std::string weekday =
		random.one_in(2) ? (weekdays = 0x7F, "*") : write_field(random, 0, 6, weekday_names, weekdays);
	written.text = minute + " " + hour + " " + day + " " + month + "\t" + weekday;
	written.meaning = {minutes,
	                   static_cast<std::uint32_t>(hours),
	                   static_cast<std::uint32_t>(days),
	                   static_cast<std::uint16_t>(months),
	                   static_cast<std::uint8_t>(weekdays),
	                   day[0] != '*' && weekday[0] != '*'};
	return written;
}

inline Window random_window(Random &random) {
	Window window;
	for (std::int64_t rules = random.number(1, 3); rules > 0; --rules) {
		WindowRule rule{static_cast<std::uint8_t>(random.number(1, 0x7F)), 0, 1440};
		if (!random.one_in(3)) {
			rule.from = static_cast<int>(random.number(0, 95)) * 15;
			rule.to = static_cast<int>(random.number(1, 96)) * 15;
			rule.to = rule.to == rule.from ? 1440 : rule.to;
		}
		window.push_back(rule);
	}
	return window;
}

/// The changes of the clocks from 2010 to 2035, which are all by whole minutes.
template <class F>
void for_each_change(F &&f) {
	for (const Rules *rules : all_rules) {
		for (const Transition &transition : rules->transitions) {
			if (transition.at > at("2010-01-01") && transition.at < at("2035-01-01")) {
				f(*rules, transition.at);
			}
		}
	}
}

} // namespace warden::schedule
