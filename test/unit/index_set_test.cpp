// index_set_test.cpp - Sets of numbers, however they were made.
#include "advice/index_set.hpp"

#include <gtest/gtest.h>

namespace warden::advice {

TEST(IndexSet, SetsOfTheSameMembersAreEqual) {
	IndexSet set{3, 200};
	set.erase(200);
	EXPECT_EQ(set, IndexSet{3});
	EXPECT_EQ(set.hash(), IndexSet{3}.hash());
	EXPECT_EQ((IndexSet{1, 70} & IndexSet{1}), IndexSet{1});
	EXPECT_EQ((IndexSet{1, 70} - IndexSet{70}), IndexSet{1});
	EXPECT_EQ((IndexSet{1} | IndexSet{70}), (IndexSet{70, 1}));
}

TEST(IndexSet, KnowsItsMembers) {
	const IndexSet set{0, 63, 64, 500};
	EXPECT_EQ(set.members(), (std::vector<IndexSet::Number>{0, 63, 64, 500}));
	EXPECT_EQ(set.size(), 4u);
	EXPECT_TRUE(set.contains(64));
	EXPECT_FALSE(set.contains(65));
	EXPECT_FALSE(set.contains(5000));
}

TEST(IndexSet, ContainsItsSubsets) {
	EXPECT_TRUE(IndexSet{}.is_subset_of(IndexSet{}));
	EXPECT_TRUE(IndexSet{1}.is_subset_of(IndexSet{1, 100}));
	EXPECT_FALSE((IndexSet{1, 100}).is_subset_of(IndexSet{1}));
	EXPECT_FALSE(IndexSet{2}.is_subset_of(IndexSet{1, 100}));
}

} // namespace warden::advice
