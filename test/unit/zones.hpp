// zones.hpp - Time zones for the tests, from tables in here: neither a server nor a tz database is needed.
//
// The rules are the real ones of 2000 to 2037 (Havana's from 2012), go on to 2100, and are coarse before.  Where clocks
// skip or repeat a time, the choice is the server's: DetermineTimeZoneOffset().  A zone that is asked about a time that
// the server cannot represent ends the test.
#pragma once

#include "util/clock.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace warden {

/// Julian's way to count days, as in the server's date2j(), but since 2000-01-01.  The year 0 is 1 BC.
constexpr std::int64_t day_number(std::int64_t year, int month, int day) {
	const std::int64_t years = month > 2 ? year + 4800 : year + 4799;
	const std::int64_t century = years / 100;
	return years * 365 - 32167 + years / 4 - century + century / 4 + 7834 * (month > 2 ? month + 1 : month + 13) / 256 +
	       day - 2451545;
}

/// "2026-03-29 01:30:00.5+01:00 BC": the moment, with any part after the date left out.
inline Moment at(const std::string &text) {
	long long year = 0;
	int month = 0, day = 0, hour = 0, minute = 0, second = 0, length = 0;
	double fraction = 0;
	if (std::sscanf(text.c_str(), "%lld-%d-%d%n", &year, &month, &day, &length) != 3) {
		std::fprintf(stderr, "not a moment: \"%s\"\n", text.c_str());
		std::abort();
	}
	const char *rest = text.c_str() + length;
	if (std::sscanf(rest, " %d:%d%n", &hour, &minute, &length) == 2) {
		rest += length;
		if (std::sscanf(rest, ":%d%n", &second, &length) == 1) {
			rest += length;
		}
		if (*rest == '.' && std::sscanf(rest, "%lf%n", &fraction, &length) == 1) {
			rest += length;
		}
	}
	Moment offset = 0;
	if (*rest == '+' || *rest == '-') {
		int parts[3] = {};
		std::sscanf(rest + 1, "%d:%d:%d", &parts[0], &parts[1], &parts[2]);
		offset = (*rest == '-' ? -1 : 1) * (parts[0] * 3600 + parts[1] * 60 + parts[2]);
	}
	const bool before_christ = std::strstr(rest, " BC") != nullptr;
	const Moment days = day_number(before_christ ? 1 - year : year, month, day);
	const Moment seconds = hour * 3600 + minute * 60 + second - offset;
	return days * microseconds_per_day + seconds * microseconds_per_second + static_cast<Moment>(fraction * 1e6 + 0.5);
}

/// From an instant on, the clocks are this many seconds ahead of UTC.
struct Transition {
	Moment at;
	std::int64_t offset;
};

/// Each year, at so many seconds after 00:00 UTC of the nth Sunday of the month; the last one if n is 0.
struct SundayRule {
	int first_year, last_year, month, nth;
	std::int64_t seconds, offset;
};

struct Rules {
	const char *name;
	std::int64_t first_offset;
	std::vector<Transition> transitions;

	Rules(const char *zone_name, std::int64_t offset, std::vector<Transition> fixed, std::vector<SundayRule> yearly)
		: name(zone_name), first_offset(offset), transitions(std::move(fixed)) {
		for (const SundayRule &rule : yearly) {
			for (int year = rule.first_year; year <= rule.last_year; ++year) {
				const bool last = rule.nth == 0;
				const std::int64_t day = last ? day_number(year, rule.month + 1, 1) - 7
				                              : day_number(year, rule.month, 1) + (rule.nth - 1) * 7;
				const std::int64_t sunday = day + ((1 - day) % 7 + 7) % 7; // 2000-01-02, which is 1, was one
				transitions.push_back(
					{sunday * microseconds_per_day + rule.seconds * microseconds_per_second, rule.offset});
			}
		}
		std::ranges::sort(transitions, {}, &Transition::at);
	}

	std::int64_t offset_before(std::size_t i) const { return i == 0 ? first_offset : transitions[i - 1].offset; }
	std::size_t first_after(Moment instant) const {
		return static_cast<std::size_t>(std::ranges::upper_bound(transitions, instant, {}, &Transition::at) -
		                                transitions.begin());
	}

