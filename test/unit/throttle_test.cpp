// throttle_test.cpp - Rates are kept whatever a batch did, and batches stay of a size that is worth a commit.
#include "move/throttle.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace warden::move {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

TEST(Throttle, WithoutRatesThereIsNoPause) {
	EXPECT_EQ(pause_after({1'000'000, 1'000'000'000, 0.0}, {}), 0);
	EXPECT_EQ(pause_after({most, most, 1.0}, {}), 0);
}

TEST(Throttle, PausesForWhatARateLacks) {
	EXPECT_DOUBLE_EQ(pause_after({1'000, 0, 0.25}, {.rows_per_second = 2'000}), 0.25);
	EXPECT_DOUBLE_EQ(pause_after({0, 1'000, 0.25}, {.bytes_per_second = 1'000}), 0.75);
	EXPECT_DOUBLE_EQ(pause_after({1'000, 3'000, 0.5}, {.rows_per_second = 1'000, .bytes_per_second = 1'000}), 2.5);
	EXPECT_DOUBLE_EQ(pause_after({5'000, 3'000, 0.5}, {.rows_per_second = 1'000, .bytes_per_second = 1'000}), 4.5);
}

TEST(Throttle, ABatchThatTookLongerIsNotMadeUpFor) {
	EXPECT_EQ(pause_after({1'000, 0, 1.0}, {.rows_per_second = 1'000}), 0);
	EXPECT_EQ(pause_after({1'000, 0, 100.0}, {.rows_per_second = 1'000}), 0);
	EXPECT_EQ(pause_after({0, 0, 0.0}, {.rows_per_second = 1, .bytes_per_second = 1}), 0);
}

TEST(Throttle, EvenTheLeastRateEnds) {
	EXPECT_DOUBLE_EQ(pause_after({1, 0, 0.0}, {.rows_per_second = 1}), 1.0);
	EXPECT_TRUE(std::isfinite(pause_after({most, most, 0.0}, {.rows_per_second = 1, .bytes_per_second = 1})));
}

TEST(Throttle, BatchesGrowToATenthOfASecond) {
	EXPECT_EQ(next_batch(64, {1'000, 500'000, 0.1}, {}), 64);
	EXPECT_EQ(next_batch(64, {1'000, 500'000, 0.2}, {}), 32);
	EXPECT_EQ(next_batch(64, {1'000, 500'000, 0.08}, {}), 80);
	EXPECT_EQ(next_batch(64, {1'000, 500'000, 0.001}, {}), 128); // at most twice the last
	EXPECT_EQ(next_batch(64, {0, 0, 0.0}, {}), 128);             // a clock that stands
}

TEST(Throttle, ABatchHasAtLeastOneBlockAndNotTooMany) {
	EXPECT_EQ(next_batch(1, {1'000, 500'000, 1'000.0}, {}), 1);
	EXPECT_EQ(next_batch(0, {0, 0, 0.0}, {}), 2);
	EXPECT_EQ(next_batch(-5, {0, 0, 0.1}, {}), 1);
	EXPECT_EQ(next_batch(4'000, {0, 0, 0.0}, {}), 4'096);
	EXPECT_EQ(next_batch(4'096, {0, 0, 0.0}, {}), 4'096);
	EXPECT_EQ(next_batch(most, {0, 0, 0.0}, {}), 4'096);
}

TEST(Throttle, ABatchIsNoMoreThanASecondsShare) {
	EXPECT_EQ(next_batch(100, {10'000, 0, 0.01}, {.rows_per_second = 1'000}), 10);
	EXPECT_EQ(next_batch(100, {0, 800'000, 0.01}, {.bytes_per_second = 80'000}), 10);
	EXPECT_EQ(next_batch(100, {10'000, 800'000, 0.01}, {.rows_per_second = 5'000, .bytes_per_second = 80'000}), 10);
	EXPECT_EQ(next_batch(100, {10'000, 0, 0.01}, {.rows_per_second = 1'000'000}), 200);
	EXPECT_EQ(next_batch(1, {290, 8'192, 0.001}, {.rows_per_second = 1}), 1);
	EXPECT_EQ(next_batch(4'096, {most, most, 0.0}, {.rows_per_second = 1, .bytes_per_second = 1}), 1);
}

TEST(Throttle, ARateIsKeptInTheLongRun) {
	std::minstd_rand random(3);
	for (const std::int64_t rate : {10, 1'000, 250'000}) {
		const Rates rates{.rows_per_second = rate};
		std::int64_t blocks = 16;
		double seconds = 0;
		std::int64_t rows = 0;
		for (int i = 0; i < 500; ++i) {
			const auto in_block = static_cast<std::int64_t>(random() % 200);
			const Batch batch{blocks * in_block, blocks * 8'192, static_cast<double>(random() % 100) / 1'000};
			seconds += batch.seconds + pause_after(batch, rates);
			rows += batch.rows;
			blocks = next_batch(blocks, batch, rates);
			ASSERT_GE(blocks, 1);
			ASSERT_LE(blocks, 4'096);
		}
		EXPECT_LE(static_cast<double>(rows), static_cast<double>(rate) * seconds * 1.0001);
	}
}

} // namespace
} // namespace warden::move
