#include "schedule/cron.hpp"

#include "pg/error.hpp"
#include "util/words.hpp"

#include <algorithm>
#include <bit>

namespace warden::schedule {

namespace {

constexpr int minutes_per_hour = 60;
constexpr int minutes_per_day = 24 * minutes_per_hour;
constexpr int last_day = 0; // the bit that stands for L

struct Field {
	const char *name; // as a sentence begins
	int least, most;
	std::optional<int> (*named)(std::string_view);
	const char *otherwise; // what a value is that is none
};

constexpr Field minute_field = {"Minute", 0, 59, nullptr, "not a number from 0 to 59"};
constexpr Field hour_field = {"Hour", 0, 23, nullptr, "not a number from 0 to 23"};
constexpr Field day_field = {"Day", 1, 31, nullptr, "neither a number from 1 to 31 nor L for the last day"};
constexpr Field month_field = {"Month", 1, 12, month_named, "neither a number from 1 to 12 nor a name like \"jan\""};
constexpr Field weekday_field = {"Weekday", 0, 6, weekday_named,
                                 "neither a number from 0 to 7 nor a name like \"mon\""};

struct Macro {
	std::string_view name, fields;
};

constexpr Macro macros[] = {{"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
                            {"@weekly", "0 0 * * 0"},  {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
                            {"@annually", "0 0 1 1 *"}};

class Parser {
public:
	explicit Parser(const std::string &text) : text_(text) {}

	Cron parse() const;

private:
	[[noreturn]] void refuse(const std::string &detail) const;
	std::uint64_t parse_field(const Field &field, std::string_view list) const;
	std::uint64_t parse_item(const Field &field, std::string_view item) const;
	int parse_value(const Field &field, std::string_view value) const;
	int parse_step(const Field &field, std::string_view step) const;

	const std::string &text_;
};

void Parser::refuse(const std::string &detail) const {
	const std::string message =
		text_.size() > longest_text ? "cron schedule is too long" : "invalid cron schedule " + quoted(text_);
	throw Error(ERRCODE_INVALID_PARAMETER_VALUE, message)
		.with_detail(detail)
		.with_hint(
			"A schedule is \"minute hour day month weekday\", for instance \"30 3 * * mon-fri\" or \"*/5 * * * *\", "
			"or one of @hourly, @daily, @weekly, @monthly and @yearly.");
}

int Parser::parse_value(const Field &field, std::string_view value) const {
	const std::optional<int> named = field.named != nullptr ? field.named(value) : std::nullopt;
	if (named) {
		return *named;
	}
	if (value.empty()) {
		refuse(format("%s: there is a value missing.", field.name));
	}
	if (!std::ranges::all_of(value, is_digit)) {
		refuse(format("%s %s is %s.", field.name, quoted(value).c_str(), field.otherwise));
	}
	const int most = &field == &weekday_field ? field.most + 1 : field.most;
	const std::optional<int> number = parse_number(value);
	if (!number || *number < field.least || *number > most) {
		refuse(format("%s %s is not between %d and %d.", field.name, std::string(value).c_str(), field.least, most));
	}
	return *number;
}

// A step is taken as a distance in time, which one that is longer than the field would not be: with every 90 minutes
// nobody means the full hour.
int Parser::parse_step(const Field &field, std::string_view step) const {
	const int most = field.most - field.least + 1;
	const std::optional<int> number = parse_number(step);
	if (!number || *number < 1 || *number > most) {
		refuse(format("%s: the step %s is not a number between 1 and %d.", field.name, quoted(step).c_str(), most));
	}
	return *number;
}

std::uint64_t Parser::parse_item(const Field &field, std::string_view item) const {
	if (&field == &day_field && same_word(item, "L")) {
		return std::uint64_t{1} << last_day;
	}
	const std::size_t slash = item.find('/');
	const std::string_view base = item.substr(0, slash);
	const std::size_t dash = base.find('-');
	int first = field.least, last = field.most;
	if (dash != std::string_view::npos) {
		first = parse_value(field, base.substr(0, dash));
		last = parse_value(field, base.substr(dash + 1));
		if (&field == &weekday_field && first > 0 && last == 0 && is_letter(base.back())) {
			last = field.most + 1; // sat-sun
		}
		if (first > last) {
			refuse(format("%s: the range %s is upside down.", field.name, quoted(base).c_str()));
		}
	} else if (base != "*") {
		first = parse_value(field, base);
		last = slash == std::string_view::npos ? first : std::max(first, last);
	}
	const int step = slash == std::string_view::npos ? 1 : parse_step(field, item.substr(slash + 1));
	std::uint64_t bits = 0;
	for (int value = first; value <= last; value += step) {
		bits |= std::uint64_t{1} << value;
	}
	return bits;
}

std::uint64_t Parser::parse_field(const Field &field, std::string_view list) const {
	std::uint64_t bits = 0;
	for (const std::string_view item : split(list, ',')) {
		bits |= parse_item(field, item);
	}
	return bits;
}

int days_in_month(std::int64_t year, int month) {
	const std::int64_t next = month == 12 ? days_of({year + 1, 1, 1}) : days_of({year, month + 1, 1});
	return static_cast<int>(next - days_of({year, month, 1}));
}

bool has(std::uint64_t bits, int bit) {
	return (bits >> bit & 1) != 0;
}

// A leap day is on each of the seven weekdays once in forty years, so that only the days of the months can exclude each
// other.
bool happens(const Cron &cron) {
	if (cron.either_day || has(cron.days, last_day)) {
		return true;
	}
	constexpr int leap_year = 2000;
	for (int month = 1; month <= 12; ++month) {
		const std::uint64_t days = (std::uint64_t{2} << days_in_month(leap_year, month)) - 2;
		if (has(cron.months, month) && (cron.days & days) != 0) {
			return true;
		}
	}
	return false;
}

Cron Parser::parse() const {
	if (text_.size() > longest_text) {
		refuse(format("It has %zu characters.", text_.size()));
	}
	std::string_view text = trim(text_);
	if (text.starts_with('@')) {
		const auto *const macro = std::ranges::find_if(macros, [&](const Macro &m) { return same_word(m.name, text); });
		if (macro == std::end(macros)) {
			refuse(format("There is no %s.", quoted(text).c_str()));
		}
		text = macro->fields;
	}
	const std::vector<std::string_view> fields = words(text);
	if (fields.size() != 5) {
		refuse(format("It has %zu field%s instead of five.", fields.size(), fields.size() == 1 ? "" : "s"));
	}
	Cron cron{};
	cron.minutes = parse_field(minute_field, fields[0]);
	cron.hours = static_cast<std::uint32_t>(parse_field(hour_field, fields[1]));
	cron.days = static_cast<std::uint32_t>(parse_field(day_field, fields[2]));
	cron.months = static_cast<std::uint16_t>(parse_field(month_field, fields[3]));
	const std::uint64_t weekdays = parse_field(weekday_field, fields[4]);
	cron.weekdays = static_cast<std::uint8_t>((weekdays | weekdays >> 7) & 0x7F); // Sunday is 7 as well
	cron.either_day = !fields[2].starts_with('*') && !fields[4].starts_with('*');
	if (!happens(cron)) {
		refuse("It never happens: none of its months has such a day.");
	}
	return cron;
}

/// The days of a month on which it happens, as bits from 1.
std::uint32_t days_of_month(const Cron &cron, std::int64_t year, int month) {
	const int length = days_in_month(year, month);
	const int first_weekday = weekday_of(days_of({year, month, 1}));
	std::uint32_t by_weekday = 0;
	for (int day = 1; day <= length; ++day) {
		by_weekday |= static_cast<std::uint32_t>(has(cron.weekdays, (first_weekday + day - 1) % 7)) << day;
	}
	const std::uint32_t last = has(cron.days, last_day) ? std::uint32_t{1} << length : 0;
	const std::uint32_t in_month = (std::uint32_t{1} << length) * 2 - 2;
	const std::uint32_t by_day = ((cron.days & ~(1U << last_day)) | last) & in_month;
	return cron.either_day ? by_day | by_weekday : by_day & by_weekday;
}

/// The first day from this one on, in days since 2000-01-01.
std::optional<std::int64_t> first_day(const Cron &cron, std::int64_t from) {
	constexpr std::int64_t last = last_moment / microseconds_per_day + 1;
	Date date = date_of(from);
	while (from <= last) {
		if (has(cron.months, date.month)) {
			const std::uint32_t days = days_of_month(cron, date.year, date.month) >> date.day;
			if (days != 0) {
				return days_of(date) + std::countr_zero(days);
			}
		}
		date = date.month == 12 ? Date{date.year + 1, 1, 1} : Date{date.year, date.month + 1, 1};
		from = days_of(date);
	}
	return std::nullopt;
}

/// The first minute of a day from this one on; minutes_per_day if there is none.
int first_minute(const Cron &cron, int from) {
	if (from >= minutes_per_day) {
		return minutes_per_day;
	}
	const int hour = from / minutes_per_hour;
	const std::uint64_t minutes = cron.minutes >> (from % minutes_per_hour);
	if (has(cron.hours, hour) && minutes != 0) {
		return from + std::countr_zero(minutes);
	}
	const std::uint32_t later = cron.hours >> hour >> 1;
	if (later == 0) {
		return minutes_per_day;
	}
	return (hour + 1 + std::countr_zero(later)) * minutes_per_hour + std::countr_zero(cron.minutes);
}

/// The first time from this one on that the fields name, whether or not a clock shows it.
std::optional<Moment> first_wall(const Cron &cron, Moment from) {
	const std::int64_t today = floor_divide(from, microseconds_per_day);
	const Moment time = from - today * microseconds_per_day;
	const int now = static_cast<int>((time + microseconds_per_minute - 1) / microseconds_per_minute);
	std::optional<std::int64_t> day = first_day(cron, today);
	if (day == today && first_minute(cron, now) == minutes_per_day) {
		day = first_day(cron, today + 1);
	}
	if (!day) {
		return std::nullopt;
	}
	const int minute = first_minute(cron, *day == today ? now : 0);
	return *day * microseconds_per_day + minute * microseconds_per_minute;
}

bool is_word_of_cron(std::string_view letters) {
	return weekday_named(letters) || month_named(letters) || same_word(letters, "L");
}

/// Whether all of its numbers and names are those of a schedule; if not, it may be a time or a length of time.
bool is_all_cron(std::string_view field) {
	while (!field.empty()) {
		const bool letters = is_letter(field.front());
		const bool digits = is_digit(field.front());
		const auto *const rest =
			std::ranges::find_if(field, [&](char c) { return is_letter(c) != letters || is_digit(c) != digits; });
		const auto length = static_cast<std::size_t>(rest - field.begin());
		if ((letters && !is_word_of_cron(field.substr(0, length))) || (digits && length > 2)) {
			return false;
		}
		field.remove_prefix(length);
	}
	return true;
}

} // namespace

Cron parse_cron(const std::string &text) {
	return Parser(text).parse();
}

bool looks_like_cron(const std::string &text) {
	const std::string_view trimmed = trim(text);
	if (trimmed.starts_with('@')) {
		return trimmed.size() > 1 && is_letter(trimmed[1]); // "@ 5 minutes" is an interval
	}
	const auto may_be_in = [](char c) {
		return is_space(c) || is_digit(c) || is_letter(c) ||
		       std::string_view("*/,-?$").find(c) != std::string_view::npos;
	};
	if (!std::ranges::all_of(trimmed, may_be_in)) {
		return false;
	}
	const std::vector<std::string_view> fields = words(trimmed);
	return trimmed.find('*') != std::string_view::npos ||
	       (fields.size() == 5 && std::ranges::all_of(fields, is_all_cron));
}

std::optional<Moment> next(const Cron &cron, const Zone &zone, Moment after) {
	if (after >= last_moment) {
		return std::nullopt;
	}
	const auto wall_from = [&](Moment wall) { return first_wall(cron, wall); };
	if (cron.every_hour()) {
		return first_showing(zone, std::max(after, first_moment - 1) + 1, wall_from);
	}
	after = std::max(after, first_moment);
	std::optional<Moment> wall = wall_from(zone.wall(after) + 1);
	while (wall) {
		const Moment instant = first_instant(*wall, zone);
		if (instant > after) {
			return instant <= last_moment ? std::optional(instant) : std::nullopt;
		}
		wall = wall_from(*wall + 1); // it was shown before, by clocks that have been turned back since
	}
	return std::nullopt;
}

} // namespace warden::schedule
