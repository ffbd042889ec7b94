// Numbers that are drawn.
#include "bloat/sample_draw.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace warden::bloat {

namespace {

TEST(SampleDraw, EachOnceAtMost) {
	RandomNumbers numbers(1);
	for (const std::uint64_t count : {0, 1, 10, 60, 100, 1000}) {
		const auto drawn = draw(numbers, 100, count);
		EXPECT_EQ(drawn.size(), std::min<std::uint64_t>(count, 100));
		EXPECT_EQ(std::set(drawn.begin(), drawn.end()).size(), drawn.size());
		EXPECT_TRUE(std::ranges::all_of(drawn, [](std::uint32_t number) { return number < 100; }));
	}
	EXPECT_TRUE(draw(numbers, 0, 5).empty());
}

TEST(SampleDraw, ManyTakeNoTime) {
	RandomNumbers numbers(1);
	auto drawn = draw(numbers, 2'000'000, 800'000); // not with insertions in order
	std::ranges::sort(drawn);
	EXPECT_EQ(drawn.size(), 800'000);
	EXPECT_EQ(std::ranges::adjacent_find(drawn), drawn.end());
}

TEST(SampleDraw, TheSameSeedDrawsTheSame) {
	RandomNumbers one(7);
	RandomNumbers again(7);
	RandomNumbers other(8);
	EXPECT_EQ(draw(one, 1'000'000, 50), draw(again, 1'000'000, 50));
	EXPECT_NE(draw(one, 1'000'000, 50), draw(other, 1'000'000, 50));
}

TEST(SampleDraw, EachAsLikelyAsTheOthersInEveryPlace) {
	for (const std::uint64_t count : {4, 8}) {
		RandomNumbers numbers(3);
		int first[10] = {};
		int last[10] = {};
		for (int i = 0; i < 10'000; ++i) {
			const auto drawn = draw(numbers, 10, count);
			++first[drawn.front()];
			++last[drawn.back()];
		}
		for (int i = 0; i < 10; ++i) {
			EXPECT_NEAR(first[i], 1000, 120);
			EXPECT_NEAR(last[i], 1000, 120);
		}
	}
}

} // namespace

} // namespace warden::bloat
