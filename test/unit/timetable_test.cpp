// The slots of a job: of each kind of schedule, in and out of its window, and many of them.
#include "schedule_oracle.hpp"

#include "schedule/timetable.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace warden::schedule {

namespace {

Timetable by_cron(const char *cron, const Zone &zone = berlin, const char *window = nullptr) {
	return {parse_cron(cron), zone, window != nullptr ? parse_window(window) : Window{}};
}

Timetable by_interval(const char *anchor, Moment period, const char *window = nullptr) {
	return {Interval{at(anchor), period}, berlin, window != nullptr ? parse_window(window) : Window{}};
}

std::vector<Moment> moments(const std::vector<const char *> &texts) {
	std::vector<Moment> result;
	std::ranges::transform(texts, std::back_inserter(result), at);
	return result;
}

std::vector<Moment> following(const Timetable &timetable, Moment after, std::size_t count) {
	std::vector<Moment> slots;
	for (auto slot = timetable.next(after); slot && slots.size() < count; slot = timetable.next(*slot)) {
		slots.push_back(*slot);
	}
	return slots;
}

TEST(Timetable, IntervalsAreElapsedTimeFromTheAnchorOn) {
	const Timetable daily = by_interval("2026-03-28 12:00+01", microseconds_per_day);
	EXPECT_EQ(following(daily, at("2026-03-28 12:00+01"), 2), moments({"2026-03-29 13:00+02", "2026-03-30 13:00+02"}));
	EXPECT_EQ(daily.next(at("2020-01-01")), at("2026-03-29 13:00+02")); // the first is one period after the anchor
	EXPECT_EQ(daily.next(first_moment), at("2026-03-29 13:00+02"));
	EXPECT_EQ(daily.next(at("2026-03-29 13:00+02")), at("2026-03-30 13:00+02"));
	EXPECT_EQ(daily.next(at("2026-03-29 13:00+02") - 1), at("2026-03-29 13:00+02"));
	const Timetable odd = by_interval("2026-11-21 00:00:00.5", 90 * microseconds_per_second);
	EXPECT_EQ(following(odd, at("2026-11-21 00:02"), 2), moments({"2026-11-21 00:03:00.5", "2026-11-21 00:04:30.5"}));
	EXPECT_EQ(odd.next(last_moment), std::nullopt);
	EXPECT_EQ(by_interval("2026-11-21", end).next(at("2026-11-21")), std::nullopt);
	EXPECT_TRUE(daily.is_interval());
	EXPECT_FALSE(by_cron("@daily").is_interval());
}

TEST(Timetable, ASingleSlot) {
	const Timetable once(Once{at("2026-12-01 03:00")}, utc, {});
	EXPECT_EQ(once.next(at("2026-11-21")), at("2026-12-01 03:00"));
	EXPECT_EQ(once.next(at("2026-12-01 03:00")), std::nullopt);
	const Slots slots = once.between(at("2026-12-01 03:00"), at("2030-01-01"));
	EXPECT_EQ(slots.count, 1);
	EXPECT_EQ(slots.first, at("2026-12-01 03:00"));
	EXPECT_EQ(slots.last, at("2026-12-01 03:00"));
	EXPECT_EQ(once.newest(at("2026-12-01 03:00"), at("2030-01-01"), 100), moments({"2026-12-01 03:00"}));
	const Timetable outside(Once{at("2026-12-01 03:00")}, utc, parse_window("22:00-02:00"));
	EXPECT_EQ(outside.next(at("2026-11-21")), std::nullopt);
}

TEST(Timetable, SlotsOutsideOfTheWindowAreNone) {
	EXPECT_EQ(following(by_cron("0 */4 * * *", berlin, "Mon-Fri 22:00-06:00"), at("2026-11-20 12:00+01"), 5),
	          moments({"2026-11-21 00:00+01", "2026-11-21 04:00+01", "2026-11-24 00:00+01", "2026-11-24 04:00+01",
	                   "2026-11-25 00:00+01"}));
	EXPECT_EQ(following(by_interval("2026-11-20 21:00+01", microseconds_per_hour / 2, "22:00-22:45"),
	                    at("2026-11-20 12:00+01"), 4),
	          moments({"2026-11-20 22:00+01", "2026-11-20 22:30+01", "2026-11-21 22:00+01", "2026-11-21 22:30+01"}));
	EXPECT_EQ(by_cron("0 3 * * *", berlin, "12:00-13:00").next(at("2026-11-21")), std::nullopt);
	EXPECT_EQ(by_cron("30 2 29 2 *", berlin, "Sat 02:00-03:00").next(at("2026-11-21")), at("2048-02-29 02:30+01"));
	// An interval that takes long to get into the window, and one that never gets there.
	const Moment slow = microseconds_per_day + microseconds_per_second;
	const Interval interval{at("2026-11-21"), slow};
	EXPECT_EQ(Timetable(interval, utc, parse_window("00:10-00:11")).next(0), at("2026-11-21") + 600 * slow);
	const Interval daily{at("2026-11-21"), microseconds_per_day};
	EXPECT_EQ(Timetable(daily, utc, parse_window("00:10-00:11")).next(0), std::nullopt);
}

TEST(Timetable, GraceIsAMinuteOrAShorterPeriod) {
	EXPECT_EQ(by_interval("2026-11-21", microseconds_per_second).grace(), microseconds_per_second);
	EXPECT_EQ(by_interval("2026-11-21", microseconds_per_hour).grace(), minute_length);
	EXPECT_EQ(by_cron("* * * * *").grace(), minute_length);
	EXPECT_EQ(Timetable(Once{0}, utc, {}).grace(), minute_length);
}

TEST(Timetable, TenYearsOfMinutesAreCountedInNoTime) {
	const auto begin = std::chrono::steady_clock::now();
	for (const char *cron : {"* * * * *", "* 0-22 * * *"}) {
		const Timetable timetable = by_cron(cron, utc);
		const Slots slots = timetable.between(at("2020-01-01"), at("2030-01-01 12:30:30"));
		EXPECT_EQ(slots.count, max_counted);
		EXPECT_EQ(slots.first, at("2020-01-01"));
		EXPECT_EQ(slots.last, at("2030-01-01 12:30"));
		const std::vector<Moment> newest = timetable.newest(at("2020-01-01"), at("2030-01-01 12:30:30"), 100);
		ASSERT_EQ(newest.size(), 100U);
		EXPECT_EQ(newest.front(), at("2030-01-01 10:51"));
		EXPECT_EQ(newest.back(), at("2030-01-01 12:30"));
	}
	const Slots seconds =
		by_interval("2020-01-01", microseconds_per_second).between(at("2020-01-02"), at("2030-01-01"));
	EXPECT_EQ(seconds.count, max_counted);
	EXPECT_EQ(seconds.last, at("2030-01-01"));
	const Slots nights = by_interval("2020-01-01", microseconds_per_second, "22:00-06:00")
	                         .between(at("2020-01-01 22:00+01"), at("2030-01-01 12:00+01"));
	EXPECT_EQ(nights.count, max_counted);
	EXPECT_EQ(nights.last, at("2030-01-01 06:00+01") - microseconds_per_second);
	const Slots all = by_interval("2020-01-01", microseconds_per_second).between(at("2020-01-02"), last_moment);
	EXPECT_EQ(all.last, last_moment + 1 - microseconds_per_second);
	EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60)); // mostly for what the sanitizers add
}

