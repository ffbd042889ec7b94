// At which instant a clock on the wall first shows a time, against instants written out and against looking at
// every ten minutes.
#include "schedule_oracle.hpp"

#include <gtest/gtest.h>

namespace warden {

namespace {

TEST(FirstInstant, OfATimeShownTwiceIsTheFirst) {
	EXPECT_EQ(first_instant(at("2026-10-25 02:30"), berlin), at("2026-10-25 02:30+02"));
	EXPECT_EQ(first_instant(at("2026-10-25 02:00"), berlin), at("2026-10-25 02:00+02"));
	EXPECT_EQ(first_instant(at("2026-10-25 03:00") - 1, berlin), at("2026-10-25 03:00+02") - 1);
	EXPECT_EQ(first_instant(at("2026-10-25 03:00"), berlin), at("2026-10-25 03:00+01"));
	EXPECT_EQ(first_instant(at("2026-11-01 01:59"), new_york), at("2026-11-01 01:59-04"));
	EXPECT_EQ(first_instant(at("2026-04-05 01:45"), lord_howe), at("2026-04-05 01:45+11"));
	EXPECT_EQ(first_instant(at("2018-02-17 23:30"), sao_paulo), at("2018-02-17 23:30-02"));
	EXPECT_EQ(first_instant(at("2018-02-18 00:00"), sao_paulo), at("2018-02-18 00:00-03"));
	EXPECT_EQ(first_instant(at("2026-11-01 00:00"), havana), at("2026-11-01 00:00-04"));
	EXPECT_EQ(first_instant(at("1892-07-04 12:00"), apia), at("1892-07-04 12:00+12:33:04"));
}

TEST(FirstInstant, OfATimeThatIsSkippedIsTheEndOfTheGap) {
	for (const char *skipped : {"2026-03-29 02:00", "2026-03-29 02:30", "2026-03-29 02:59:59.999999"}) {
		EXPECT_EQ(first_instant(at(skipped), berlin), at("2026-03-29 03:00+02")) << skipped;
	}
	EXPECT_EQ(first_instant(at("2026-03-29 02:00") - 1, berlin), at("2026-03-29 02:00+01") - 1);
	EXPECT_EQ(first_instant(at("2026-03-08 02:15"), new_york), at("2026-03-08 03:00-04"));
	EXPECT_EQ(first_instant(at("2026-10-04 02:15"), lord_howe), at("2026-10-04 02:30+11"));
	EXPECT_EQ(first_instant(at("2018-11-04 00:00"), sao_paulo), at("2018-11-04 01:00-02"));
	for (const char *skipped : {"2011-12-30 00:00", "2011-12-30 12:00", "2011-12-30 23:59"}) {
		EXPECT_EQ(first_instant(at(skipped), apia), at("2011-12-31 00:00+14")) << skipped;
	}
}

TEST(FirstInstant, IsThatOfLookingEveryTenMinutes) {
	constexpr Moment step = 10 * schedule::minute_length; // of which every gap is a multiple
	schedule::for_each_change([](const Rules &rules, Moment change) {
		const Zone zone = rules.zone();
		Moment instant = change - 3 * microseconds_per_day;
		const Moment last = zone.wall(change + 3 * microseconds_per_day);
		for (Moment wall = zone.wall(instant); wall <= last; wall += step) {
			while (zone.wall(instant) < wall) {
				instant += step;
			}
			ASSERT_EQ(first_instant(wall, zone), instant) << rules.name << " " << change << " " << wall;
		}
	});
}

TEST(FirstInstant, NeverComesBeforeThatOfAnEarlierTime) {
	Random random(1);
	for (int i = 0; i < 200'000; ++i) {
		const Zone zone = random.any(all_rules)->zone();
		const Moment wall = random_moment(random);
		const Moment later = wall + random.number(0, 30 * microseconds_per_hour);
		const Moment instant = first_instant(wall, zone);
		ASSERT_LE(instant, first_instant(later, zone));
		if (is_finite(instant)) {
			ASSERT_TRUE(zone.wall(instant) >= wall);
			ASSERT_TRUE(instant == first_moment || zone.wall(instant - 1) < wall) << wall;
		}
	}
}

TEST(FirstInstant, AtTheEndsOfTheServersRange) {
	for (const Rules *rules : all_rules) {
		const Zone zone = rules->zone();
		EXPECT_EQ(first_instant(zone.wall(last_moment), zone), last_moment);
		EXPECT_EQ(first_instant(zone.wall(last_moment) + 1, zone), end);
		EXPECT_EQ(first_instant(end, zone), end);
		EXPECT_EQ(first_instant(zone.wall(first_moment), zone), first_moment);
		EXPECT_EQ(first_instant(zone.wall(first_moment) - 1, zone), first_moment);
		EXPECT_EQ(first_instant(beginning, zone), first_moment);
	}
}

TEST(FirstInstant, OfAZoneThatIsDaysOff) {
	static const Rules rules("<far>-167", 167 * hour, {{at("2026-06-01"), -167 * hour}}, {});
	const Zone zone = rules.zone();
	EXPECT_EQ(first_instant(at("2026-03-01 12:00"), zone), at("2026-03-01 12:00") - 167 * microseconds_per_hour);
	EXPECT_EQ(first_instant(at("2026-09-01 12:00"), zone), at("2026-09-01 12:00") + 167 * microseconds_per_hour);
}

TEST(FindChange, IsTheInstantOfTheChange) {
	schedule::for_each_change([](const Rules &rules, Moment change) {
		for (const Moment half : {Moment{1}, microseconds_per_hour, microseconds_per_day}) {
			EXPECT_EQ(find_change(rules.zone(), change - half, change + half), change) << rules.name;
			EXPECT_EQ(find_change(rules.zone(), change - half, change), change) << rules.name;
			EXPECT_EQ(find_change(rules.zone(), change - half - 1, change - half), std::nullopt) << rules.name;
			EXPECT_EQ(find_change(rules.zone(), change, change + half), std::nullopt) << rules.name;
		}
	});
}

TEST(Weekday, OfDaysBeforeAndAfter2000) {
	EXPECT_EQ(weekday_of(day_number(2026, 11, 21)), 6);
	EXPECT_EQ(weekday_of(day_number(2026, 11, 22)), 0);
	EXPECT_EQ(weekday_of(day_number(1999, 12, 31)), 5);
	EXPECT_EQ(weekday_of(day_number(1969, 7, 20)), 0);
	EXPECT_EQ(weekday_of(day_number(-4712, 1, 1)), 4); // 4713 BC, in the Gregorian calendar
}

} // namespace

} // namespace warden
