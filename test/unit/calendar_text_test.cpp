// Anchors, and how moments are written: as literals and in names.
#include "calendars.hpp"

#include <gtest/gtest.h>

#include <set>

namespace warden::partition {

namespace {

std::string written(const char *moment, const Zone &zone) {
	return literal(at(moment), Notation::Timestamptz, zone);
}

TEST(DefaultAnchor, IsMidnightOfTheYear2000OrItsFirstMonday) {
	EXPECT_EQ(default_anchor(months(1), berlin), at("2000-01-01 00:00+01"));
	EXPECT_EQ(default_anchor(hours(1), sao_paulo), at("2000-01-01 00:00-02"));
	EXPECT_EQ(default_anchor(minutes(5), kathmandu), at("2000-01-01 00:00+05:45"));
	EXPECT_EQ(default_anchor(days(1), new_york), at("2000-01-03 00:00-05"));
	EXPECT_EQ(default_anchor(days(7), apia), at("2000-01-03 00:00-11"));
	EXPECT_EQ(default_anchor(days(10), no_zone()), at("2000-01-03"));
}

TEST(SamePhase, IsTheNearestToTheDefaultAnchor) {
	const struct {
		Step step;
		const char *anchor;
		Zone zone;
		const char *expected;
	} cases[] = {{days(1), "2026-11-21 00:00+01", berlin, "2000-01-03 00:00+01"},
	             {days(7), "2026-07-05 00:00+02", berlin, "2000-01-02 00:00+01"}, // a Sunday
	             {days(7), "2026-07-06 00:00+02", berlin, "2000-01-03 00:00+01"},
	             {days(7), "2026-07-08 06:00+02", berlin, "2000-01-05 06:00+01"},
	             {days(1), "2026-07-08 22:00+02", berlin, "2000-01-02 22:00+01"},
	             {days(1), "1969-07-20 02:00-04", new_york, "2000-01-03 01:00-05"}, // the tables have no summer of 1969
	             {months(1), "2026-07-01 00:00+02", berlin, "2000-01-01 00:00+01"},
	             {months(1), "2026-07-31 00:00+02", berlin, "1999-12-31 00:00+01"},
	             {months(1), "2026-04-30 00:00+02", berlin, "1999-12-30 00:00+01"},
	             {months(3), "2026-05-01 00:00+02", berlin, "2000-02-01 00:00+01"},
	             {months(3), "2026-06-01 00:00+02", berlin, "1999-12-01 00:00+01"},
	             {months(12), "2026-10-01 00:00+02", berlin, "1999-10-01 00:00+02"},
	             {hours(1), "2026-07-08 13:30+02", berlin, "2000-01-01 00:30+01"},
	             {hours(1), "2026-07-08 13:45+02", berlin, "1999-12-31 23:45+01"},
	             {hours(6), "2026-07-08 03:00+01", berlin, "2000-01-01 03:00+01"},
	             {hours(24), "1914-06-28 20:00+01", berlin, "1999-12-31 20:00+01"},
	             // Where the nearest month is too short to know the day, or its clocks skip the time.
	             {months(3), "2023-11-30 00:00+00", utc, "1999-11-30 00:00+00"},
	             {months(2), "2023-12-31 00:00+00", utc, "1999-12-31 00:00+00"},
	             {months(5), "2024-01-31 00:00+00", utc, "1999-01-31 00:00+00"},
	             {months(36), "2028-02-29 00:00+00", utc, "2004-02-29 00:00+00"},
	             {days(84), "2000-03-27 02:30+02", berlin, "2000-01-03 02:30+01"},
	             {days(200), "2000-10-12 02:30+02", berlin, "1999-09-08 02:30+02"}};
	for (const auto &[step, anchor, zone, expected] : cases) {
		const Moment found = same_phase(step, at(anchor), zone);
		EXPECT_EQ(found, at(expected)) << anchor << " gives " << literal(found, Notation::Timestamptz, zone);
	}
}

TEST(SamePhase, HasTheSameBoundaries) {
	Random random(3);
	for (int i = 0; i < 50'000; ++i) {
		const Zone zone = random.any(all_rules)->zone();
		const Step step = random.any(common_steps);
		const Moment midnight = zone.instant(random.number(-30'000, 30'000) * microseconds_per_day);
		const Moment anchor = random.one_in(2) ? midnight : midnight + random.number(0, 1439) * 60'000'000;
		const Calendar calendar(step, anchor, zone);
		const Moment found = same_phase(step, anchor, zone);
		const Calendar same(step, found, zone);
		const Moment moment = random.number(at("1800-01-01"), at("2200-01-01"));
		const Moment start = calendar.start(calendar.number(moment));
		ASSERT_EQ(same.start(same.number(moment)), start)
			<< literal(anchor, Notation::Timestamptz, zone) << " as " << literal(found, Notation::Timestamptz, zone);
		ASSERT_EQ(calendar.start(calendar.number(found)), found);
		ASSERT_EQ(same_phase(step, found, zone), found);
	}
}

TEST(SamePhase, OfAnyAnchorAndStep) {
	for (const Rules *rules : all_rules) {
		for (const Step &step : {days(2147483647), days(200'000'000), months(2147483647), months(12 * 300'000), days(1),
		                         months(1), Step{Step::Unit::Microsecond, std::numeric_limits<std::int64_t>::max()},
		                         Step{Step::Unit::Microsecond, 1}}) {
			for (const char *anchor : {"1999-12-31", "2000-01-04", "4713-01-01 BC", "294276-12-30 12:00"}) {
				const Moment found = same_phase(step, at(anchor), rules->zone());
				const Calendar same(step, found, rules->zone());
				EXPECT_EQ(same.start(same.number(at(anchor))), at(anchor)) << rules->name << " " << anchor;
			}
			for (const Moment anchor : {first_moment, last_moment}) {
				const Moment found = same_phase(step, anchor, rules->zone());
				EXPECT_TRUE(found >= first_moment && found <= last_moment) << rules->name;
			}
		}
	}
}

TEST(SamePhase, OfATimeThatTheClocksShowTwice) {
	// Of the first 02:30 and of the second.
	EXPECT_EQ(same_phase(days(1), at("2026-10-25 02:30+02"), berlin), at("2000-01-03 02:30+01"));
	EXPECT_EQ(same_phase(days(1), at("2026-10-25 02:30+01"), berlin), at("2000-01-03 02:30+01"));
	EXPECT_EQ(same_phase(months(12 * 60'000), at("2026-10-25 02:30+02"), berlin), at("2026-10-25 02:30+02"));
}

TEST(Literal, IsWhatSqlReads) {
	EXPECT_EQ(written("2026-11-21 13:00+01", berlin), "2026-11-21 13:00:00+01");
	EXPECT_EQ(written("2026-11-21 12:00+00", utc), "2026-11-21 12:00:00+00");
	EXPECT_EQ(written("2026-11-21 00:00-05", new_york), "2026-11-21 00:00:00-05");
	EXPECT_EQ(written("2026-10-25 02:00+02", berlin), "2026-10-25 02:00:00+02");
	EXPECT_EQ(written("2026-10-25 02:00+01", berlin), "2026-10-25 02:00:00+01");
	EXPECT_EQ(written("2026-11-21 13:00:00.5+05:45", kathmandu), "2026-11-21 13:00:00.500000+05:45");
	EXPECT_EQ(written("1999-12-31 23:59:59.999999+00", utc), "1999-12-31 23:59:59.999999+00");
	EXPECT_EQ(written("1850-01-01 00:00+00:53:28", berlin), "1850-01-01 00:00:00+00:53:28");
	EXPECT_EQ(written("1850-01-01 00:00-04:56:02", new_york), "1850-01-01 00:00:00-04:56:02");
	EXPECT_EQ(written("0001-01-01 00:00+00", utc), "0001-01-01 00:00:00+00");
	EXPECT_EQ(written("0001-12-31 00:00+00 BC", utc), "0001-12-31 00:00:00+00 BC");
	EXPECT_EQ(written("0044-03-15 12:00-04:56:02 BC", new_york), "0044-03-15 12:00:00-04:56:02 BC");
	EXPECT_EQ(written("12345-01-02 00:00+01", berlin), "12345-01-02 00:00:00+01");
	EXPECT_EQ(literal(first_moment, Notation::Timestamptz, utc), "4714-11-24 00:00:00+00 BC");
	EXPECT_EQ(literal(first_moment, Notation::Timestamptz, new_york), "4714-11-23 19:03:58-04:56:02 BC");
	EXPECT_EQ(literal(last_moment, Notation::Timestamptz, kathmandu), "294277-01-01 05:44:59.999999+05:45");
	EXPECT_EQ(literal(at("2026-11-21 13:00:01"), Notation::Timestamp, no_zone()), "2026-11-21 13:00:01");
	EXPECT_EQ(literal(at("0002-02-03 BC"), Notation::Timestamp, no_zone()), "0002-02-03 00:00:00 BC");
	EXPECT_EQ(literal(at("2026-11-21"), Notation::Date, no_zone()), "2026-11-21");
	EXPECT_EQ(literal(at("0044-03-15 BC"), Notation::Date, no_zone()), "0044-03-15 BC");
	EXPECT_EQ(literal(at("294276-12-31"), Notation::Date, no_zone()), "294276-12-31");
}

TEST(Literal, ComesBack) {
	Random random(4);
	for (int i = 0; i < 200'000; ++i) {
		const Zone zone = random.any(all_rules)->zone();
		Moment moment = random_moment(random);
		moment -= random.one_in(2) ? moment % 1'000'000 : 0;
		const std::string text = literal(moment, Notation::Timestamptz, zone);
		ASSERT_EQ(at(text), moment) << text;
		ASSERT_EQ(at(literal(moment, Notation::Timestamp, no_zone())), moment);
		const Moment day = moment - moment % microseconds_per_day;
		ASSERT_EQ(at(literal(day, Notation::Date, no_zone())), day);
	}
}

TEST(NameSuffix, IsTheDayAndTheTimeIfNeeded) {
	EXPECT_EQ(name_suffix(at("2026-11-21 00:00+01"), days(1), berlin), "_p20261121");
	EXPECT_EQ(name_suffix(at("2026-11-01 00:00-04"), months(1), new_york), "_p20261101");
	EXPECT_EQ(name_suffix(at("2026-11-21 13:00+01"), hours(1), berlin), "_p20261121_130000");
	EXPECT_EQ(name_suffix(at("2026-11-21 00:00+01"), hours(1), berlin), "_p20261121_000000");
	EXPECT_EQ(name_suffix(at("2026-11-21 06:30:15+01"), days(1), berlin), "_p20261121_063015");
	EXPECT_EQ(name_suffix(at("2018-11-04 01:00-02"), days(1), sao_paulo), "_p20181104_010000");
	EXPECT_EQ(name_suffix(at("2026-10-25 01:00+02"), hours(1), berlin), "_p20261025_010000");
	EXPECT_EQ(name_suffix(at("2026-10-25 02:00+02"), hours(1), berlin), "_p20261025_020000_p0200");
	EXPECT_EQ(name_suffix(at("2026-10-25 02:00+01"), hours(1), berlin), "_p20261025_020000_p0100");
	EXPECT_EQ(name_suffix(at("2026-10-25 03:00+01"), hours(1), berlin), "_p20261025_030000");
	EXPECT_EQ(name_suffix(at("2026-11-01 01:30-04"), minutes(30), new_york), "_p20261101_013000_m0400");
	EXPECT_EQ(name_suffix(at("2026-11-01 01:30-05"), minutes(30), new_york), "_p20261101_013000_m0500");
	EXPECT_EQ(name_suffix(at("2026-04-05 01:30+11"), minutes(30), lord_howe), "_p20260405_013000_p1100");
	EXPECT_EQ(name_suffix(at("2026-04-05 01:30+10:30"), minutes(30), lord_howe), "_p20260405_013000_p1030");
	EXPECT_EQ(name_suffix(at("2026-04-05 02:00+10:30"), minutes(30), lord_howe), "_p20260405_020000");
	EXPECT_EQ(name_suffix(at("12345-01-02"), days(1), no_zone()), "_p123450102");
}

TEST(NameSuffix, TellsSiblingsApartThroughTheYears) {
	for (const Rules *rules : all_rules) {
		for (const char *since : {"1891-01-01", "2010-06-01", "2017-01-01", "2026-01-01"}) {
			for (const Step &step : {minutes(30), hours(1), days(1)}) {
				const Calendar calendar(step, default_anchor(step, rules->zone()), rules->zone());
				std::set<std::string> names;
				const Moment until = at(since) + 3 * 366 * microseconds_per_day;
				for (std::int64_t n = calendar.number(at(since)); calendar.start(n) < until; ++n) {
					if (calendar.start(n) != calendar.start(n + 1)) {
						const std::string name = name_suffix(calendar.start(n), step, rules->zone());
						ASSERT_TRUE(names.insert(name).second) << rules->name << " " << name;
					}
				}
			}
		}
	}
}

TEST(NameSuffix, TellsPartsOfADayApart) {
	// The hour between two midnights, of which the second begins the day.
	EXPECT_EQ(name_suffix(at("2026-11-01 00:00-05"), days(1), havana), "_p20261101");
	EXPECT_EQ(name_suffix(at("2026-11-01 00:00-04"), days(1), havana), "_p20261101_000000_m0400");
	for (const Rules *rules : all_rules) {
		for (const char *since : {"1892-07-01", "2011-12-01", "2018-11-01", "2026-10-01"}) {
			std::set<std::string> names;
			for (int part = 0; part < 40 * 48; ++part) {
				const Moment lower = at(since) + part * 1800 * microseconds_per_second;
				const std::string name = name_suffix(lower, days(1), rules->zone());
				EXPECT_TRUE(names.insert(name).second) << rules->name << " " << name;
			}
		}
	}
}

TEST(NameSuffix, FitsAnIdentifier) {
	Random random(5);
	for (int i = 0; i < 20'000; ++i) {
		const std::string name = name_suffix(random.number(first_moment, last_moment), minutes(1), lord_howe);
		ASSERT_LE(name.size(), 32u) << name;
	}
}

} // namespace

} // namespace warden::partition