TEST(Timetable, LeapDaysAreFoundInMilliseconds) {
	const auto begin = std::chrono::steady_clock::now();
	for (int i = 0; i < 100; ++i) {
		for (const char *cron : {"0 0 29 2 *", "* * 29 2 *", "0 0 */29 2 */7"}) {
			ASSERT_TRUE(by_cron(cron).next(at("2028-03-01")).has_value()) << cron;
		}
	}
	EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(300 * 5));
}

Timetable random_timetable(Random &random, const Zone &zone, Moment near) {
	const Window window = random.one_in(2) ? random_window(random) : Window{};
	if (random.one_in(2)) {
		Cron cron = write_cron(random).meaning;
		cron.months = 0x1FFE;
		return {cron, zone, window};
	}
	const Moment period = random.one_in(2) ? random.number(1, 100) * minute_length
	                                       : random.number(600, 200'000) * microseconds_per_second;
	return {Interval{near - random.number(0, 10 * microseconds_per_day), period}, zone, window};
}

TEST(Timetable, CountsAndTheNewestAreThoseOfOneAfterTheOther) {
	Random random(3);
	for (int i = 0; i < 600; ++i) {
		const Rules &rules = *random.any(all_rules);
		const Moment from = random.number(at("2011-01-01"), at("2030-01-01"));
		const Timetable timetable = random_timetable(random, rules.zone(), from);
		const Moment until = from + random.number(0, 10 * microseconds_per_day);
		std::vector<Moment> slots;
		for (auto slot = timetable.next(from); slot && *slot <= until; slot = timetable.next(*slot)) {
			ASSERT_TRUE(slots.empty() || slots.back() < *slot);
			ASSERT_TRUE(timetable.may_start(*slot));
			slots.push_back(*slot);
		}
		if (slots.empty()) {
			continue;
		}
		const Slots found = timetable.between(slots.front(), until);
		ASSERT_EQ(found.count, static_cast<std::int64_t>(slots.size()));
		ASSERT_EQ(found.first, slots.front());
		ASSERT_EQ(found.last, slots.back());
		for (const std::size_t limit :
		     {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{100}, slots.size()}) {
			const std::size_t count = std::min(limit, slots.size());
			const std::vector<Moment> newest(slots.end() - static_cast<std::ptrdiff_t>(count), slots.end());
			ASSERT_EQ(timetable.newest(slots.front(), until, limit), newest) << limit;
		}
	}
}

TEST(Timetable, TheWindowHidesSlotsAndMovesNone) {
	Random random(4);
	for_each_change([&](const Rules &rules, Moment change) {
		const Zone zone = rules.zone();
		const Moment from = change - 2 * microseconds_per_day;
		const Moment to = change + 2 * microseconds_per_day;
		const Cron cron = write_cron(random).meaning;
		const Window window = random_window(random);
		std::vector<Moment> expected = slots_by_the_minute(cron, zone, from, to);
		std::erase_if(expected, [&](Moment slot) { return !is_inside(window, zone.wall(slot)); });
		std::vector<Moment> found = following(Timetable(cron, zone, window), from, expected.size() + 1);
		std::erase_if(found, [&](Moment slot) { return slot > to; });
		ASSERT_EQ(found, expected) << rules.name;
	});
}

TEST(Timetable, BetweenAndNewestOfNothing) {
	const Timetable timetable = by_cron("@daily", utc);
	EXPECT_EQ(timetable.between(at("2026-11-21"), at("2026-11-20")).count, 0);
	EXPECT_TRUE(timetable.newest(at("2026-11-21"), at("2026-11-20"), 5).empty());
}

} // namespace

} // namespace warden::schedule
