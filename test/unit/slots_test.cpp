// What becomes of the slots that are due, under every combination of policies.
#include "schedule_oracle.hpp"

#include "schedule/slots.hpp"

#include <gtest/gtest.h>

namespace warden::schedule {

namespace {

constexpr InHand idle{false, 0};
constexpr InHand busy{true, 0};
constexpr InHand waiting{false, 1};
constexpr InHand busy_and_waiting{true, 1};

/// "12:00-14:00 3": first, last and count, of passed slots; "" of none.
std::string shown(const std::optional<Passed> &passed) {
	const auto time = [](Moment moment) {
		const Clock clock = clock_of(moment);
		char text[20];
		std::snprintf(text, sizeof text, "%02d:%02d", clock.hour, clock.minute);
		return std::string(text);
	};
	return passed ? time(passed->first) + "-" + time(passed->last) + " " + std::to_string(passed->count) : "";
}

struct Case {
	Missed missed;
	Overlap overlap;
	InHand in_hand;
	const char *now;
	std::vector<const char *> run;
	const char *missed_slots;
	const char *skipped_slots;
};

/// The slots are those of every hour of 2026-11-21 from 12:00 on.
void expect_claims(const std::vector<Case> &cases) {
	const Timetable hourly(parse_cron("0 * * * *"), utc, {});
	for (const Case &each : cases) {
		const Moment now = at(std::string("2026-11-21 ") + each.now);
		const Claim found = claim(hourly, each.missed, each.overlap, each.in_hand, at("2026-11-21 12:00"), now);
		std::vector<Moment> run;
		for (const char *time : each.run) {
			run.push_back(at(std::string("2026-11-21 ") + time));
		}
		const testing::ScopedTrace trace(__FILE__, __LINE__,
		                                 testing::Message() << "case " << &each - cases.data() << " at " << each.now);
		EXPECT_EQ(found.run, run);
		EXPECT_EQ(shown(found.missed), each.missed_slots);
		EXPECT_EQ(shown(found.skipped), each.skipped_slots);
		EXPECT_EQ(found.next, hourly.next(now));
	}
}

TEST(Claim, ASlotOnTimeRunsUnlessAnotherIsInHand) {
	for (const Missed missed : {Missed::Skip, Missed::Once}) {
		for (const char *now : {"12:00", "12:00:30", "12:01"}) {
			expect_claims({{missed, Overlap::Skip, idle, now, {"12:00"}, "", ""},
			               {missed, Overlap::Skip, busy, now, {}, "", "12:00-12:00 1"},
			               {missed, Overlap::Skip, waiting, now, {}, "", "12:00-12:00 1"},
			               {missed, Overlap::Skip, busy_and_waiting, now, {}, "", "12:00-12:00 1"},
			               {missed, Overlap::Queue, idle, now, {"12:00"}, "", ""},
			               {missed, Overlap::Queue, busy, now, {"12:00"}, "", ""},
			               {missed, Overlap::Queue, waiting, now, {"12:00"}, "", ""},
			               {missed, Overlap::Queue, busy_and_waiting, now, {}, "", "12:00-12:00 1"},
			               {missed, Overlap::Queue, {false, 2}, now, {}, "", "12:00-12:00 1"}});
		}
	}
	for (const InHand &in_hand : {idle, busy, waiting, busy_and_waiting}) {
		for (const Overlap overlap : {Overlap::Skip, Overlap::Queue}) {
			expect_claims({{Missed::All, overlap, in_hand, "12:01", {"12:00"}, "", ""}});
		}
	}
}

TEST(Claim, LateSlotsFollowTheMissedPolicy) {
	for (const Overlap overlap : {Overlap::Skip, Overlap::Queue}) {
		expect_claims({{Missed::Skip, overlap, idle, "12:01:00.000001", {}, "12:00-12:00 1", ""},
		               {Missed::Skip, overlap, idle, "14:30", {}, "12:00-14:00 3", ""},
		               {Missed::Once, overlap, idle, "12:30", {"12:00"}, "", ""},
		               {Missed::Once, overlap, idle, "14:30", {"14:00"}, "12:00-13:00 2", ""},
		               {Missed::All, overlap, idle, "12:30", {"12:00"}, "", ""},
		               {Missed::All, overlap, idle, "14:30", {"12:00", "13:00", "14:00"}, "", ""}});
	}
}

TEST(Claim, LateSlotsAndOneOnTime) {
	expect_claims({{Missed::Skip, Overlap::Skip, idle, "14:00:10", {"14:00"}, "12:00-13:00 2", ""},
	               {Missed::Skip, Overlap::Queue, idle, "14:00:10", {"14:00"}, "12:00-13:00 2", ""},
	               {Missed::Skip, Overlap::Skip, busy, "14:00:10", {}, "12:00-13:00 2", "14:00-14:00 1"},
	               {Missed::Skip, Overlap::Queue, busy, "14:00:10", {"14:00"}, "12:00-13:00 2", ""},
	               {Missed::Skip, Overlap::Queue, busy_and_waiting, "14:00:10", {}, "12:00-13:00 2", "14:00-14:00 1"},
	               {Missed::Once, Overlap::Skip, idle, "14:00:10", {"14:00"}, "12:00-13:00 2", ""},
	               {Missed::Once, Overlap::Queue, idle, "14:00:10", {"14:00"}, "12:00-13:00 2", ""},
	               {Missed::Once, Overlap::Queue, busy, "14:00:10", {"14:00"}, "12:00-13:00 2", ""},
	               {Missed::All, Overlap::Skip, idle, "14:00:10", {"12:00", "13:00", "14:00"}, "", ""},
	               {Missed::All, Overlap::Queue, busy, "14:00:10", {"12:00", "13:00", "14:00"}, "", ""}});
}

TEST(Claim, WhatIsMadeUpForOverlapsToo) {
	expect_claims({{Missed::Once, Overlap::Skip, busy, "14:30", {}, "12:00-13:00 2", "14:00-14:00 1"},
	               {Missed::Once, Overlap::Skip, waiting, "14:00:10", {}, "12:00-13:00 2", "14:00-14:00 1"},
	               {Missed::Once, Overlap::Queue, busy, "14:30", {"14:00"}, "12:00-13:00 2", ""},
	               {Missed::Once, Overlap::Queue, busy_and_waiting, "14:30", {}, "12:00-13:00 2", "14:00-14:00 1"},
	               {Missed::Skip, Overlap::Skip, busy, "14:30", {}, "12:00-14:00 3", ""}});
}

TEST(Claim, OfABacklogTheNewestHundredRun) {
	const Timetable minutely(parse_cron("* * * * *"), utc, {});
	const Moment due = at("2026-11-21 12:00");
	const Moment now = at("2026-11-22 12:00:30");
	for (const Overlap overlap : {Overlap::Skip, Overlap::Queue}) {
		for (const bool running : {false, true}) {
			const Claim all = claim(minutely, Missed::All, overlap, {running, 0}, due, now);
			ASSERT_EQ(all.run.size(), max_backlog);
			EXPECT_EQ(all.run.front(), now - now % minute_length - 99 * minute_length);
			EXPECT_EQ(all.run.back(), at("2026-11-22 12:00"));
			EXPECT_EQ(shown(all.missed), "12:00-10:20 1341");
			EXPECT_EQ(shown(all.skipped), "");
			// Those that wait already count, so that a job that takes longer than its period does not add up.
			const Claim more = claim(minutely, Missed::All, overlap, {running, 60}, due, now);
			ASSERT_EQ(more.run.size(), 40U);
			EXPECT_EQ(more.run.back(), at("2026-11-22 12:00"));
			EXPECT_EQ(shown(more.missed), "12:00-11:20 1401");
			const Claim full = claim(minutely, Missed::All, overlap, {running, 100}, due, now);
			EXPECT_TRUE(full.run.empty());
			EXPECT_EQ(shown(full.missed), "12:00-11:59 1440");
			EXPECT_EQ(shown(full.skipped), "12:00-12:00 1");
		}
	}
}

TEST(Claim, NothingIsDueBeforeItsTime) {
	const Timetable hourly(parse_cron("0 * * * *"), utc, {});
	const Claim claimed =
		claim(hourly, Missed::All, Overlap::Queue, idle, at("2026-11-21 12:00"), at("2026-11-21 12:00") - 1);
	EXPECT_TRUE(claimed.run.empty());
	EXPECT_FALSE(claimed.missed || claimed.skipped);
	EXPECT_EQ(claimed.next, at("2026-11-21 12:00"));
}

TEST(Claim, ASingleSlotIsTheLast) {
	const Timetable once(Once{at("2026-11-21 12:00")}, utc, {});
	for (const char *now : {"2026-11-21 12:00", "2026-12-24 18:00"}) {
		const Claim claimed = claim(once, Missed::Once, Overlap::Skip, idle, at("2026-11-21 12:00"), at(now));
		EXPECT_EQ(claimed.run, std::vector<Moment>{at("2026-11-21 12:00")});
		EXPECT_FALSE(claimed.missed || claimed.skipped || claimed.next);
	}
	const Claim skipped =
		claim(once, Missed::Skip, Overlap::Skip, idle, at("2026-11-21 12:00"), at("2026-12-24 18:00"));
	EXPECT_EQ(shown(skipped.missed), "12:00-12:00 1");
}

TEST(Claim, AnOutageOfDecades) {
	const Timetable minutely(parse_cron("*/1 0-22 * * *"), berlin, {});
	const Moment now = at("2056-01-01 12:30:59+01");
	const Claim claimed = claim(minutely, Missed::All, Overlap::Skip, idle, at("2026-01-01 00:00+01"), now);
	ASSERT_TRUE(claimed.missed.has_value());
	EXPECT_EQ(claimed.missed->first, at("2026-01-01 00:00+01"));
	EXPECT_EQ(claimed.missed->last, at("2056-01-01 10:50+01"));
	EXPECT_EQ(claimed.missed->count, max_counted);
	ASSERT_EQ(claimed.run.size(), max_backlog);
	EXPECT_EQ(claimed.run.front(), at("2056-01-01 10:51+01"));
	EXPECT_EQ(claimed.next, at("2056-01-01 12:31+01"));
}

/// Each slot up to now in exactly one part, each part in order, the next one after now.
void expect_accounted(const Timetable &timetable, const Claim &claimed, Moment due, Moment now, std::size_t most) {
	std::vector<Moment> slots;
	for (std::optional<Moment> slot = due; slot && *slot <= now; slot = timetable.next(*slot)) {
		slots.push_back(*slot);
	}
	std::size_t parts = 0;
	for (const Moment slot : slots) {
		const auto in = [&](const std::optional<Passed> &passed) {
			return passed && slot >= passed->first && slot <= passed->last;
		};
		parts =
			static_cast<std::size_t>(std::ranges::count(claimed.run, slot)) + in(claimed.missed) + in(claimed.skipped);
		ASSERT_EQ(parts, 1U);
		ASSERT_TRUE(!in(claimed.missed) || now - slot > timetable.grace()) << "missed, but on time";
	}
	const std::int64_t missed = claimed.missed ? claimed.missed->count : 0;
	const std::int64_t skipped = claimed.skipped ? claimed.skipped->count : 0;
	ASSERT_EQ(static_cast<std::int64_t>(claimed.run.size()) + missed + skipped,
	          static_cast<std::int64_t>(slots.size()));
	ASSERT_TRUE(std::ranges::is_sorted(claimed.run));
	ASSERT_LE(claimed.run.size(), most);
	if (claimed.missed && !claimed.run.empty()) {
		ASSERT_LT(claimed.missed->last, claimed.run.front());
	}
	ASSERT_EQ(claimed.next, due > now ? due : timetable.next(now));
}

TEST(Claim, EachSlotIsInExactlyOnePart) {
	Random random(1);
	for (int i = 0; i < 1500; ++i) {
		const Zone zone = random.any(all_rules)->zone();
		const Moment now = random.number(at("2011-06-01"), at("2030-01-01"));
		const Window window = random.one_in(2) ? random_window(random) : Window{};
		Cron cron = write_cron(random).meaning;
		cron.months = 0x1FFE;
		const Interval interval{now - random.number(0, 3 * microseconds_per_day),
		                        random.one_in(2) ? random.number(1, 90) * minute_length
		                                         : random.number(60, 100'000) * microseconds_per_second};
		const Timetable timetable =
			random.one_in(2) ? Timetable(cron, zone, window) : Timetable(interval, zone, window);
		const std::optional<Moment> due = timetable.next(now - random.number(-10, 2 * 1440) * minute_length);
		if (!due) {
			continue;
		}
		const Moment when = random.one_in(3) ? now - floor_modulo(now, minute_length) : now;
		const InHand in_hand{random.one_in(2), static_cast<int>(random.one_in(2) ? 0 : random.number(1, 110))};
		for (const Missed missed : {Missed::Skip, Missed::Once, Missed::All}) {
			for (const Overlap overlap : {Overlap::Skip, Overlap::Queue}) {
				const std::size_t most = missed == Missed::All ? max_backlog : overlap == Overlap::Queue ? 2 : 1;
				expect_accounted(timetable, claim(timetable, missed, overlap, in_hand, *due, when), *due, when, most);
			}
		}
	}
}

TEST(Realign, KeepsWhatHasComeAndElseTakesTheNext) {
	const Timetable hourly(parse_cron("0 * * * *"), utc, {});
	const Moment now = at("2026-11-21 12:30");
	EXPECT_EQ(realign(hourly, at("2026-11-21 11:00"), now), at("2026-11-21 11:00"));
	EXPECT_EQ(realign(hourly, now, now), now);
	EXPECT_EQ(realign(hourly, at("2026-11-21 13:00"), now), at("2026-11-21 13:00"));
	EXPECT_EQ(realign(hourly, at("2026-11-21 18:00"), now), at("2026-11-21 13:00")); // the clock was put back
	EXPECT_EQ(realign(hourly, at("2026-11-21 12:45"), now), at("2026-11-21 13:00")); // another schedule
	EXPECT_EQ(realign(hourly, std::nullopt, now), at("2026-11-21 13:00"));
	const Timetable once(Once{at("2026-11-21 12:00")}, utc, {});
	EXPECT_EQ(realign(once, std::nullopt, now), std::nullopt);
	EXPECT_EQ(realign(once, at("2026-11-21 12:00"), now), at("2026-11-21 12:00"));
}

TEST(Retry, WaitsTwiceAsLongEachTime) {
	const Moment now = at("2026-11-21 12:00");
	EXPECT_EQ(retry_at(now, 1, 3, minute_length, 1.0, std::nullopt), now + minute_length);
	EXPECT_EQ(retry_at(now, 2, 3, minute_length, 1.0, std::nullopt), now + 2 * minute_length);
	EXPECT_EQ(retry_at(now, 3, 3, minute_length, 1.0, std::nullopt), now + 4 * minute_length);
	EXPECT_EQ(retry_at(now, 4, 3, minute_length, 1.0, std::nullopt), std::nullopt);
	EXPECT_EQ(retry_at(now, 1, 0, minute_length, 1.0, std::nullopt), std::nullopt);
	EXPECT_EQ(retry_at(now, 3, 3, minute_length, 1.13, std::nullopt), now + 271'200'000);
	EXPECT_EQ(retry_at(now, 3, 3, minute_length, 0.87, std::nullopt), now + 208'800'000);
	EXPECT_EQ(retry_at(now, 5, 9, 0, 1.0, std::nullopt), now);
}

TEST(Retry, IsNeverAtTheNextSlotOrAfter) {
	const Moment now = at("2026-11-21 12:00");
	EXPECT_EQ(retry_at(now, 1, 3, minute_length, 1.0, now + minute_length), std::nullopt);
	EXPECT_EQ(retry_at(now, 1, 3, minute_length, 1.0, now + minute_length - 1), std::nullopt);
	EXPECT_EQ(retry_at(now, 1, 3, minute_length, 1.0, now + minute_length + 1), now + minute_length);
	EXPECT_EQ(retry_at(now, 1, 3, 0, 1.0, now - minute_length), std::nullopt);
	for (const int attempt : {40, 100, 1000, 2147483646}) {
		EXPECT_EQ(retry_at(now, attempt, 2147483647, minute_length, 1.0, std::nullopt), std::nullopt) << attempt;
	}
	EXPECT_EQ(retry_at(now, 1, 1, end, 1.0, std::nullopt), std::nullopt);
	EXPECT_EQ(retry_at(last_moment, 1, 1, minute_length, 1.0, std::nullopt), std::nullopt);
}

TEST(Restart, After1And4And16And64Seconds) {
	const Moment now = at("2026-11-21 12:00");
	EXPECT_EQ(restart_at(now, 1), now + microseconds_per_second);
	EXPECT_EQ(restart_at(now, 2), now + 4 * microseconds_per_second);
	EXPECT_EQ(restart_at(now, 3), now + 16 * microseconds_per_second);
	EXPECT_EQ(restart_at(now, 4), now + 64 * microseconds_per_second);
	EXPECT_EQ(restart_at(now, 5), std::nullopt);
	EXPECT_EQ(restart_at(now, 2147483647), std::nullopt);
}

} // namespace

} // namespace warden::schedule
