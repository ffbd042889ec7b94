// Samples of files whose pages are all known.
#include "bloat/sample_estimate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

namespace warden::bloat {

namespace {

constexpr double most = 8192;
std::mt19937 random_numbers(1);

std::vector<double> draw(const std::vector<double> &file, std::size_t count) {
	std::vector<double> drawn;
	std::ranges::sample(file, std::back_inserter(drawn), static_cast<std::ptrdiff_t>(count), random_numbers);
	return drawn;
}

double sum(const std::vector<double> &values) {
	return std::accumulate(values.begin(), values.end(), 0.0);
}

// How many of a thousand intervals have the truth in them.
int covered(const std::vector<double> &file, std::size_t count) {
	int hits = 0;
	for (int i = 0; i < 1000; ++i) {
		const Estimate found = estimate_sum({{file.size(), draw(file, count), 0, most}});
		hits += found.low <= sum(file) && sum(file) <= found.high ? 1 : 0;
	}
	return hits;
}

std::vector<double> file_of(std::size_t pages, const std::function<double(std::size_t)> &value) {
	std::vector<double> file;
	for (std::size_t i = 0; i < pages; ++i) {
		file.push_back(value(i));
	}
	return file;
}

TEST(SampleEstimate, WhatWasReadWholeIsKnown) {
	const auto file = file_of(100, [](std::size_t i) { return static_cast<double>(i); });
	const Estimate found = estimate_sum({{file.size(), file, 0, most}});
	EXPECT_DOUBLE_EQ(found.value, 4950);
	EXPECT_DOUBLE_EQ(found.low, 4950);
	EXPECT_DOUBLE_EQ(found.high, 4950);
}

TEST(SampleEstimate, CoversTheTruth) {
	EXPECT_GE(covered(file_of(5000, [](std::size_t i) { return static_cast<double>(i % 8192); }), 100), 930);
	EXPECT_GE(covered(file_of(5000, [](std::size_t i) { return i % 2 == 0 ? 0.0 : most; }), 60), 930);
	EXPECT_GE(covered(file_of(5000, [](std::size_t i) { return i < 1500 ? most : 100.0; }), 400), 930);
}

TEST(SampleEstimate, NothingSeenIsNotNothing) {
	const Estimate none = estimate_sum({{10'000, std::vector<double>(300, 0), 0, most}});
	EXPECT_EQ(none.value, 0);
	EXPECT_EQ(none.low, 0);
	EXPECT_DOUBLE_EQ(none.high, 10'000 * 3.0 / 300 * most);
	EXPECT_GE(covered(file_of(10'000, [](std::size_t i) { return i < 50 ? most : 0.0; }), 300), 930);
}

TEST(SampleEstimate, StaysWithinWhatIsPossible) {
	const Estimate found = estimate_sum({{10, {0, 8192}, 0, most}});
	EXPECT_GE(found.low, 8192);
	EXPECT_LE(found.high, 9 * most);
}

TEST(SampleEstimate, StrataThatAreAlikeWithin) {
	const Stratum full{9000, {8000, 8010, 7990, 8005}, 0, most};
	const Stratum empty{1000, {0, 5, 0, 3}, 0, most};
	const Estimate both = estimate_sum({full, empty});
	EXPECT_DOUBLE_EQ(both.value, 9000 * 8001.25 + 1000 * 2);
	EXPECT_LT(both.high - both.low, 0.01 * both.value);
}

TEST(SampleEstimate, MoreIsDrawnWhereMoreIsInDoubt) {
	const Stratum calm{9000, {8000, 8001, 8000, 8001}, 0, most};
	const Stratum wild{1000, {0, 8000, 100, 5000}, 0, most};
	const auto drawn = allocate(500, {calm, wild});
	EXPECT_GT(drawn[1], 400u);
	EXPECT_GE(drawn[0], 2u);
	EXPECT_EQ(allocate(500, {{3, {1, 1}, 0, most}})[0], 3u);
}

TEST(SampleEstimate, AsManyAsTheDoubtAsksFor) {
	// Pages that are full or empty: two points of a hundred need 2401 pages, of any file.
	const Stratum pilot{10'000'000, {0, most}, 0, most};
	const double deviation = most / 2;
	const Stratum half{10'000'000, {4096 - deviation / std::sqrt(2.0), 4096 + deviation / std::sqrt(2.0)}, 0, most};
	EXPECT_NEAR(static_cast<double>(pages_for(0.02 * 10'000'000 * most, {half})), 2401, 2);
	EXPECT_EQ(pages_for(1, {{1000, {5, 5}, 0, most}}), 0u);
	EXPECT_LE(pages_for(0.0001, {{1000, {0, 5}, 0, most}}), 1000u);
	EXPECT_GT(pages_for(0.02 * 10'000'000 * most, {pilot}), 2401u);
}

} // namespace

} // namespace warden::bloat
