// What is missing and what has expired in sets of partitions that keep to the calendar, more or less.
#include "plan_invariants.hpp"

#include <gtest/gtest.h>

namespace warden::partition {

namespace {

constexpr std::size_t many = 1000;

/// What failed assertions show.
struct Text {
	std::vector<Range> ranges;
	bool operator==(const Text &) const = default;
	friend std::ostream &operator<<(std::ostream &out, const Text &text) { return out << "\n" << shown(text.ranges); }
};

Moment bound(const std::string &text) {
	return text == "MINVALUE" ? beginning : text == "MAXVALUE" ? end : at(text);
}

/// Each given by its bounds.
std::vector<Range> ranges(const std::vector<std::pair<std::string, std::string>> &bounds) {
	std::vector<Range> result;
	for (const auto &[lower, upper] : bounds) {
		result.push_back({bound(lower), bound(upper)});
	}
	return result;
}

/// One after the other, from bound to bound.
std::vector<Range> chain(const std::vector<std::string> &bounds) {
	std::vector<Range> result;
	for (std::size_t i = 1; i < bounds.size(); ++i) {
		result.push_back({bound(bounds[i - 1]), bound(bounds[i])});
	}
	return result;
}

Calendar by_default(const Step &step, const Zone &zone) {
	return Calendar(step, default_anchor(step, zone), zone);
}

Window window(const std::string &now, const std::string &horizon, const std::string &cutoff = "MINVALUE") {
	return {at(now), bound(horizon), bound(cutoff)};
}

const Calendar daily = by_default(days(1), utc);

#define EXPECT_MISSING(existing, window, ...)                                                                          \
	EXPECT_EQ(Text{missing_by_time(existing, daily, window, many)}, Text{__VA_ARGS__})

TEST(Missing, OfNoneIsFromNowToTheHorizon) {
	EXPECT_MISSING({}, window("2026-11-21 13:00", "2026-11-23 13:00"),
	               chain({"2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24"}));
	EXPECT_MISSING({}, window("2026-11-21", "2026-11-23"), chain({"2026-11-21", "2026-11-22", "2026-11-23"}));
	EXPECT_MISSING({}, window("2026-11-21", "2026-11-21"), {});
	EXPECT_MISSING({}, window("2026-11-21 13:00", "2026-11-21 13:00"), chain({"2026-11-21", "2026-11-22"}));
	EXPECT_MISSING({}, window("1969-12-31 23:00", "1970-01-01 01:00"),
	               chain({"1969-12-31", "1970-01-01", "1970-01-02"}));
}

TEST(Missing, IsAtMostTheLimitOldestFirst) {
	const Window week = window("2026-11-21", "2026-11-28");
	EXPECT_EQ(Text{missing_ranges({}, daily, week, 0)}, Text{});
	EXPECT_EQ(Text{missing_ranges({}, daily, week, 2)}, Text{chain({"2026-11-21", "2026-11-22", "2026-11-23"})});
	EXPECT_EQ(missing_ranges({}, daily, week, 7).size(), 7u);
	EXPECT_EQ(missing_ranges({}, daily, week, 8).size(), 7u);
	EXPECT_EQ(missing_ranges({}, daily, {week.now, end, beginning}, 12345).size(), 12345u);
}

TEST(Missing, WhatExistsIsNotProposed) {
	const auto two = chain({"2026-11-21", "2026-11-22", "2026-11-23"});
	EXPECT_MISSING(two, window("2026-11-21 13:00", "2026-11-22 13:00"), {});
	EXPECT_MISSING(two, window("2026-11-21 13:00", "2026-11-23"), {});
	EXPECT_MISSING(two, window("2026-11-21 13:00", "2026-11-23 00:00:00.000001"), chain({"2026-11-23", "2026-11-24"}));
}

TEST(Missing, TheGapBetweenTheLastPartitionAndNow) {
	const auto old = chain({"2026-11-10", "2026-11-11", "2026-11-12"});
	EXPECT_MISSING(old, window("2026-11-14 06:00", "2026-11-15 06:00"),
	               chain({"2026-11-12", "2026-11-13", "2026-11-14", "2026-11-15", "2026-11-16"}));
	EXPECT_MISSING(old, window("2026-11-12", "2026-11-13"), chain({"2026-11-12", "2026-11-13"}));
	// Not what was never there before it.
	EXPECT_MISSING(ranges({{"2026-11-01", "2026-11-02"}, {"2026-11-12", "2026-11-13"}}),
	               window("2026-11-13", "2026-11-14"), chain({"2026-11-13", "2026-11-14"}));
	EXPECT_MISSING(ranges({{"2026-11-12", "2026-11-13"}}), window("2026-11-10", "2026-11-12"),
	               chain({"2026-11-10", "2026-11-11", "2026-11-12"}));
}

TEST(Missing, WhatRowsOfNowNeedComesBeforeTheGap) {
	const auto old = chain({"2026-11-10", "2026-11-11"});
	const Window later = window("2026-11-13 06:00", "2026-11-15");
	const auto by_need = ranges({{"2026-11-13", "2026-11-14"},
	                             {"2026-11-14", "2026-11-15"},
	                             {"2026-11-11", "2026-11-12"},
	                             {"2026-11-12", "2026-11-13"}});
	EXPECT_EQ(Text{missing_ranges(old, daily, later, many)}, Text{by_need});
	EXPECT_EQ(Text{missing_ranges(old, daily, later, 3)}, (Text{{by_need[0], by_need[1], by_need[2]}}));
	EXPECT_EQ(missing_ranges(old, daily, later, 2).size(), 2u);
}

TEST(Missing, HolesFromTheLastPartitionOn) {
	const auto holed =
		ranges({{"2026-11-20", "2026-11-21"}, {"2026-11-22", "2026-11-23"}, {"2026-11-24", "2026-11-25"}});
	EXPECT_MISSING(holed, window("2026-11-21 01:00", "2026-11-26"),
	               ranges({{"2026-11-21", "2026-11-22"}, {"2026-11-23", "2026-11-24"}, {"2026-11-25", "2026-11-26"}}));
	EXPECT_MISSING(holed, window("2026-11-20 01:00", "2026-11-23"), chain({"2026-11-21", "2026-11-22"}));
}

TEST(Missing, NotWhatRetentionWouldDropAtOnce) {
	const auto old = chain({"2026-11-01", "2026-11-02"});
	EXPECT_MISSING(old, window("2026-11-14 06:00", "2026-11-15", "2026-11-12 06:00"),
	               chain({"2026-11-12", "2026-11-13", "2026-11-14", "2026-11-15"}));
	EXPECT_MISSING(old, window("2026-11-14 06:00", "2026-11-15", "2026-11-12"),
	               chain({"2026-11-12", "2026-11-13", "2026-11-14", "2026-11-15"}));
	EXPECT_MISSING(old, window("2026-11-14 06:00", "2026-11-15", "2026-11-11 23:59:59.999999"),
	               chain({"2026-11-11", "2026-11-12", "2026-11-13", "2026-11-14", "2026-11-15"}));
	EXPECT_MISSING({}, window("2026-11-14 06:00", "2026-11-15", "2026-11-14 06:00"),
	               chain({"2026-11-14", "2026-11-15"}));
	EXPECT_MISSING({}, window("2026-11-14 06:00", "2026-11-15", "2026-11-12"), chain({"2026-11-14", "2026-11-15"}));
}

TEST(Missing, InAZoneThatChangesItsClocks) {
	const Calendar calendar = by_default(days(1), berlin);
	EXPECT_EQ(Text{missing_ranges({}, calendar, window("2026-03-29 01:30+02", "2026-03-30 12:00+02"), many)},
	          Text{chain({"2026-03-29 00:00+01", "2026-03-30 00:00+02", "2026-03-31 00:00+02"})});
	const Calendar skipping = by_default(days(1), apia);
	EXPECT_EQ(Text{missing_ranges({}, skipping, window("2011-12-29 12:00-10", "2011-12-31 12:00+14"), many)},
	          Text{chain({"2011-12-29 00:00-10", "2011-12-31 00:00+14", "2012-01-01 00:00+14"})});
	const Calendar hourly = by_default(hours(1), berlin);
	EXPECT_EQ(Text{missing_ranges({}, hourly, window("2026-10-25 02:10+02", "2026-10-25 03:00+01"), many)},
	          Text{chain({"2026-10-25 02:00+02", "2026-10-25 02:00+01", "2026-10-25 03:00+01"})});
}

TEST(Missing, StopsAtTheEndsOfTheServersRange) {
	EXPECT_MISSING({}, (Window{at("294276-12-30 12:00"), end, beginning}), chain({"294276-12-30", "294276-12-31"}));
	EXPECT_MISSING({}, (Window{last_moment, end, beginning}), {});
	const Calendar aeons = by_default(months(12 * 500'000), utc);
	EXPECT_EQ(Text{missing_ranges({}, aeons, window("2026-11-21", "2026-11-22"), many)}, Text{});
	EXPECT_EQ(Text{missing_ranges({}, aeons, window("1999-11-21", "1999-11-22"), many)}, Text{});
}

TEST(Expired, ByTheActualUpperBound) {
	// The wide one holds what is newer than the cutoff, whatever the step is.
	const auto set = chain({"MINVALUE", "2026-01-01", "2026-02-01", "2026-10-01", "2026-10-02", "MAXVALUE"});
	const auto expired = [&](const std::string &cutoff) {
		return count_expired(set, window("2026-11-21", "2026-11-22", cutoff));
	};
	EXPECT_EQ(expired("MINVALUE"), 0u);
	EXPECT_EQ(expired("2025-12-31 23:59:59.999999"), 0u);
	EXPECT_EQ(expired("2026-01-01"), 1u);
	EXPECT_EQ(expired("2026-02-01"), 2u);
	EXPECT_EQ(expired("2026-09-30 23:59:59.999999"), 2u);
	EXPECT_EQ(expired("2026-10-01"), 3u);
	EXPECT_EQ(expired("2026-11-21"), 4u);
	EXPECT_EQ(count_expired(set, {last_moment, end, last_moment}), 4u);
	EXPECT_EQ(count_expired({}, window("2026-11-21", "2026-11-22", "2026-11-20")), 0u);
	EXPECT_EQ(count_expired({{beginning, beginning}}, window("2026-11-21", "2026-11-22")), 0u);
	EXPECT_EQ(count_expired({{beginning, beginning}}, window("2026-11-21", "2026-11-22", "2026-11-20")), 1u);
}

TEST(CoveredUntil, IsTheFirstGapFromNow) {
	const auto set = ranges({{"2026-11-10", "2026-11-11"},
	                         {"2026-11-20", "2026-11-21"},
	                         {"2026-11-21", "2026-11-28"},
	                         {"2026-11-29", "MAXVALUE"}});
	EXPECT_EQ(covered_until(set, at("2026-11-20 12:00")), at("2026-11-28"));
	EXPECT_EQ(covered_until(set, at("2026-11-20")), at("2026-11-28"));
	EXPECT_EQ(covered_until(set, at("2026-11-19 23:00")), at("2026-11-19 23:00"));
	EXPECT_EQ(covered_until(set, at("2026-11-11")), at("2026-11-11"));
	EXPECT_EQ(covered_until(set, at("2026-11-28")), at("2026-11-28"));
	EXPECT_EQ(covered_until(set, at("2026-11-29")), end);
	EXPECT_EQ(covered_until({}, at("2026-11-29")), at("2026-11-29"));
	EXPECT_EQ(covered_until({{beginning, end}}, at("2026-11-29")), end);
	EXPECT_EQ(covered_until({{beginning, beginning}, {beginning, end}, {end, end}}, at("2026-11-29")), end);
}

TEST(Overlaps, WhatMayShareAKey) {
	const Range may{at("2026-05-01"), at("2026-06-01")};
	EXPECT_TRUE(overlaps(may, may));
	EXPECT_TRUE(overlaps(may, {at("2026-05-31"), end}));
	EXPECT_TRUE(overlaps({beginning, at("2026-05-02")}, may));
	EXPECT_TRUE(overlaps({beginning, end}, may));
	EXPECT_FALSE(overlaps({beginning, at("2026-05-01")}, may));
	EXPECT_FALSE(overlaps(may, {at("2026-06-01"), end}));
	const Range between{at("2026-05-01"), at("2026-05-01")}; // one within a moment, as of UUIDs
	EXPECT_TRUE(overlaps(between, between));
}

TEST(AtMidnight, IsTrueOfWholeDays) {
	EXPECT_TRUE(at_midnight({}, berlin));
	EXPECT_TRUE(at_midnight({{beginning, end}}, berlin));
	EXPECT_TRUE(at_midnight(chain({"MINVALUE", "2026-03-29 00:00+01", "2026-03-30 00:00+02", "MAXVALUE"}), berlin));
	EXPECT_FALSE(at_midnight(chain({"2026-03-29 00:00+00", "2026-03-30 00:00+00"}), berlin));
	EXPECT_TRUE(at_midnight(chain({"2026-03-29 00:00+00", "2026-03-30 00:00+00"}), utc));
	EXPECT_FALSE(at_midnight(chain({"2026-03-29 00:00+00", "2026-03-30 00:00:00.000001+00"}), utc));
	EXPECT_FALSE(at_midnight(chain({"1969-03-29 00:00+00", "1969-03-30 12:00+00"}), utc));
	EXPECT_TRUE(at_midnight(chain({"0044-03-15 BC", "1969-03-30"}), no_zone()));
	EXPECT_TRUE(at_midnight(chain({"2026-10-31 00:00-04", "2026-11-01 00:00-04", "2026-11-01 00:00-05"}), havana));
	EXPECT_FALSE(at_midnight(chain({"2018-11-05 01:00-02", "2018-11-06 00:00-02"}), sao_paulo));
}

TEST(AtMidnight, WhereTheDayBeginsLater) {
	EXPECT_TRUE(at_midnight(chain({"2018-11-03 00:00-03", "2018-11-04 01:00-02", "2018-11-05 00:00-02"}), sao_paulo));
	EXPECT_FALSE(at_midnight(chain({"2018-11-03 00:00-03", "2018-11-04 02:00-02"}), sao_paulo));
	for (const Rules *rules : all_rules) {
		const Calendar calendar = by_default(days(1), rules->zone());
		for (std::int64_t n = -40'000; n < 20'000; ++n) {
			ASSERT_TRUE(at_midnight({{calendar.start(n), calendar.start(n + 1)}}, rules->zone()))
				<< rules->name << " " << literal(calendar.start(n), Notation::Timestamptz, rules->zone());
		}
	}
}

TEST(Within, CutsToTheLimits) {
	const Range limits{10, 20};
	EXPECT_EQ(within(limits, {{0, 10}, {0, 11}, {12, 13}, {19, 25}, {20, 30}}),
	          (std::vector<Range>{{10, 11}, {12, 13}, {19, 20}}));
	EXPECT_EQ(within(limits, {{0, 30}}), (std::vector<Range>{{10, 20}}));
	EXPECT_EQ(within(Range{beginning, end}, {{0, 30}}), (std::vector<Range>{{0, 30}}));
}

TEST(DefaultAhead, IsFourStepsOrUpToAWeek) {
	const auto same = [](const Span &a, const Span &b) {
		return a.months == b.months && a.days == b.days && a.microseconds == b.microseconds;
	};
	EXPECT_TRUE(same(default_ahead(months(1)), {.months = 4}));
	EXPECT_TRUE(same(default_ahead(months(12)), {.months = 48}));
	EXPECT_TRUE(same(default_ahead(days(1)), {.days = 7}));
	EXPECT_TRUE(same(default_ahead(days(2)), {.days = 8}));
	EXPECT_TRUE(same(default_ahead(days(7)), {.days = 28}));
	EXPECT_TRUE(same(default_ahead(hours(1)), {.microseconds = 48 * microseconds_per_hour}));
	EXPECT_TRUE(same(default_ahead(hours(6)), {.microseconds = 7 * microseconds_per_day}));
	EXPECT_TRUE(same(default_ahead(hours(24)), {.microseconds = 7 * microseconds_per_day}));
	EXPECT_TRUE(same(default_ahead(hours(72)), {.microseconds = 12 * microseconds_per_day}));
	EXPECT_TRUE(same(default_ahead({Step::Unit::Microsecond, 1}), {.microseconds = 48}));
	constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
	for (const std::int64_t count : {most / 48, most / 48 + 1, most / 5, most / 4}) {
		EXPECT_EQ(default_ahead({Step::Unit::Microsecond, count}).microseconds, 4 * count) << count;
	}
	for (const std::int64_t count : {most / 4 + 1, most / 2, most}) {
		EXPECT_GE(default_ahead({Step::Unit::Microsecond, count}).microseconds, most - 3) << count;
	}
}

TEST(Cutoff, LeavesSoManyThatHaveEnded) {
	const auto existing = chain({"2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"});
	const Moment now = at("2026-01-04 12:00");
	EXPECT_EQ(cutoff_by_count(existing, now, 1), at("2026-01-03"));
	EXPECT_EQ(cutoff_by_count(existing, now, 2), at("2026-01-02"));
	EXPECT_EQ(cutoff_by_count(existing, now, 3), beginning);
	EXPECT_EQ(cutoff_by_count(existing, at("2026-01-04"), 2), at("2026-01-02"));
	EXPECT_EQ(cutoff_by_count(existing, at("2025-01-01"), 1), beginning);
	EXPECT_EQ(cutoff_by_count({}, now, 1), beginning);
	EXPECT_EQ(cutoff_by_count(chain({"MINVALUE", "2026-01-02", "2026-01-03"}), now, 1), at("2026-01-02"));
	EXPECT_EQ(cutoff_by_count(chain({"MINVALUE", "MAXVALUE"}), now, 1), beginning);
}

TEST(Cutoff, LeavesSoManyBytes) {
	const auto existing = chain({"2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"});
	const std::vector<std::int64_t> sizes{100, 50, 0, 200};
	const Moment now = at("2026-01-04 12:00");
	EXPECT_EQ(cutoff_by_size(existing, sizes, now, 350), beginning);
	EXPECT_EQ(cutoff_by_size(existing, sizes, now, 349), at("2026-01-02"));
	EXPECT_EQ(cutoff_by_size(existing, sizes, now, 250), at("2026-01-02"));
	EXPECT_EQ(cutoff_by_size(existing, sizes, now, 200), at("2026-01-03"));
	// what is in use stays
	EXPECT_EQ(cutoff_by_size(existing, sizes, now, 1), at("2026-01-04"));
	EXPECT_EQ(cutoff_by_size(existing, sizes, at("2025-01-01"), 1), beginning);
	EXPECT_EQ(cutoff_by_size({}, {}, now, 1), beginning);
	EXPECT_EQ(cutoff_by_size(chain({"2026-01-01", "MAXVALUE"}), {1000}, now, 1), beginning);
}

} // namespace

} // namespace warden::partition