	static void check(const char *what, Moment moment) {
		if (moment < first_moment - 2 * microseconds_per_day || moment > last_moment + 2 * microseconds_per_day) {
			std::fprintf(stderr, "a zone was asked for the %s %lld\n", what, static_cast<long long>(moment));
			std::abort();
		}
	}

	static Moment to_wall(const void *self, Moment instant) {
		check("clock at the instant", instant);
		const Rules &rules = *static_cast<const Rules *>(self);
		return instant + rules.offset_before(rules.first_after(instant)) * microseconds_per_second;
	}

	static Moment to_instant(const void *self, Moment wall) {
		check("instant of the wall time", wall);
		const Rules &rules = *static_cast<const Rules *>(self);
		const std::size_t next = rules.first_after(wall - microseconds_per_day);
		const Moment before = wall - rules.offset_before(next) * microseconds_per_second;
		if (next == rules.transitions.size()) {
			return before;
		}
		const auto [boundary, offset] = rules.transitions[next];
		const Moment after = wall - offset * microseconds_per_second;
		if (before < boundary && after < boundary) {
			return before;
		}
		if (before > boundary && after >= boundary) {
			return after;
		}
		return before > after ? before : after; // skipped: as if not changed yet; shown twice: the second time
	}

	Zone zone() const { return {to_wall, to_instant, this}; }
};

inline constexpr std::int64_t hour = 3600;

inline const Rules utc_rules{"UTC", 0, {}, {}};

inline const Rules berlin_rules{"Europe/Berlin", // changes at 01:00 UTC
                                53 * 60 + 28,
                                {{at("1893-03-31 23:06:32"), hour}},
                                {{1996, 2100, 3, 0, hour, 2 * hour}, {1996, 2100, 10, 0, hour, hour}}};

inline const Rules new_york_rules{"America/New_York", // changes at 02:00
                                  -(4 * hour + 56 * 60 + 2),
                                  {{at("1883-11-18 17:00:00"), -5 * hour}},
                                  {{1987, 2006, 4, 1, 7 * hour, -4 * hour},
                                   {1987, 2006, 10, 0, 6 * hour, -5 * hour},
                                   {2007, 2100, 3, 2, 7 * hour, -4 * hour},
                                   {2007, 2100, 11, 1, 6 * hour, -5 * hour}}};

inline const Rules lord_howe_rules{"Australia/Lord_Howe", // half an hour, at 02:00
                                   10 * hour + 36 * 60 + 20,
                                   {{at("1895-01-31 13:23:40"), 10 * hour},
                                    {at("1981-02-28 14:00:00"), 10 * hour + 1800},
                                    {at("1995-10-28 15:30:00"), 11 * hour},
                                    {at("2000-08-26 15:30:00"), 11 * hour}},
                                   {{1996, 2005, 3, 0, -9 * hour, 10 * hour + 1800},
                                    {2006, 2006, 4, 1, -9 * hour, 10 * hour + 1800},
                                    {2007, 2007, 3, 0, -9 * hour, 10 * hour + 1800},
                                    {2008, 2100, 4, 1, -9 * hour, 10 * hour + 1800},
                                    {1996, 1999, 10, 0, -8 * hour - 1800, 11 * hour},
                                    {2001, 2007, 10, 0, -8 * hour - 1800, 11 * hour},
                                    {2008, 2100, 10, 1, -8 * hour - 1800, 11 * hour}}};

