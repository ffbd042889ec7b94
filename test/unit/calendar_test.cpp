// Where partitions begin and end, against instants written out and as properties of random calendars.
#include "calendars.hpp"

#include <gtest/gtest.h>

namespace warden::partition {

namespace {

constexpr Moment hour_length = microseconds_per_hour;

/// The boundary that the moment's partition begins with.
Moment floor(const Calendar &calendar, const std::string &moment) {
	return calendar.start(calendar.number(at(moment)));
}

Calendar by_default(const Step &step, const Zone &zone) {
	return Calendar(step, default_anchor(step, zone), zone);
}

void expect_starts(const Calendar &calendar, std::int64_t first, const std::vector<std::string> &expected) {
	for (std::size_t i = 0; i < expected.size(); ++i) {
		const std::int64_t n = first + static_cast<std::int64_t>(i);
		EXPECT_EQ(calendar.start(n), at(expected[i])) << "boundary " << n << " is not " << expected[i];
	}
}

TEST(Calendar, DaysHaveAsManyHoursAsTheClocksOnTheWall) {
	const struct {
		Zone zone;
		const char *day;
		Moment minutes;
	} days_to_change[] = {
		{berlin, "2026-03-29 00:00+01", 23 * 60},    {berlin, "2026-10-25 00:00+02", 25 * 60},
		{berlin, "2026-11-21 00:00+01", 24 * 60},    {new_york, "2026-03-08 00:00-05", 23 * 60},
		{new_york, "2026-11-01 00:00-04", 25 * 60},  {lord_howe, "2026-04-05 00:00+11", 24 * 60 + 30},
		{lord_howe, "2026-10-04 00:00+10:30", 1410}, {sao_paulo, "2018-11-04 01:00-02", 23 * 60},
		{sao_paulo, "2018-02-17 00:00-02", 25 * 60}, {kathmandu, "2026-03-29 00:00+05:45", 24 * 60},
		{kathmandu, "1986-01-01 00:15+05:45", 1425}, {apia, "2011-12-29 00:00-10", 24 * 60},
		{havana, "2026-03-08 01:00-04", 23 * 60},    {havana, "2026-10-31 00:00-04", 25 * 60},
		{havana, "2026-11-01 00:00-05", 24 * 60},    {utc, "2026-03-29 00:00+00", 24 * 60},
		{berlin, "1999-10-31 00:00+02", 25 * 60},    {berlin, "0044-03-15 00:00+00:53:28 BC", 24 * 60}};
	for (const auto &[zone, day, length] : days_to_change) {
		const Calendar calendar = by_default(days(1), zone);
		const std::int64_t n = calendar.number(at(day));
		EXPECT_EQ(calendar.start(n), at(day)) << day;
		EXPECT_EQ(calendar.start(n + 1) - calendar.start(n), length * 60 * microseconds_per_second) << day;
		EXPECT_EQ(calendar.number(calendar.start(n + 1) - 1), n) << day;
	}
}

TEST(Calendar, ADayThatNeverWasIsEmpty) {
	const Calendar calendar = by_default(days(1), apia);
	const std::int64_t skipped = day_number(2011, 12, 30) - day_number(2000, 1, 3);
	expect_starts(calendar, skipped - 1,
	              {"2011-12-29 00:00-10", "2011-12-31 00:00+14", "2011-12-31 00:00+14", "2012-01-01 00:00+14"});
	EXPECT_EQ(calendar.number(at("2011-12-31 00:00+14")), skipped + 1);
	EXPECT_EQ(calendar.number(at("2011-12-31 00:00+14") - 1), skipped - 1);
}

TEST(Calendar, ADayThatWasTwiceIsInOnePartition) {
	const Calendar calendar = by_default(days(1), apia);
	const std::int64_t n = calendar.number(at("1892-07-03 12:00+12:33:04"));
	EXPECT_EQ(calendar.start(n + 1) - calendar.start(n), 48 * hour_length);
	EXPECT_EQ(calendar.number(at("1892-07-04 12:00+12:33:04")), n);
	EXPECT_EQ(calendar.number(at("1892-07-04 12:00-11:26:56")), n + 1);
}

TEST(Calendar, OfATimeShownTwiceTheZoneMayChooseTheFirst) {
	// At 00:30 back to 23:30 of the day before, which has begun by then.
	static const Rules rules("back over midnight", 0, {{at("2026-10-25 00:30"), -hour}}, {});
	const auto first = [](const void *, Moment wall) {
		return wall < at("2026-10-25 00:30") ? wall : wall + microseconds_per_hour;
	};
	const Calendar calendar(days(1), at("2026-10-24 00:00"), Zone{Rules::to_wall, first, &rules});
	expect_starts(calendar, 0, {"2026-10-24 00:00+00", "2026-10-25 00:00+00", "2026-10-26 00:00-01"});
	EXPECT_EQ(calendar.number(at("2026-10-24 23:59+00")), 0);
	EXPECT_EQ(calendar.number(at("2026-10-25 00:00+00")), 1);
	EXPECT_EQ(calendar.number(at("2026-10-24 23:30-01")), 1);
	EXPECT_EQ(calendar.number(at("2026-10-24 23:59-01")), 1);
	EXPECT_EQ(calendar.number(at("2026-10-25 00:00-01")), 1);
}

TEST(Calendar, HoursAreElapsedTimeWhateverTheClocksDo) {
	for (const Rules *rules : all_rules) {
		for (const Step &step : {minutes(30), hours(1), hours(6), hours(24)}) {
			const Calendar calendar = by_default(step, rules->zone());
			const std::int64_t first = calendar.number(at("2025-12-31 12:00+00"));
			for (std::int64_t n = first; n < first + 800; ++n) {
				ASSERT_EQ(calendar.start(n + 1) - calendar.start(n), step.count) << rules->name;
				ASSERT_EQ(calendar.number(calendar.start(n)), n) << rules->name;
				ASSERT_EQ(calendar.number(calendar.start(n + 1) - 1), n) << rules->name;
			}
		}
	}
}

TEST(Calendar, MonthEndsDoNotDrift) {
	const Calendar calendar(months(1), at("2024-01-31 00:00+01"), berlin);
	expect_starts(calendar, -3,
	              {"2023-10-31 00:00+01", "2023-11-30 00:00+01", "2023-12-31 00:00+01", "2024-01-31 00:00+01",
	               "2024-02-29 00:00+01", "2024-03-31 00:00+01", "2024-04-30 00:00+02", "2024-05-31 00:00+02"});
	expect_starts(calendar, 13, {"2025-02-28 00:00+01", "2025-03-31 00:00+02"});
	EXPECT_EQ(calendar.number(at("2024-03-30 23:59+01")), 1);
	EXPECT_EQ(calendar.number(at("2024-04-30 00:00+02")), 3);
	EXPECT_EQ(calendar.number(at("2023-11-29 23:59+01")), -3);
}

TEST(Calendar, LeapDays) {
	const Calendar years(months(12), at("2024-02-29 00:00+00"), utc);
	expect_starts(years, 0, {"2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"});
	expect_starts(years, 76, {"2100-02-28"});
	expect_starts(years, -124, {"1900-02-28"});
	expect_starts(years, -24, {"2000-02-29"});
	const Calendar daily = by_default(days(1), utc);
	EXPECT_EQ(floor(daily, "2000-02-29 12:00"), at("2000-02-29"));
	EXPECT_EQ(daily.number(at("2100-03-01")) - daily.number(at("2100-02-28")), 1);
	EXPECT_EQ(daily.number(at("1600-03-01")) - daily.number(at("1600-02-28")), 2);
}

TEST(Calendar, WeeksBeginOnMonday) {
	for (const Rules *rules : all_rules) {
		const Calendar calendar = by_default(days(7), rules->zone());
		for (std::int64_t n = -3000; n < 3000; ++n) {
			const Moment wall = rules->zone().wall(calendar.start(n));
			const Moment day = (wall - (wall < 0 ? microseconds_per_day - 1 : 0)) / microseconds_per_day;
			ASSERT_EQ((day - 2) % 7, 0) << rules->name << " " << literal(calendar.start(n), Notation::Timestamptz, utc);
		}
	}
	EXPECT_EQ(floor(by_default(days(7), berlin), "2026-03-29 23:59:59.999999+02"), at("2026-03-23 00:00+01"));
	EXPECT_EQ(floor(by_default(days(7), berlin), "2026-03-30 00:00+02"), at("2026-03-30 00:00+02"));
	EXPECT_EQ(floor(by_default(days(7), utc), "1969-07-20 20:17:40"), at("1969-07-14"));
}

TEST(Calendar, SeveralMonthsAlignWithTheYear) {
	EXPECT_EQ(floor(by_default(months(1), berlin), "2026-10-31 23:00+01"), at("2026-10-01 00:00+02"));
	EXPECT_EQ(floor(by_default(months(3), berlin), "2026-12-31 23:59+01"), at("2026-10-01 00:00+02"));
	EXPECT_EQ(floor(by_default(months(3), utc), "1999-12-31 23:59:59.999999"), at("1999-10-01"));
	EXPECT_EQ(floor(by_default(months(6), new_york), "2026-06-30 23:59-04"), at("2026-01-01 00:00-05"));
	EXPECT_EQ(floor(by_default(months(12), kathmandu), "2026-12-31 23:59+05:45"), at("2026-01-01 00:00+05:45"));
	EXPECT_EQ(floor(by_default(months(48), utc), "1999-06-01"), at("1996-01-01"));
	EXPECT_EQ(floor(by_default(months(120), utc), "1999-06-01"), at("1990-01-01"));
}

TEST(Calendar, HoursAlignWithTheDay) {
	EXPECT_EQ(floor(by_default(hours(6), berlin), "2026-11-21 17:59+01"), at("2026-11-21 12:00+01"));
	EXPECT_EQ(floor(by_default(hours(6), kathmandu), "2026-11-21 00:00+05:45"), at("2026-11-21 00:00+05:45"));
	EXPECT_EQ(floor(by_default(hours(1), kathmandu), "2026-11-21 13:59+05:45"), at("2026-11-21 13:00+05:45"));
	EXPECT_EQ(floor(by_default(minutes(15), utc), "1999-12-31 23:59:59.999999"), at("1999-12-31 23:45"));
}

TEST(Calendar, BeforeChristAndBeyondTheYear9999) {
	const Calendar yearly = by_default(months(12), utc);
	expect_starts(yearly, -2001, {"0002-01-01 BC", "0001-01-01 BC", "0001-01-01", "0002-01-01"});
	EXPECT_EQ(floor(yearly, "0044-03-15 BC"), at("0044-01-01 BC"));
	EXPECT_EQ(floor(by_default(months(1), utc), "0001-02-29 23:00 BC"), at("0001-02-01 BC"));
	EXPECT_EQ(floor(by_default(days(1), utc), "0001-12-31 23:59 BC"), at("0001-12-31 BC"));
	EXPECT_EQ(floor(by_default(days(1), berlin), "12345-07-08 09:00+01"), at("12345-07-08 00:00+01"));
	EXPECT_EQ(floor(by_default(months(3), utc), "294276-12-31 23:59"), at("294276-10-01"));
	EXPECT_EQ(floor(by_default(hours(1), utc), "294276-12-31 23:59"), at("294276-12-31 23:00"));
}

TEST(Calendar, KeysWithoutZoneAreTheClockThemselves) {
	const Calendar calendar = by_default(days(1), no_zone());
	EXPECT_EQ(calendar.start(0), at("2000-01-03"));
	EXPECT_EQ(floor(calendar, "2026-03-29 02:30"), at("2026-03-29"));
}

TEST(Calendar, NumberAndStartAreInverse) {
	Random random(1);
	for (int i = 0; i < 300'000; ++i) {
		const Calendar calendar = random_calendar(random);
		const Moment moment = random_moment(random);
		const std::int64_t n = calendar.number(moment);
		ASSERT_LE(calendar.start(n), moment);
		ASSERT_GT(calendar.start(n + 1), moment);
		const std::int64_t same = calendar.start(n) == beginning ? n : calendar.number(calendar.start(n));
		ASSERT_EQ(same, n);
	}
}

TEST(Calendar, StartNeverDecreases) {
	Random random(2);
	for (int i = 0; i < 20'000; ++i) {
		const Calendar calendar = random_calendar(random);
		const std::int64_t n = calendar.number(random_moment(random));
		for (std::int64_t k = n - 5; k < n + 5; ++k) {
			ASSERT_LE(calendar.start(k), calendar.start(k + 1));
		}
		Moment previous = calendar.start(0);
		for (int bits = 0; bits < 63; ++bits) {
			const Moment next = calendar.start(std::int64_t{1} << bits);
			ASSERT_LE(previous, next) << bits;
			previous = next;
		}
		previous = calendar.start(0);
		for (int bits = 0; bits < 64; ++bits) {
			const Moment next = calendar.start(static_cast<std::int64_t>(~std::uint64_t{0} << bits));
			ASSERT_GE(previous, next) << bits;
			previous = next;
		}
	}
}

TEST(Calendar, SaturatesAtTheEndsOfTheServersRange) {
	constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
	constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
	for (const Rules *rules : all_rules) {
		for (const Step &step : common_steps) {
			const Calendar calendar = by_default(step, rules->zone());
			for (const std::int64_t n : {most, most / 2 + 1, most / 12, most / 7}) {
				EXPECT_EQ(calendar.start(n), end) << rules->name << " " << n;
			}
			for (const std::int64_t n : {least, least / 2, least / 12, least / 7}) {
				EXPECT_EQ(calendar.start(n), beginning) << rules->name << " " << n;
			}
			const std::int64_t last = calendar.number(last_moment);
			EXPECT_LE(calendar.start(last), last_moment);
			EXPECT_EQ(calendar.start(last + 1), end);
			const std::int64_t first = calendar.number(first_moment);
			EXPECT_LE(calendar.start(first), first_moment);
			EXPECT_GT(calendar.start(first + 1), first_moment);
		}
	}
	const Calendar yearly = by_default(months(12), utc);
	EXPECT_EQ(yearly.start(294276 - 2000), at("294276-01-01"));
	EXPECT_EQ(yearly.start(294277 - 2000), end);
	EXPECT_EQ(yearly.start(-4712 - 2000), at("4713-01-01 BC"));
	EXPECT_EQ(yearly.start(-4713 - 2000), beginning);
}

TEST(Calendar, StepsLongerThanTheServersRange) {
	for (const Step &step : {months(2147483647), months(12 * 500'000), days(2147483647), days(200'000'000),
	                         Step{Step::Unit::Microsecond, std::numeric_limits<std::int64_t>::max()}}) {
		const Calendar calendar = by_default(step, utc);
		EXPECT_EQ(calendar.start(1), end);
		EXPECT_EQ(calendar.start(-1), beginning);
		EXPECT_EQ(calendar.number(last_moment), 0);
		EXPECT_EQ(calendar.number(first_moment), -1);
	}
}

TEST(Step, IsASpanInOneUnit) {
	for (const Step &step : common_steps) {
		const auto same = step_of(span_of(step));
		ASSERT_TRUE(same.has_value());
		EXPECT_EQ(same->unit, step.unit);
		EXPECT_EQ(same->count, step.count);
	}
	const Span bad[] = {{},
	                    {.months = -1},
	                    {.days = -1},
	                    {.microseconds = -1},
	                    {.months = 1, .days = 1},
	                    {.months = 1, .microseconds = 1},
	                    {.days = 1, .microseconds = 1},
	                    {.months = 1, .days = -1},
	                    {.days = 2, .microseconds = -1},
	                    {.months = -1, .microseconds = microseconds_per_day * 40}};
	for (const Span &span : bad) {
		EXPECT_FALSE(step_of(span).has_value()) << span.months << " " << span.days << " " << span.microseconds;
	}
}

TEST(Step, ComparesAsIntervalsDo) {
	EXPECT_EQ(nominal_microseconds({.months = 1}), nominal_microseconds({.days = 30}));
	EXPECT_EQ(nominal_microseconds({.days = 1}), nominal_microseconds({.microseconds = microseconds_per_day}));
	EXPECT_EQ(nominal_microseconds({.months = 1, .days = -1, .microseconds = 1}), 29.0 * 86400e6 + 1);
	EXPECT_GT(nominal_microseconds({.months = 2147483647}), nominal_microseconds({.months = 2147483646}));
}

TEST(Add, MonthsAndDaysByTheClockTheRestByElapsedTime) {
	const struct {
		const char *from;
		Span span;
		int sign;
		Zone zone;
		const char *to;
	} sums[] = {
		{"2026-03-28 12:00+01", {.days = 1}, 1, berlin, "2026-03-29 12:00+02"},
		{"2026-03-28 12:00+01", {.microseconds = microseconds_per_day}, 1, berlin, "2026-03-29 13:00+02"},
		{"2026-10-25 12:00+01", {.days = 1}, -1, berlin, "2026-10-24 12:00+02"},
		{"2026-10-25 12:00+01", {.microseconds = microseconds_per_day}, -1, berlin, "2026-10-24 13:00+02"},
		{"2026-03-28 02:30+01", {.days = 1}, 1, berlin, "2026-03-29 03:30+02"},
		{"2026-01-31 00:00+01", {.months = 1}, 1, berlin, "2026-02-28 00:00+01"},
		{"2026-03-31 00:00+02", {.months = 1}, -1, berlin, "2026-02-28 00:00+01"},
		{"2026-01-31 00:00+01",
	     {.months = 1, .days = 1, .microseconds = hour_length},
	     1,
	     berlin,
	     "2026-03-01 01:00+01"},
		{"2026-03-31 00:00+02",
	     {.months = 1, .days = 1, .microseconds = hour_length},
	     -1,
	     berlin,
	     "2026-02-26 23:00+01"},
		{"2026-02-28 00:00-05", {.months = 1, .days = -1}, 1, new_york, "2026-03-27 00:00-04"},
		{"2026-03-07 23:00-05", {.days = 1, .microseconds = 2 * hour_length}, 1, new_york, "2026-03-09 01:00-04"},
		{"2024-02-29 00:00+00", {.months = 12}, 1, utc, "2025-02-28 00:00+00"},
		{"2024-02-29 00:00+00", {.months = 24}, -1, utc, "2022-02-28 00:00+00"},
		{"2011-12-29 12:00-10", {.days = 1}, 1, apia, "2011-12-31 12:00+14"},
		{"2012-01-01 00:00+14", {.days = 1}, -1, apia, "2011-12-31 00:00+14"},
		{"2018-11-03 00:00-03", {.days = 1}, 1, sao_paulo, "2018-11-04 01:00-02"},
		{"2000-01-01 00:00+00", {.months = -12 * 2000}, 1, utc, "0001-01-01 00:00+00 BC"},
		{"2026-10-25 02:30+02", {}, 1, berlin, "2026-10-25 02:30+02"},
		{"2026-10-25 02:30+02", {.microseconds = hour_length}, 1, berlin, "2026-10-25 02:30+01"}};
	for (const auto &[from, span, sign, zone, to] : sums) {
		EXPECT_EQ(add(at(from), span, zone, sign), at(to))
			<< from << " to " << to << " is " << literal(add(at(from), span, zone, sign), Notation::Timestamptz, zone);
	}
}

TEST(Add, SaturatesBeyondTheServersRange) {
	const Span long_spans[] = {{.months = 2147483647},
	                           {.months = 12 * 600'000},
	                           {.months = 12 * 500'000},
	                           {.months = 12 * 292'280},
	                           {.days = 2147483647},
	                           {.days = 107'000'000},
	                           {.microseconds = std::numeric_limits<std::int64_t>::max()},
	                           {.months = 2147483647, .days = 2147483647, .microseconds = microseconds_per_day}};
	for (const Rules *rules : all_rules) {
		for (const Span &span : long_spans) {
			for (const char *from : {"2026-11-21 13:00+00", "294276-12-31 23:59:59+00", "200000-02-29 00:00+00"}) {
				EXPECT_EQ(add(at(from), span, rules->zone()), end) << from << " + " << span.months << " months";
				EXPECT_EQ(add(at("4713-01-01 BC"), span, rules->zone(), -1), beginning);
			}
		}
		EXPECT_EQ(add(last_moment, {.microseconds = 1}, rules->zone()), end);
		EXPECT_EQ(add(first_moment, {.microseconds = 1}, rules->zone(), -1), beginning);
		EXPECT_EQ(add(last_moment, {.days = 1}, rules->zone(), -1), last_moment - microseconds_per_day);
	}
	EXPECT_EQ(add(first_moment, {.microseconds = std::numeric_limits<std::int64_t>::min()}, utc, -1),
	          first_moment - std::numeric_limits<std::int64_t>::min());
	EXPECT_EQ(add(beginning, {.days = 1}, utc), beginning);
	EXPECT_EQ(add(end, {.months = 1}, utc, -1), end);
	EXPECT_EQ(add(at("2026-11-21"), {.months = 12 * 292'000}, utc), at("294026-11-21"));
}

TEST(Add, NoMonthsLeadToAWrongMoment) {
	// Every century of a million years, as what overflows may come out anywhere.
	for (std::int64_t years = 100; years < 1'000'000; years += 100) {
		const bool representable = 2026 + years <= 294276;
		ASSERT_EQ(add(at("2026-11-21"), {.months = 12 * years}, utc),
		          representable ? day_number(2026 + years, 11, 21) * microseconds_per_day : end)
			<< years;
		ASSERT_EQ(add(at("2026-11-21"), {.months = 12 * years}, utc, -1),
		          2026 - years > -4713 ? day_number(2026 - years, 11, 21) * microseconds_per_day : beginning)
			<< years;
	}
}

} // namespace

} // namespace warden::partition
