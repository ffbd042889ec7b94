// Sets of any bounds: what is cut to fit, where a set's calendar comes from, and what holds for all.
#include "plan_invariants.hpp"

#include <gtest/gtest.h>

namespace warden::partition {

namespace {

constexpr std::size_t many = 5000;

Moment bound(const std::string &text) {
	return text == "MINVALUE" ? beginning : text == "MAXVALUE" ? end : at(text);
}

std::vector<Range> ranges(const std::vector<std::pair<std::string, std::string>> &bounds) {
	std::vector<Range> result;
	for (const auto &[lower, upper] : bounds) {
		result.push_back({bound(lower), bound(upper)});
	}
	return result;
}

Calendar by_default(const Step &step, const Zone &zone) {
	return Calendar(step, default_anchor(step, zone), zone);
}

void expect_missing(const std::vector<Range> &existing, const Window &window, const std::vector<Range> &expected) {
	const auto missing = missing_by_time(existing, by_default(days(1), utc), window, many);
	EXPECT_EQ(missing, expected) << shown(missing);
}

TEST(Irregular, RangesAreCutToFit) {
	const Window week = {at("2026-11-20 12:00"), at("2026-11-24"), beginning};
	expect_missing(ranges({{"2026-11-19", "2026-11-20 18:00"}, {"2026-11-22 06:00", "2026-11-22 12:00"}}), week,
	               ranges({{"2026-11-20 18:00", "2026-11-21"},
	                       {"2026-11-21", "2026-11-22"},
	                       {"2026-11-22", "2026-11-22 06:00"},
	                       {"2026-11-22 12:00", "2026-11-23"},
	                       {"2026-11-23", "2026-11-24"}}));
	// Several in one day, the last of which reaches into the next.
	expect_missing(ranges({{"2026-11-20 01:00", "2026-11-20 13:00"},
	                       {"2026-11-20 14:00", "2026-11-20 15:00"},
	                       {"2026-11-20 15:00", "2026-11-20 16:00"},
	                       {"2026-11-20 23:00", "2026-11-21 01:00"}}),
	               {week.now, at("2026-11-21 12:00"), beginning},
	               ranges({{"2026-11-20 13:00", "2026-11-20 14:00"},
	                       {"2026-11-20 16:00", "2026-11-20 23:00"},
	                       {"2026-11-21 01:00", "2026-11-22"}}));
	// What ended before now within the current day.
	expect_missing(ranges({{"2026-11-20 01:00", "2026-11-20 11:00"}}), {week.now, at("2026-11-20 13:00"), beginning},
	               ranges({{"2026-11-20 11:00", "2026-11-21"}}));
	// What comes before the first partition is older than the set.
	expect_missing(ranges({{"2026-11-20 06:00", "2026-11-21"}}), {week.now, at("2026-11-21"), beginning}, {});
	expect_missing(ranges({{"2026-11-20 13:00", "2026-11-21"}}), {week.now, at("2026-11-21"), beginning},
	               ranges({{"2026-11-20", "2026-11-20 13:00"}}));
}

TEST(Irregular, WidePartitions) {
	const Window week = {at("2026-11-20 12:00"), at("2026-11-24"), beginning};
	// The rest of the day that the horizon is in, whenever the run is.
	for (const char *now : {"2026-11-20 12:00", "2026-11-21", "2026-11-23 10:00"}) {
		expect_missing(ranges({{"2026-11-20", "2026-11-23 18:00"}}), {at(now), at("2026-11-23 12:00"), beginning},
		               ranges({{"2026-11-23 18:00", "2026-11-24"}}));
	}
	expect_missing(ranges({{"2020-01-01", "2026-11-22 03:00"}}), week,
	               ranges({{"2026-11-22 03:00", "2026-11-23"}, {"2026-11-23", "2026-11-24"}}));
	expect_missing(ranges({{"2026-01-01", "2027-01-01"}}), week, {});
	expect_missing(ranges({{"2020-01-01", "2026-11-18 12:00"}, {"2026-11-21", "2026-11-23"}}), week,
	               ranges({{"2026-11-18 12:00", "2026-11-19"},
	                       {"2026-11-19", "2026-11-20"},
	                       {"2026-11-20", "2026-11-21"},
	                       {"2026-11-23", "2026-11-24"}}));
}

TEST(Irregular, MinvalueAndMaxvalue) {
	const Window week = {at("2026-11-20 12:00"), at("2026-11-23"), beginning};
	expect_missing(ranges({{"MINVALUE", "MAXVALUE"}}), week, {});
	expect_missing(ranges({{"MINVALUE", "2026-11-21"}}), week,
	               ranges({{"2026-11-21", "2026-11-22"}, {"2026-11-22", "2026-11-23"}}));
	expect_missing(ranges({{"MINVALUE", "2026-11-19 12:00"}}), {week.now, at("2026-11-21"), beginning},
	               ranges({{"2026-11-19 12:00", "2026-11-20"}, {"2026-11-20", "2026-11-21"}}));
	expect_missing(ranges({{"2026-11-20", "2026-11-21"}, {"2026-11-22 06:00", "MAXVALUE"}}), week,
	               ranges({{"2026-11-21", "2026-11-22"}, {"2026-11-22", "2026-11-22 06:00"}}));
	expect_missing(ranges({{"MINVALUE", "2026-11-20"}, {"2026-11-22", "MAXVALUE"}}), {week.now, end, beginning},
	               ranges({{"2026-11-20", "2026-11-21"}, {"2026-11-21", "2026-11-22"}}));
}

TEST(Irregular, WidePartitionsTakeNoTime) {
	// Steps of a microsecond: compared with each, these would take years.
	const Calendar finest({Step::Unit::Microsecond, 1}, at("2000-01-01"), utc);
	const auto wide = ranges({{"2026-11-20", "2026-11-25"}, {"2026-11-25 00:00:00.000001", "MAXVALUE"}});
	EXPECT_EQ(missing_ranges(wide, finest, {at("2026-11-20"), end, beginning}, many),
	          ranges({{"2026-11-25", "2026-11-25 00:00:00.000001"}}));
}

TEST(Irregular, InfinityAsAValue) {
	// FROM (MINVALUE) TO ('-infinity') and FROM ('infinity') TO (MAXVALUE) hold what no calendar does.
	const Window week = {at("2026-11-20 12:00"), at("2026-11-22"), beginning};
	const auto days_missing = ranges({{"2026-11-20", "2026-11-21"}, {"2026-11-21", "2026-11-22"}});
	expect_missing({{beginning, beginning}}, week, days_missing);
	expect_missing({{end, end}}, week, days_missing);
	expect_missing({{beginning, beginning}, {end, end}}, week, days_missing);
	expect_missing({{beginning, beginning}, {beginning, at("2026-11-20")}, {end, end}}, week, days_missing);
	expect_missing({{beginning, beginning}, {at("2026-11-21"), end}, {end, end}}, week,
	               ranges({{"2026-11-20", "2026-11-21"}}));
	EXPECT_EQ(infer_anchor({{beginning, beginning}}, days(7), week.now, utc), default_anchor(days(7), utc));
	EXPECT_EQ(infer_anchor({{end, end}}, days(7), week.now, utc), default_anchor(days(7), utc));
}

TEST(Irregular, NothingBeginsBeforeTheServersRange) {
	const Calendar aeons(months(12 * 500'000), at("2100-01-01"), utc);
	EXPECT_EQ(missing_ranges({}, aeons, {at("2026-11-20"), at("2026-11-22"), beginning}, many), std::vector<Range>{});
	EXPECT_EQ(missing_ranges(ranges({{"MINVALUE", "2026-11-20"}}), aeons,
	                         {at("2026-11-20"), at("2026-11-22"), beginning}, many),
	          ranges({{"2026-11-20", "2100-01-01"}}));
}

/// Sorted, disjoint and of all kinds: touching or not, narrow or wide, with or without ends, around `now` or not.
std::vector<Range> random_set(Random &random, const Calendar &calendar, Moment now) {
	std::set<Moment> bounds;
	for (std::int64_t i = random.number(0, 12); i > 0; --i) {
		const Moment near = now + random.number(-20, 40) * (microseconds_per_day / 2) / random.number(1, 24);
		bounds.insert(random.one_in(2) ? calendar.start(calendar.number(near)) : near);
	}
	if (random.one_in(5)) {
		bounds.insert(random.one_in(2) ? beginning : first_moment);
	}
	if (random.one_in(5)) {
		bounds.insert(random.one_in(2) ? end : last_moment);
	}
	auto set = set_between(bounds, [&] { return !random.one_in(3); });
	if (random.one_in(20) && (set.empty() || set.front().lower != beginning)) {
		set.insert(set.begin(), {beginning, beginning});
	}
	return set;
}

struct Case {
	Calendar calendar;
	Window window;
	std::vector<Range> existing;
};

Case random_case(Random &random) {
	const Step steps[] = {hours(5), hours(24), days(1), days(3), days(7), months(1), months(3), minutes(30)};
	const char *times[] = {"2011-12-30 06:00", "2018-11-04",    "2026-10-25 01:30", "2026-03-29",
	                       "1999-12-31",       "0001-01-02 BC", "1892-07-04",       "294276-06-01"};
	const Zone zone = random.any(all_rules)->zone();
	const Step step = random.any(steps);
	const Moment anchor = default_anchor(step, zone) + random.number(-40, 40) * microseconds_per_day / 2;
	const Calendar calendar(step, anchor, zone);
	const Moment now = at(random.any(times)) + random.number(-50, 50) * microseconds_per_hour / 3;
	const Moment cutoff = random.one_in(3) ? now - random.number(0, 40) * microseconds_per_hour * 7 : beginning;
	const Moment horizon = now + random.number(0, 10) * microseconds_per_day / 2 + 1;
	return {calendar, {now, horizon, cutoff}, random_set(random, calendar, now)};
}

std::string described(const Case &it) {
	return "now is " + literal(it.window.now, Notation::Timestamp, utc) + " of\n" + shown(it.existing) +
	       "of which are missing\n" + shown(missing_ranges(it.existing, it.calendar, it.window, many));
}

TEST(Irregular, WhatHoldsForAnySet) {
	Random random(6);
	for (int i = 0; i < 30'000; ++i) {
		const Case it = random_case(random);
		ASSERT_EQ(broken_invariant(it.existing, it.calendar, it.window, many), "") << "in run " << i << described(it);
		ASSERT_LT(missing_ranges(it.existing, it.calendar, it.window, many).size(), many);
		ASSERT_EQ(broken_invariant(it.existing, it.calendar, it.window, 3), "") << "in run " << i << described(it);
	}
}

TEST(Irregular, LaterRunsOnlyContinue) {
	Random random(9);
	for (int i = 0; i < 10'000; ++i) {
		const Case it = random_case(random);
		const auto [now, horizon, cutoff, oldest, is_known] = it.window;
		const auto all = with(it.existing, missing_ranges(it.existing, it.calendar, it.window, many));
		const Window next{now + (horizon - now) / 2, horizon + microseconds_per_day, cutoff, oldest, is_known};
		for (const Range &range : missing_ranges(all, it.calendar, next, many)) {
			ASSERT_GE(range.lower, covered_until(all, now)) << "in run " << i << described(it);
		}
	}
}

TEST(Irregular, CoveredUntilByLookingEverywhere) {
	Random random(7);
	const Calendar calendar = by_default(days(1), utc);
	for (int i = 0; i < 20'000; ++i) {
		const Moment now = at("2026-11-21") + random.number(-100, 100) * microseconds_per_hour;
		const auto set = random_set(random, calendar, now);
		Moment covered = now;
		for (std::size_t rounds = 0; rounds <= set.size(); ++rounds) {
			for (const Range &range : set) {
				covered = range.lower <= covered && covered < range.upper ? range.upper : covered;
			}
		}
		ASSERT_EQ(covered_until(set, now), covered) << shown(set);
	}
}

/// Its boundaries near what it was inferred from.
void expect_continued(const std::vector<Range> &existing, const Step &step, const std::string &now, const Zone &zone,
                      const std::vector<std::string> &boundaries) {
	const Calendar calendar(step, infer_anchor(existing, step, at(now), zone), zone);
	for (std::size_t i = 0; i < boundaries.size(); ++i) {
		const Moment found = calendar.start(calendar.number(at(boundaries[0])) + static_cast<std::int64_t>(i));
		EXPECT_EQ(found, at(boundaries[i]))
			<< literal(found, Notation::Timestamptz, zone) << " is not " << boundaries[i];
	}
}

TEST(InferAnchor, KeepsThePhaseOfThePartitionAroundNow) {
	const auto sundays =
		ranges({{"2026-11-08 00:00+01", "2026-11-15 00:00+01"}, {"2026-11-15 00:00+01", "2026-11-22 00:00+01"}});
	expect_continued(sundays, days(7), "2026-11-18 12:00+01", berlin, {"2026-11-22 00:00+01", "2026-11-29 00:00+01"});
	EXPECT_EQ(infer_anchor(sundays, days(7), at("2026-11-18"), berlin), at("2000-01-02 00:00+01"));
	expect_continued(ranges({{"2026-11-20 06:00+01", "2026-11-21 06:00+01"}}), days(1), "2026-11-20 12:00+01", berlin,
	                 {"2026-11-21 06:00+01", "2026-11-22 06:00+01"});
	expect_continued(ranges({{"2026-11-20 00:20+00", "2026-11-20 01:20+00"}}), hours(1), "2026-11-20 01:00+00", utc,
	                 {"2026-11-20 01:20+00", "2026-11-20 02:20+00"});
	expect_continued(ranges({{"2026-02-01", "2026-05-01"}}), months(3), "2026-03-20", utc,
	                 {"2026-05-01", "2026-08-01"});
	expect_continued(ranges({{"2026-01-15", "2026-02-15"}}), months(1), "2026-01-20", utc,
	                 {"2026-02-15", "2026-03-15"});
	expect_continued(ranges({{"2025-10-01", "2026-10-01"}}), months(12), "2026-01-20", utc,
	                 {"2026-10-01", "2027-10-01"});
	expect_continued(ranges({{"2023-11-30", "2024-02-29"}}), months(3), "2024-01-20", utc,
	                 {"2024-02-29", "2024-05-30", "2024-08-30", "2024-11-30", "2025-02-28"});
}

TEST(InferAnchor, ElseOfTheLastBeforeElseOfTheFirstAfter) {
	const auto set = ranges({{"2026-11-01", "2026-11-08"}, {"2026-11-16", "2026-11-23"}}); // Sunday, Monday
	EXPECT_EQ(infer_anchor(set, days(7), at("2026-11-07"), utc), at("2000-01-02"));
	EXPECT_EQ(infer_anchor(set, days(7), at("2026-11-08"), utc), at("2000-01-02"));
	EXPECT_EQ(infer_anchor(set, days(7), at("2026-11-15"), utc), at("2000-01-02"));
	EXPECT_EQ(infer_anchor(set, days(7), at("2026-11-16"), utc), at("2000-01-03"));
	EXPECT_EQ(infer_anchor(set, days(7), at("2026-12-16"), utc), at("2000-01-03"));
	EXPECT_EQ(infer_anchor(set, days(7), at("2026-10-16"), utc), at("2000-01-02"));
}

TEST(InferAnchor, OfIrregularOnesIsTheDefault) {
	for (const auto &set : {ranges({}), ranges({{"2026-11-01", "2026-11-09"}}), ranges({{"MINVALUE", "2026-11-08"}}),
	                        ranges({{"2026-11-01", "MAXVALUE"}}), ranges({{"MINVALUE", "MAXVALUE"}})}) {
		EXPECT_EQ(infer_anchor(set, days(7), at("2026-11-03"), utc), at("2000-01-03")) << shown(set);
		EXPECT_EQ(infer_anchor(set, hours(5), at("2026-11-03"), berlin), at("2000-01-01 00:00+01")) << shown(set);
	}
}

TEST(InferAnchor, OfBoundsThatTheMonthOrTheClocksMoved) {
	// From the upper bound: 28 February begins a month that ends on 31 March only if it is the last of its month.
	expect_continued(ranges({{"2026-02-28", "2026-03-31"}}), months(1), "2026-03-20", utc,
	                 {"2026-03-31", "2026-04-30", "2026-05-31"});
	expect_continued(ranges({{"2026-01-31", "2026-02-28"}}), months(1), "2026-02-20", utc,
	                 {"2026-02-28", "2026-03-31"});
	// Sundays, of which the first had no midnight.
	expect_continued(ranges({{"2018-11-04 01:00-02", "2018-11-11 00:00-02"}}), days(7), "2018-11-06", sao_paulo,
	                 {"2018-11-11 00:00-02", "2018-11-18 00:00-02"});
	expect_continued(ranges({{"2018-10-28 00:00-03", "2018-11-04 01:00-02"}}), days(7), "2018-11-01", sao_paulo,
	                 {"2018-11-04 01:00-02", "2018-11-11 00:00-02"});
}

TEST(InferAnchor, ContinuesTheSetOfAnyCalendar) {
	Random random(8);
	for (int i = 0; i < 50'000; ++i) {
		const Calendar calendar = random_calendar(random);
		const Zone &zone = calendar.zone();
		const std::int64_t n = calendar.number(random.number(at("1880-01-01"), at("2050-01-01")));
		const Range range{calendar.start(n), calendar.start(n + 1)};
		const Moment now = random.number(range.lower, range.upper - 1);
		const auto set = with({{calendar.start(n - 2), calendar.start(n - 1)}, range}, {});
		const Calendar inferred(calendar.step(), infer_anchor(set, calendar.step(), now, zone), zone);
		const std::int64_t same = inferred.number(now);
		ASSERT_EQ((Range{inferred.start(same), inferred.start(same + 1)}), range)
			<< literal(range.lower, Notation::Timestamptz, zone) << " "
			<< literal(range.upper, Notation::Timestamptz, zone) << " from "
			<< literal(inferred.anchor(), Notation::Timestamptz, zone) << " step " << calendar.step().count;
	}
}

} // namespace

} // namespace warden::partition
