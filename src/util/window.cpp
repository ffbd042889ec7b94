#include "util/window.hpp"

#include "pg/error.hpp"
#include "util/words.hpp"

#include <algorithm>

namespace warden {

namespace {

constexpr int minutes_per_hour = 60;
constexpr int minutes_per_day = 24 * minutes_per_hour;
constexpr std::uint8_t all_weekdays = 0x7F;

class Parser {
public:
	explicit Parser(const std::string &text) : text_(text) {}

	Window parse() const;

private:
	[[noreturn]] void refuse(const std::string &detail) const;
	WindowRule parse_rule(std::string_view rule) const;
	std::uint8_t parse_weekdays(std::string_view list) const;
	int parse_weekday(std::string_view name) const;
	void parse_hours(std::string_view range, WindowRule &rule) const;
	int parse_time(std::string_view time) const;

	const std::string &text_;
};

void Parser::refuse(const std::string &detail) const {
	const std::string message =
		text_.size() > longest_text ? "start window is too long" : "invalid start window " + quoted(text_);
	throw Error(ERRCODE_INVALID_PARAMETER_VALUE, message)
		.with_detail(detail)
		.with_hint("A window is days, hours, or both, for instance \"Mon-Fri 22:00-06:00; Sat,Sun\".");
}

int Parser::parse_weekday(std::string_view name) const {
	const std::optional<int> weekday = weekday_named(trim(name));
	if (!weekday) {
		refuse(format("%s is not the name of a weekday.", quoted(trim(name)).c_str()));
	}
	return *weekday;
}

std::uint8_t Parser::parse_weekdays(std::string_view list) const {
	if (trim(list) == "*") {
		return all_weekdays;
	}
	unsigned bits = 0;
	for (const std::string_view item : split(list, ',')) {
		const std::size_t dash = item.find('-');
		const int first = parse_weekday(item.substr(0, dash));
		const int last = dash == std::string_view::npos ? first : parse_weekday(item.substr(dash + 1));
		// Weeks go round: Sat-Mon are three days.
		for (int weekday = first; weekday != last; weekday = (weekday + 1) % 7) {
			bits |= 1U << weekday;
		}
		bits |= 1U << last;
	}
	return static_cast<std::uint8_t>(bits);
}

int Parser::parse_time(std::string_view time) const {
	const std::size_t colon = time.find(':');
	const std::string_view minutes = colon == std::string_view::npos ? "" : time.substr(colon + 1);
	const std::optional<int> hour = parse_number(time.substr(0, colon));
	const std::optional<int> minute = parse_number(minutes);
	if (!hour || colon > 2 || !minute || minutes.size() != 2) {
		refuse(format("%s is not a time of day as in \"22:00\".", quoted(time).c_str()));
	}
	const int result = *hour * minutes_per_hour + *minute;
	if (*minute >= minutes_per_hour || result > minutes_per_day) {
		refuse(format("The time of day %s is not between 00:00 and 24:00.", quoted(time).c_str()));
	}
	return result;
}

void Parser::parse_hours(std::string_view range, WindowRule &rule) const {
	const std::size_t dash = range.find('-');
	if (dash == std::string_view::npos) {
		refuse(format("%s is not a range of hours as in \"22:00-06:00\".", quoted(range).c_str()));
	}
	rule.from = parse_time(trim(range.substr(0, dash)));
	rule.to = parse_time(trim(range.substr(dash + 1)));
	if (rule.from == rule.to) {
		refuse(format("The range of hours %s is empty.", quoted(range).c_str()));
	}
	if (rule.from == minutes_per_day) {
		refuse("A range of hours cannot begin at 24:00, only end then.");
	}
	rule.to = rule.to == 0 ? minutes_per_day : rule.to;
}

WindowRule Parser::parse_rule(std::string_view rule) const {
	rule = trim(rule);
	if (rule.empty()) {
		refuse("A part of it is empty.");
	}
	const auto hours = static_cast<std::size_t>(std::ranges::find_if(rule, is_digit) - rule.begin());
	WindowRule result{all_weekdays, 0, minutes_per_day};
	if (hours > 0) {
		result.weekdays = parse_weekdays(rule.substr(0, hours));
	}
	if (hours < rule.size()) {
		parse_hours(rule.substr(hours), result);
	}
	return result;
}

Window Parser::parse() const {
	if (text_.size() > longest_text) {
		refuse(format("It has %zu characters.", text_.size()));
	}
	Window window;
	for (const std::string_view rule : split(text_, ';')) {
		window.push_back(parse_rule(rule));
	}
	return window;
}

bool on(const WindowRule &rule, std::int64_t day) {
	return (rule.weekdays >> weekday_of(day) & 1) != 0;
}

/// What a clock shows, from this time on, when it is first inside of a rule; std::nullopt if the rule has no days.
std::optional<Moment> first_inside(const WindowRule &rule, Moment wall) {
	const std::int64_t today = floor_divide(wall, microseconds_per_day);
	const int length = rule.to > rule.from ? rule.to - rule.from : rule.to + minutes_per_day - rule.from;
	for (std::int64_t day = today - 1; day <= today + 7; ++day) {
		if (!on(rule, day)) {
			continue;
		}
		const Moment from = day * microseconds_per_day + rule.from * microseconds_per_minute;
		if (wall - from < length * microseconds_per_minute) {
			return std::max(from, wall);
		}
	}
	return std::nullopt;
}

std::optional<Moment> first_inside(const Window &window, Moment wall) {
	std::optional<Moment> first;
	for (const WindowRule &rule : window) {
		const std::optional<Moment> inside = first_inside(rule, wall);
		if (inside && (!first || *inside < *first)) {
			first = inside;
		}
	}
	return first;
}

} // namespace

Window parse_window(const std::string &text) {
	return Parser(text).parse();
}

bool contains(const Window &window, const Zone &zone, Moment moment) {
	if (window.empty()) {
		return true;
	}
	const Moment wall = zone.wall(moment);
	return first_inside(window, wall) == wall;
}

std::optional<Moment> next_opening(const Window &window, const Zone &zone, Moment moment) {
	if (window.empty()) {
		return moment;
	}
	return first_showing(zone, moment, [&](Moment wall) { return first_inside(window, wall); });
}

} // namespace warden