inline const Rules sao_paulo_rules{"America/Sao_Paulo", // at 00:00, which is skipped in October or November
                                   -(3 * hour + 6 * 60 + 28),
                                   {{at("1914-01-01 03:06:28"), -3 * hour},
                                    {at("1999-10-03 03:00:00"), -2 * hour},
                                    {at("2000-02-27 02:00:00"), -3 * hour},
                                    {at("2004-11-02 03:00:00"), -2 * hour}},
                                   {{2000, 2001, 10, 2, 3 * hour, -2 * hour},
                                    {2002, 2002, 11, 1, 3 * hour, -2 * hour},
                                    {2003, 2003, 10, 3, 3 * hour, -2 * hour},
                                    {2005, 2005, 10, 3, 3 * hour, -2 * hour},
                                    {2006, 2006, 11, 1, 3 * hour, -2 * hour},
                                    {2007, 2007, 10, 2, 3 * hour, -2 * hour},
                                    {2008, 2017, 10, 3, 3 * hour, -2 * hour},
                                    {2018, 2018, 11, 1, 3 * hour, -2 * hour},
                                    {2001, 2006, 2, 3, 2 * hour, -3 * hour},
                                    {2007, 2007, 2, 0, 2 * hour, -3 * hour},
                                    {2008, 2011, 2, 3, 2 * hour, -3 * hour},
                                    {2012, 2012, 2, 4, 2 * hour, -3 * hour},
                                    {2013, 2014, 2, 3, 2 * hour, -3 * hour},
                                    {2015, 2015, 2, 4, 2 * hour, -3 * hour},
                                    {2016, 2019, 2, 3, 2 * hour, -3 * hour}}};

inline const Rules apia_rules{"Pacific/Apia", // 1892-07-04 happened twice, 2011-12-30 did not
                              12 * hour + 33 * 60 + 4,
                              {{at("1892-07-04 11:26:56"), -(11 * hour + 26 * 60 + 56)},
                               {at("1911-01-01 11:26:56"), -11 * hour - 1800},
                               {at("1950-01-01 11:30:00"), -11 * hour},
                               {at("2010-09-26 11:00:00"), -10 * hour},
                               {at("2011-04-02 14:00:00"), -11 * hour},
                               {at("2011-09-24 14:00:00"), -10 * hour},
                               {at("2011-12-30 10:00:00"), 14 * hour},
                               {at("2012-03-31 14:00:00"), 13 * hour}},
                              {{2012, 2020, 9, 0, -10 * hour, 14 * hour}, {2013, 2021, 4, 1, -10 * hour, 13 * hour}}};

inline const Rules kathmandu_rules{
	"Asia/Kathmandu",
	5 * hour + 41 * 60 + 16,
	{{at("1919-12-31 18:18:44"), 5 * hour + 1800}, {at("1985-12-31 18:30:00"), 5 * hour + 45 * 60}},
	{}};

inline const Rules havana_rules{"America/Havana", // midnight is skipped in March and shown twice in November
                                -5 * hour,
                                {{at("2012-04-01 05:00:00"), -4 * hour}},
                                {{2013, 2100, 3, 2, 5 * hour, -4 * hour}, {2012, 2100, 11, 1, 5 * hour, -5 * hour}}};

inline const Rules *const all_rules[] = {&utc_rules,       &berlin_rules, &new_york_rules,  &lord_howe_rules,
                                         &sao_paulo_rules, &apia_rules,   &kathmandu_rules, &havana_rules};

inline const Zone utc = utc_rules.zone();
inline const Zone berlin = berlin_rules.zone();
inline const Zone new_york = new_york_rules.zone();
inline const Zone lord_howe = lord_howe_rules.zone();
inline const Zone sao_paulo = sao_paulo_rules.zone();
inline const Zone apia = apia_rules.zone();
inline const Zone kathmandu = kathmandu_rules.zone();
inline const Zone havana = havana_rules.zone();

/// The same numbers with every compiler and library.
class Random {
public:
	explicit Random(std::uint64_t seed) : engine_(seed) {}

	/// low <= number <= high
	std::int64_t number(std::int64_t low, std::int64_t high) {
		const std::uint64_t values = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
		const std::uint64_t value = values == 0 ? engine_() : engine_() % values;
		return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + value);
	}
	bool one_in(std::int64_t n) { return number(1, n) == 1; }
	template <class T, std::size_t size>
	const T &any(const T (&values)[size]) {
		return values[number(0, static_cast<std::int64_t>(size) - 1)];
	}

private:
	std::mt19937_64 engine_;
};

/// Sometimes anywhere in the server's range, mostly where zones have rules.
inline Moment random_moment(Random &random) {
	if (random.one_in(10)) {
		return random.number(first_moment, last_moment);
	}
	return random.number(at("1850-01-01"), at("2105-01-01"));
}

} // namespace warden
