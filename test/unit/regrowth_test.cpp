// What is learnt of sizes: half-lives that were put in come out, and too little gives nothing.
#include "bloat/regrowth.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace warden::bloat {

namespace {

constexpr double megabyte = 1024 * 1024;

/// A file of 100 MB, of which 60 MB were waste before it was rewritten, and that regains the saved with a half-life.
std::vector<Observation> history(double half_life, int days, double growth_a_day = 0) {
	std::vector<Observation> all{{-1, 100 * megabyte, 60 * megabyte, 1, 0}};
	for (int day = 0; day <= days; ++day) {
		const double wasted = 60 * megabyte * (1 - std::exp2(-day / half_life));
		all.push_back({static_cast<double>(day), 40 * megabyte + wasted + growth_a_day * day, wasted, 2, 0});
	}
	return all;
}

TEST(Regrowth, NothingSaysNothing) {
	const Experience none = learn_from({});
	EXPECT_EQ(none.repairs, 0);
	EXPECT_FALSE(none.half_life_days || none.growth_a_day || none.is_steady);
	const Experience one = learn_from({{0, 100, 50, 1, 0}});
	EXPECT_EQ(one.repairs, 0);
	EXPECT_FALSE(one.half_life_days || one.growth_a_day || one.is_steady);
}

TEST(Regrowth, HalfLifeThatWasPutInComesOut) {
	for (const double half_life : {0.5, 3.0, 10.0, 45.0}) {
		const Experience learnt = learn_from(history(half_life, 20));
		EXPECT_EQ(learnt.repairs, 1);
		ASSERT_TRUE(learnt.half_life_days);
		// What has come back whole has no logarithm, so a short one is told a little longer.
		EXPECT_NEAR(learnt.half_life_days.value_or(0), half_life, half_life < 2 ? 3 : half_life * 0.01) << half_life;
	}
}

TEST(Regrowth, RowsThatWereAddedAreNoWaste) {
	const Experience learnt = learn_from(history(10, 20, megabyte));
	EXPECT_NEAR(learnt.half_life_days.value_or(0), 10, 0.1);
	EXPECT_NEAR(learn_from({{0, 0, 0, 1, 0}, {5, 5 * megabyte, 0, 1, 9}}).growth_a_day.value_or(0), megabyte, 1);
}

TEST(Regrowth, WhatStaysSmallIsToldOnlyAsLongAsItWasSeen) {
	std::vector<Observation> flat{{-1, 100, 60, 1, 0}, {0, 40, 0, 2, 0}, {7, 40, 0, 2, 0}};
	EXPECT_EQ(learn_from(flat).half_life_days, 70);
	flat.push_back({30, 40, 0, 2, 0});
	EXPECT_EQ(learn_from(flat).half_life_days, 300);
}

TEST(Regrowth, TooFewMeasurementsGiveNoFigure) {
	EXPECT_FALSE(learn_from({{-1, 100, 60, 1, 0}, {0, 40, 0, 2, 0}}).half_life_days);
	EXPECT_FALSE(learn_from({{-1, 100, 60, 1, 0}, {0, 40, 0, 2, 0}, {0.9, 70, 30, 2, 0}}).half_life_days);
	EXPECT_FALSE(learn_from({{-1, 100, std::nullopt, 1, 0}, {0, 40, 0, 2, 0}, {2, 70, 30, 2, 0}}).half_life_days);
	EXPECT_FALSE(learn_from({{-1, 100, 0, 1, 0}, {0, 100, 0, 2, 0}, {2, 100, 0, 2, 0}}).half_life_days);
	EXPECT_FALSE(learn_from({{0, 10, 0, 1, 0}, {0.5, 20, 0, 1, 0}}).growth_a_day);
}

TEST(Regrowth, RewriteOfYesterdayDoesNotHideWhatIsKnown) {
	std::vector<Observation> all = history(5, 10);
	all.push_back({10.5, 40 * megabyte, 0, 3, 0});
	const Experience learnt = learn_from(all);
	EXPECT_EQ(learnt.repairs, 2);
	EXPECT_NEAR(learnt.half_life_days.value_or(0), 5, 0.1);
	EXPECT_FALSE(learnt.growth_a_day);
}

TEST(Regrowth, SteadyIsTheSameSizeForWeeksWhileItIsWrittenTo) {
	constexpr int days = 20;
	std::vector<Observation> all;
	all.reserve(days);
	for (int day = 0; day < days; ++day) {
		all.push_back({static_cast<double>(day), 1000.0 + (day % 3) * 20, std::nullopt, 1, day * 100.0});
	}
	EXPECT_TRUE(learn_from(all).is_steady);
	const std::vector<Observation> short_time(all.begin(), all.begin() + 10);
	EXPECT_FALSE(learn_from(short_time).is_steady);
	std::vector<Observation> unused = all;
	for (Observation &o : unused) {
		o.writes = 7;
	}
	EXPECT_FALSE(learn_from(unused).is_steady);
	all.back().bytes = 1100;
	EXPECT_FALSE(learn_from(all).is_steady);
}

} // namespace

} // namespace warden::bloat
