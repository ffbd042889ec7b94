// Samples of files whose pages are all known.
#include "bloat/sample_estimate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
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
	file.reserve(pages);
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

std::vector<double> around(double middle, std::size_t count) {
	std::vector<double> values;
	values.reserve(count);
	for (std::size_t i = 0; i < count; ++i) {
		values.push_back(middle + (i % 2 == 0 ? 5 : -5));
	}
	return values;
}

TEST(SampleEstimate, StrataThatAreAlikeWithin) {
	const Stratum full{9000, around(8000, 900), 0, most};
	const Stratum empty{1000, around(10, 100), 0, most};
	const Estimate both = estimate_sum({full, empty});
	EXPECT_DOUBLE_EQ(both.value, 9000 * 8000.0 + 1000 * 10);
	EXPECT_LT(both.high - both.low, 0.01 * both.value);
}

TEST(SampleEstimate, RarePagesAreExpected) {
	// Nearly all pages are alike, and it is likely that a sample has none of the others.
	EXPECT_GE(
		covered(file_of(20'000, [](std::size_t i) { return i % 400 == 0 ? most : 10.0 + static_cast<double>(i % 3); }),
	            300),
		930);
}

TEST(SampleEstimate, MoreIsDrawnWhereMoreIsInDoubt) {
	const Stratum calm{9000, {8000, 8001, 8000, 8001}, 0, most};
	const Stratum wild{1000, {0, 8000, 100, 5000}, 0, most};
	const auto drawn = allocate(500, {calm, wild});
	EXPECT_GT(drawn[1], drawn[0]);
	EXPECT_GE(drawn[0], 100u);
	EXPECT_EQ(drawn[0] + drawn[1], 500u);
	EXPECT_EQ(allocate(500, {{3, {1, 1}, 0, most}})[0], 3u);
	const auto few = allocate(5, {calm, wild, {500, {1, 2}, 0, most}});
	EXPECT_EQ(few[0] + few[1] + few[2], 6u); // two of each at least
}

TEST(SampleEstimate, AsManyAsTheDoubtAsksFor) {
	// Pages that are full or empty: two points of a hundred need 2401 pages, of any file.
	const double deviation = most / 2;
	const Stratum half{
		10'000'000, {4096 - deviation / std::numbers::sqrt2, 4096 + deviation / std::numbers::sqrt2}, 0, most};
	EXPECT_NEAR(static_cast<double>(pages_for(0.02 * 10'000'000 * most, {half})), 2401, 4);
	// Pages that are all alike: a hundred and fifty, so that no more than two of a hundred are otherwise.
	EXPECT_NEAR(static_cast<double>(pages_for(0.02 * 10'000'000 * most, {{10'000'000, {most, most}, 0, most}})), 150,
	            1);
	EXPECT_EQ(pages_for(0.0001, {{1000, {0, 5}, 0, most}}), 1000u);
}

} // namespace

} // namespace warden::bloat
