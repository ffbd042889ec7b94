// Whether an index has helped: nothing before its time, noise is no effect, and each side of the balance counts.
#include "advice/outcome.hpp"

#include <gtest/gtest.h>

#include <string>

namespace warden::advice {

namespace {

/// So many calls, with that mean and standard deviation.
Times times(double calls, double mean, double deviation) {
	return {calls, calls * mean, calls * (mean * mean + deviation * deviation)};
}

Observation observation(Times before, Times after, double scans = 1000) {
	return {.is_built = true, .days = 10, .scans = scans, .has_times = true, .statements = {{false, before, after}}};
}

std::string verdict(const Observation &observation, const Patience &patience = {}) {
	return judge(observation, patience).verdict;
}

TEST(Outcome, NotBuiltAndDropped) {
	EXPECT_EQ(verdict({}), "not_built");
	EXPECT_EQ(verdict({.is_built = true, .is_dropped = true, .days = 100, .scans = 5}), "dropped");
}

TEST(Outcome, WaitsForDaysAndCalls) {
	Observation young = observation(times(1000, 10, 1), times(1000, 100, 1));
	young.days = 6.9;
	EXPECT_EQ(verdict(young), "waiting");
	EXPECT_EQ(verdict(observation(times(1000, 10, 1), times(99, 1, 1))), "waiting");
	EXPECT_EQ(verdict(observation(times(1000, 10, 1), times(99, 1, 1), 0)), "waiting");
	EXPECT_EQ(verdict(observation(times(1000, 10, 1), times(99, 1, 1)), {.days = 7, .calls = 99}), "helped");
}

TEST(Outcome, Saving) {
	const Outcome outcome = judge(observation(times(1000, 10, 1), times(500, 2, 1)), {});
	EXPECT_STREQ(outcome.verdict, "helped");
	EXPECT_TRUE(outcome.is_compared);
	EXPECT_NEAR(outcome.saved_ms, 8 * 500 / 10.0, 1e-6);
	EXPECT_EQ(outcome.write_ms, 0);
	EXPECT_NE(outcome.reason.find("80 %"), std::string::npos) << outcome.reason;
}

TEST(Outcome, NoiseIsNoEffect) {
	// 10 % less, but of times that differ by much more: 2 standard errors are 25 %
	EXPECT_EQ(verdict(observation(times(1000, 10, 40), times(1000, 9, 40))), "no_effect");
	// the same that is certain
	EXPECT_EQ(verdict(observation(times(1000, 10, 1), times(1000, 9, 1))), "helped");
	// certain, but it may be the weather
	EXPECT_EQ(verdict(observation(times(1e6, 10, 1), times(1e6, 9.6, 1))), "no_effect");
	EXPECT_EQ(verdict(observation(times(1e6, 10, 1), times(1e6, 10.4, 1))), "no_effect");
}

TEST(Outcome, SlowerIsHarmful) {
	const Outcome outcome = judge(observation(times(1000, 10, 1), times(1000, 12, 1)), {});
	EXPECT_STREQ(outcome.verdict, "harmful");
	EXPECT_LT(outcome.saved_ms, 0);
}

TEST(Outcome, WhatIsNotScannedHasNotHelped) {
	EXPECT_EQ(verdict(observation(times(1000, 10, 1), times(1000, 2, 1), 0)), "no_effect");
	// also of queries that nobody has called before
	EXPECT_EQ(verdict(observation({}, times(1000, 2, 1), 0)), "no_effect");
	EXPECT_EQ(verdict(observation({}, times(1000, 2, 1), 1)), "used");
}

TEST(Outcome, WhatIsNotScannedHasNotMadeQueriesSlower) {
	Observation slower = observation(times(1000, 10, 1), times(1000, 20, 1), 0);
	EXPECT_EQ(verdict(slower), "no_effect");
	EXPECT_LT(judge(slower, {}).saved_ms, 0);
	// but it may cost who writes, whatever its queries have come to take
	slower.statements.push_back({true, times(10000, 1, 0.1), times(10000, 1.2, 0.1)});
	EXPECT_EQ(verdict(slower), "harmful");
	slower.statements[0].after = times(1000, 1, 1);
	EXPECT_EQ(verdict(slower), "harmful");
	EXPECT_NE(judge(slower, {}).reason.find("not scanned"), std::string::npos);
}

TEST(Outcome, WritesCountAgainstIt) {
	Observation both = observation(times(1000, 10, 1), times(1000, 9, 1));           // saves 100 ms a day
	both.statements.push_back({true, times(10000, 1, 0.1), times(10000, 1.2, 0.1)}); // costs 200
	const Outcome outcome = judge(both, {});
	EXPECT_STREQ(outcome.verdict, "harmful");
	EXPECT_NEAR(outcome.write_ms, 200, 1e-6);
	EXPECT_NEAR(outcome.saved_ms, 100, 1e-6);
	both.statements[1].after = times(10000, 1.08, 0.1); // 80
	EXPECT_STREQ(judge(both, {}).verdict, "helped");
	both.statements[1].after = times(10000, 1.02, 0.1); // noise
	EXPECT_EQ(judge(both, {}).write_ms, 0);
	both.statements[1].after = times(10000, 0.5, 0.1); // faster: not because of the index
	EXPECT_EQ(judge(both, {}).write_ms, 0);
}

TEST(Outcome, WritersAreNotItsQueries) {
	Observation only_writers = observation({}, {}, 0);
	only_writers.statements = {{true, times(1000, 1, 0), times(1000, 9, 0)}};
	EXPECT_EQ(verdict(only_writers), "waiting");
}

TEST(Outcome, WithoutTimes) {
	Observation blind{.is_built = true, .days = 34, .scans = 0};
	EXPECT_EQ(verdict(blind), "waiting");
	blind.days = 35;
	EXPECT_EQ(verdict(blind), "no_effect");
	blind.scans = 1;
	EXPECT_EQ(verdict(blind), "used");
	EXPECT_FALSE(judge(blind, {}).is_compared);
}

TEST(Outcome, SeveralQueriesAreOneSum) {
	Observation many = observation(times(1000, 10, 1), times(1000, 1, 1));
	many.statements.push_back({false, times(1000, 1, 0.1), times(1000, 1.5, 0.1)}); // one that became slower
	many.statements.push_back({false, times(1, 1000, 0), times(4, 1, 0)});          // too few to tell
	const Outcome outcome = judge(many, {});
	EXPECT_STREQ(outcome.verdict, "helped");
	EXPECT_NEAR(outcome.saved_ms, (9000 - 500) / 10.0, 1e-6);
}

TEST(Outcome, ZerosAndNonsense) {
	EXPECT_EQ(verdict(observation(times(1000, 0, 0), times(1000, 0, 0))), "no_effect");
	Observation instant = observation(times(1000, 10, 1), times(1000, 1, 1));
	instant.days = 0;
	EXPECT_EQ(verdict(instant, {.days = 0, .calls = 0}), "helped");
	EXPECT_EQ(Times{}.error(), 0);
	EXPECT_EQ((Times{10, 100, 0}.error()), 0); // squares that were rounded down
}

} // namespace

} // namespace warden::advice
