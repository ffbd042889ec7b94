// When a cron schedule happens, against instants written out and against looking at every minute around each change of
// the clocks.
#include "schedule_oracle.hpp"

#include <gtest/gtest.h>

namespace warden::schedule {

namespace {

struct Known {
	Zone zone;
	const char *schedule;
	const char *after;
	std::vector<const char *> instants;
};

void expect_next(const std::vector<Known> &table) {
	for (const auto &[zone, schedule, after, instants] : table) {
		Moment moment = at(after);
		for (const char *instant : instants) {
			const std::optional<Moment> found = next(parse_cron(schedule), zone, moment);
			ASSERT_TRUE(found.has_value()) << schedule << " has none after " << moment;
			EXPECT_EQ(*found, at(instant)) << schedule << " after " << after << ": not " << instant << " but "
										   << (*found - at(instant)) / minute_length << " minutes later";
			moment = *found;
		}
	}
}

TEST(Cron, OrdinaryDays) {
	expect_next({
		{utc, "* * * * *", "2026-11-21 13:00:00", {"2026-11-21 13:01", "2026-11-21 13:02"}},
		{utc, "* * * * *", "2026-11-21 12:59:59.999999", {"2026-11-21 13:00"}},
		{utc, "*/15 * * * *", "2026-11-21 13:44", {"2026-11-21 13:45", "2026-11-21 14:00", "2026-11-21 14:15"}},
		{utc,
	     "5/20 * * * *",
	     "2026-11-21 13:00",
	     {"2026-11-21 13:05", "2026-11-21 13:25", "2026-11-21 13:45", "2026-11-21 14:05"}},
		{utc,
	     "1-30/7 0 * * *",
	     "2026-11-21",
	     {"2026-11-21 00:01", "2026-11-21 00:08", "2026-11-21 00:15", "2026-11-21 00:22", "2026-11-21 00:29",
	      "2026-11-22 00:01"}},
		{utc, "30 3 * * mon-fri", "2026-11-20 03:30", {"2026-11-23 03:30", "2026-11-24 03:30"}},
		{utc, "0 9,17 * * *", "2026-11-21 09:00", {"2026-11-21 17:00", "2026-11-22 09:00"}},
		{utc, "59 23 31 dec *", "2026-01-01", {"2026-12-31 23:59", "2027-12-31 23:59"}},
		{utc, "* * * * *", "2026-12-31 23:59", {"2027-01-01 00:00"}},
		{kathmandu, "0 9 * * *", "2026-11-21 00:00+00", {"2026-11-21 09:00+05:45", "2026-11-22 09:00+05:45"}},
		{new_york, "0 0 * * *", "2026-07-04 00:00-04", {"2026-07-05 00:00-04"}},
		{utc, "0 0 * * sat-sun", "2026-11-20", {"2026-11-21", "2026-11-22", "2026-11-28"}},
		{utc, "0 0 * * 7", "2026-11-20", {"2026-11-22", "2026-11-29"}},
		{utc, "0 0 * * 5-7", "2026-11-19", {"2026-11-20", "2026-11-21", "2026-11-22", "2026-11-27"}},
	});
}

TEST(Cron, Macros) {
	expect_next({{berlin, "@hourly", "2026-11-21 13:10+01", {"2026-11-21 14:00+01", "2026-11-21 15:00+01"}},
	             {berlin, "@daily", "2026-11-21 13:10+01", {"2026-11-22 00:00+01", "2026-11-23 00:00+01"}},
	             {berlin, "@midnight", "2026-11-21 13:10+01", {"2026-11-22 00:00+01"}},
	             {berlin, "@weekly", "2026-11-21 13:10+01", {"2026-11-22 00:00+01", "2026-11-29 00:00+01"}},
	             {berlin, "@monthly", "2026-11-21 13:10+01", {"2026-12-01 00:00+01", "2027-01-01 00:00+01"}},
	             {berlin, "@Yearly", "2026-11-21 13:10+01", {"2027-01-01 00:00+01", "2028-01-01 00:00+01"}},
	             {berlin, " @ANNUALLY\n", "2026-11-21 13:10+01", {"2027-01-01 00:00+01"}}});
}

TEST(Cron, EndsOfMonthsAndLeapDays) {
	expect_next({
		{utc, "0 0 L * *", "2027-12-31", {"2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"}},
		{utc, "0 0 l feb *", "2025-01-01", {"2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"}},
		{utc, "0 0 15,L * *", "2026-02-01", {"2026-02-15", "2026-02-28", "2026-03-15"}},
		{utc, "0 0 28,L 2 *", "2026-02-01", {"2026-02-28", "2027-02-28", "2028-02-28", "2028-02-29"}},
		{utc,
	     "0 0 31 * *",
	     "2026-01-01",
	     {"2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31", "2026-08-31", "2026-10-31", "2026-12-31"}},
		{utc, "0 0 30 * *", "2026-01-30", {"2026-03-30"}},
		{utc, "0 0 29 2 *", "2022-01-01", {"2024-02-29", "2028-02-29", "2032-02-29"}},
		{utc, "0 0 29 2 *", "2096-02-29", {"2104-02-29"}},
		{utc, "0 0 29 2 *", "1896-02-29", {"1904-02-29"}},
		{utc, "0 0 29 2 *", "1996-02-29", {"2000-02-29"}},
		{utc, "* * 29 2 *", "2028-02-29 23:59", {"2032-02-29 00:00"}},
		{berlin, "59 23 29 2 *", "2096-02-29 23:59+01", {"2104-02-29 23:59+01"}},
		{utc,
	     "0 12 */31,29 2 thu",
	     "2028-01-01",
	     {"2029-02-01 12:00", "2035-02-01 12:00", "2046-02-01 12:00", "2052-02-01 12:00", "2052-02-29 12:00"}},
	});
}

TEST(Cron, EitherTheDayOrTheWeekdayIfBothAreRestricted) {
	expect_next({
		{utc, "0 0 13 * fri", "2026-02-07", {"2026-02-13", "2026-02-20", "2026-02-27", "2026-03-06", "2026-03-13"}},
		{utc, "0 0 1 * mon", "2026-11-24", {"2026-11-30", "2026-12-01", "2026-12-07"}},
		{utc, "0 0 L * 0", "2026-11-25", {"2026-11-29", "2026-11-30", "2026-12-06"}},
		{utc, "0 0 30 2 mon", "2026-03-01", {"2027-02-01", "2027-02-08"}},
		{utc, "0 0 1-31 * mon", "2026-11-21", {"2026-11-22", "2026-11-23"}},
		// A field that begins with "*" does not restrict, but its step holds.
		{utc, "0 0 */2 * mon", "2026-11-21", {"2026-11-23", "2026-12-07", "2026-12-21"}},
		{utc, "0 0 1 * */2", "2026-11-02", {"2026-12-01", "2027-04-01"}},
		{utc, "0 0 *,5 * fri", "2026-11-21", {"2026-11-27", "2026-12-04"}},
	});
}

TEST(Cron, AFixedTimeHappensOnceInAutumn) {
	expect_next({
		{berlin, "30 2 * * *", "2026-10-24 12:00+02", {"2026-10-25 02:30+02", "2026-10-26 02:30+01"}},
		{berlin, "30 2 * * *", "2026-10-25 02:10+01", {"2026-10-26 02:30+01"}},
		{berlin,
	     "*/20 2 * * *",
	     "2026-10-24 12:00+02",
	     {"2026-10-25 02:00+02", "2026-10-25 02:20+02", "2026-10-25 02:40+02", "2026-10-26 02:00+01"}},
		{berlin,
	     "0 1-3 * * *",
	     "2026-10-25 00:00+02",
	     {"2026-10-25 01:00+02", "2026-10-25 02:00+02", "2026-10-25 03:00+01"}},
		{new_york, "30 1 * * *", "2026-10-31 12:00-04", {"2026-11-01 01:30-04", "2026-11-02 01:30-05"}},
		{new_york, "0 2 * * *", "2026-10-31 12:00-04", {"2026-11-01 02:00-05"}},
		{lord_howe, "45 1 * * *", "2026-04-04 12:00+11", {"2026-04-05 01:45+11", "2026-04-06 01:45+10:30"}},
		{lord_howe, "0 2 * * *", "2026-04-04 12:00+11", {"2026-04-05 02:00+10:30"}},
		{sao_paulo, "30 23 * * *", "2018-02-17 12:00-02", {"2018-02-17 23:30-02", "2018-02-18 23:30-03"}},
		{sao_paulo, "0 0 * * *", "2018-02-17 12:00-02", {"2018-02-18 00:00-03"}},
		{havana, "0 0 * * *", "2026-10-31 12:00-04", {"2026-11-01 00:00-04", "2026-11-02 00:00-05"}},
		{havana, "@monthly", "2026-10-31 12:00-04", {"2026-11-01 00:00-04", "2026-12-01 00:00-05"}},
	});
}

TEST(Cron, AFixedTimeInAGapHappensWhenItEnds) {
	expect_next({
		{berlin, "30 2 * * *", "2026-03-28 12:00+01", {"2026-03-29 03:00+02", "2026-03-30 02:30+02"}},
		{berlin, "*/20 2 * * *", "2026-03-28 12:00+01", {"2026-03-29 03:00+02", "2026-03-30 02:00+02"}},
		{berlin,
	     "0,30 2-3 * * *",
	     "2026-03-28 12:00+01",
	     {"2026-03-29 03:00+02", "2026-03-29 03:30+02", "2026-03-30 02:00+02"}},
		{berlin, "30 2 29 3 *", "2026-01-01 00:00+01", {"2026-03-29 03:00+02", "2027-03-29 02:30+02"}},
		{new_york, "15 2 * * *", "2026-03-07 12:00-05", {"2026-03-08 03:00-04", "2026-03-09 02:15-04"}},
		{lord_howe, "15 2 * * *", "2026-10-03 12:00+10:30", {"2026-10-04 02:30+11", "2026-10-05 02:15+11"}},
		{sao_paulo, "0 0 * * *", "2018-11-03 12:00-03", {"2018-11-04 01:00-02", "2018-11-05 00:00-02"}},
		{havana, "@daily", "2026-03-07 12:00-05", {"2026-03-08 01:00-04", "2026-03-09 00:00-04"}},
		{havana, "@weekly", "2026-03-07 12:00-05", {"2026-03-08 01:00-04", "2026-03-15 00:00-04"}},
		{apia,
	     "0 3 * * *",
	     "2011-12-29 00:00-10",
	     {"2011-12-29 03:00-10", "2011-12-31 00:00+14", "2011-12-31 03:00+14"}},
		{apia, "0 0 * * *", "2011-12-29 00:00-10", {"2011-12-31 00:00+14", "2012-01-01 00:00+14"}},
		{apia, "0 12 30 12 *", "2011-12-01 00:00-10", {"2011-12-31 00:00+14", "2012-12-30 12:00+14"}},
		// The end of the gap itself is not before it, nor at it.
		{berlin, "30 2 * * *", "2026-03-29 02:59:59.999999+02", {"2026-03-29 03:00+02"}},
		{berlin, "30 2 * * *", "2026-03-29 03:00+02", {"2026-03-30 02:30+02"}},
	});
}

TEST(Cron, WithEveryHourItFollowsTheHandsOfTheClock) {
	expect_next({
		{berlin, "30 * * * *", "2026-03-29 00:30+01", {"2026-03-29 01:30+01", "2026-03-29 03:30+02"}},
		{berlin,
	     "30 0-23 * * *",
	     "2026-10-25 01:30+02",
	     {"2026-10-25 02:30+02", "2026-10-25 02:30+01", "2026-10-25 03:30+01"}},
		{berlin, "*/30 * * * *", "2026-10-25 02:30+02", {"2026-10-25 02:00+01", "2026-10-25 02:30+01"}},
		{lord_howe, "0 * * * *", "2026-04-05 01:00+11", {"2026-04-05 02:00+10:30"}},
		{lord_howe,
	     "45 * * * *",
	     "2026-04-05 01:00+11",
	     {"2026-04-05 01:45+11", "2026-04-05 01:45+10:30", "2026-04-05 02:45+10:30"}},
		{lord_howe, "15 * * * *", "2026-10-04 01:15+10:30", {"2026-10-04 03:15+11"}},
		{sao_paulo,
	     "0 * 17 * *",
	     "2018-02-17 22:00-02",
	     {"2018-02-17 23:00-02", "2018-02-17 23:00-03", "2018-03-17 00:00-03"}},
		{apia, "0 * 30 12 *", "2011-12-01 00:00-10", {"2012-12-30 00:00+14"}},
	});
}

TEST(Cron, AtTheEndsOfTheServersRange) {
	for (const Rules *rules : all_rules) {
		const Zone zone = rules->zone();
		for (const char *text : {"* * * * *", "* 0-22 * * *", "0 0 29 2 *", "0 * 29 2 *"}) {
			const Cron cron = parse_cron(text);
			EXPECT_EQ(next(cron, zone, last_moment), std::nullopt);
			EXPECT_EQ(next(cron, zone, end), std::nullopt);
			const std::optional<Moment> first = next(cron, zone, beginning);
			ASSERT_TRUE(first.has_value());
			EXPECT_GE(*first, first_moment);
			Moment moment = last_moment - 2 * microseconds_per_day;
			while (const std::optional<Moment> found = next(cron, zone, moment)) {
				ASSERT_GT(*found, moment);
				moment = *found;
			}
			EXPECT_LE(moment, last_moment);
		}
	}
}

TEST(Cron, IsThatOfLookingAtEveryMinute) {
	Random random(1);
	for_each_change([&](const Rules &rules, Moment change) {
		const Zone zone = rules.zone();
		const Moment from = change - 2 * microseconds_per_day;
		const Moment to = change + 2 * microseconds_per_day;
		for (int i = 0; i < 6; ++i) {
			Written written = write_cron(random);
			if (i % 2 == 0) { // near enough to happen
				written.meaning.months = 0x1FFE;
			}
			const std::vector<Moment> expected = slots_by_the_minute(written.meaning, zone, from, to);
			std::vector<Moment> found;
			for (auto slot = next(written.meaning, zone, from); slot && *slot <= to;
			     slot = next(written.meaning, zone, *slot)) {
				found.push_back(*slot);
				ASSERT_LE(found.size(), expected.size()) << written.text << " in " << rules.name;
			}
			ASSERT_EQ(found, expected) << written.text << " in " << rules.name;
			for (int j = 0; j < 20; ++j) {
				const Moment after = random.number(from, to);
				const auto later = std::ranges::upper_bound(expected, after);
				const std::optional<Moment> one = next(written.meaning, zone, after);
				if (later != expected.end()) {
					ASSERT_EQ(one, *later) << written.text << " in " << rules.name << " after " << after;
				} else {
					ASSERT_TRUE(!one || *one > to) << written.text << " in " << rules.name << " after " << after;
				}
			}
		}
	});
}

TEST(Cron, EachTimeOfEachDayHappensOnce) {
	for (const Rules *rules : all_rules) {
		for (const char *text : {"0 0 * * *", "30 1 * * *", "15 2 * * *", "30 2 * * *", "30 23 * * *"}) {
			const Cron cron = parse_cron(text);
			std::int64_t count = 0;
			const Moment to = first_instant(at("2031-01-01 12:00"), rules->zone());
			for (auto slot = next(cron, rules->zone(), first_instant(at("2021-01-01 12:00"), rules->zone()));
			     slot && *slot <= to; slot = next(cron, rules->zone(), *slot)) {
				++count;
			}
			EXPECT_EQ(count, day_number(2031, 1, 1) - day_number(2021, 1, 1)) << rules->name << " " << text;
		}
	}
}

} // namespace

} // namespace warden::schedule
