// One row after the other with the same key.
#include "audit/key_lives.hpp"

#include <gtest/gtest.h>

namespace warden::audit {

namespace {

using Lives = std::vector<std::size_t>;

TEST(KeyLives, OneRow) {
	EXPECT_EQ(lives_of({{1, 'I', false}, {2, 'U', false}, {3, 'D', false}}), (Lives{0, 0, 0}));
}

TEST(KeyLives, WhatWasThereBefore) {
	EXPECT_EQ(lives_of({{2, 'U', false}, {3, 'D', false}, {4, 'I', false}}), (Lives{0, 0, 1}));
}

TEST(KeyLives, LeavesAndAnotherArrives) {
	EXPECT_EQ(lives_of({{1, 'I', false}, {2, 'U', true}, {3, 'K', false}, {4, 'U', false}}), (Lives{0, 0, 1, 1}));
}

// UPDATE ... SET id = id + 1: the next row has come before the one that had the key has gone.
TEST(KeyLives, TwoForAMoment) {
	EXPECT_EQ(lives_of({{1, 'I', false}, {2, 'K', false}, {2, 'U', true}, {3, 'U', false}, {4, 'D', false}}),
	          (Lives{0, 1, 0, 1, 1}));
}

TEST(KeyLives, MovesToAnotherPartition) {
	EXPECT_EQ(lives_of({{1, 'I', false}, {2, 'D', false}, {2, 'I', false}, {3, 'D', false}, {4, 'I', false}}),
	          (Lives{0, 0, 0, 0, 1}));
}

// The DELETE of the first one was not logged.
TEST(KeyLives, GapInTheLog) {
	EXPECT_EQ(lives_of({{1, 'I', false}, {5, 'I', false}, {6, 'U', false}, {7, 'D', false}}), (Lives{0, 1, 1, 1}));
}

std::size_t last_of(const std::vector<KeyEvent> &events) {
	return last_life(events, lives_of(events));
}

TEST(KeyLives, Last) {
	EXPECT_EQ(last_of({}), nobody);
	EXPECT_EQ(last_of({{1, 'U', false}}), 0U);
	EXPECT_EQ(last_of({{1, 'I', false}, {2, 'D', false}}), nobody);
	EXPECT_EQ(last_of({{1, 'I', false}, {2, 'U', true}}), nobody);
	EXPECT_EQ(last_of({{1, 'I', false}, {2, 'D', false}, {2, 'I', false}}), 0U);
	EXPECT_EQ(last_of({{1, 'I', false}, {2, 'K', false}, {2, 'U', true}}), 1U);
	EXPECT_EQ(last_of({{1, 'I', false}, {2, 'U', true}, {3, 'K', false}, {4, 'U', false}}), 1U);
}

} // namespace

} // namespace warden::audit
