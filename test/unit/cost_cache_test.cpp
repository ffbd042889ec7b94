// cost_cache_test.cpp - When the planner need not be asked.
#include "advice/cost_cache.hpp"
#include "made_up_planner.hpp"

#include <gtest/gtest.h>

namespace warden::advice {

namespace {

MadeUpPlanner planner_of_one() {
	return MadeUpPlanner({{{{}, 100}, {{1}, 50}, {{2}, 40}, {{1, 2}, 10}}});
}

} // namespace

TEST(CostCache, AsksOnceForEachSet) {
	MadeUpPlanner planner = planner_of_one();
	CostCache cache(planner);
	cache.add_relevant(0, {1, 2});
	EXPECT_EQ(cache.plan(0, {1}).cost, 50);
	EXPECT_EQ(cache.plan(0, {1}).cost, 50);
	EXPECT_EQ(cache.asked(), 1);
}

TEST(CostCache, AnIndexThatWasThereButNotUsedDoesNotMatter) {
	MadeUpPlanner planner = planner_of_one();
	CostCache cache(planner);
	cache.add_relevant(0, {1, 2, 3, 4});
	EXPECT_EQ(cache.plan(0, {1, 3, 4}).cost, 50);
	EXPECT_EQ(cache.plan(0, {1, 3}).cost, 50);
	EXPECT_EQ(cache.plan(0, {1}).used, IndexSet{1});
	EXPECT_EQ(cache.asked(), 1);
	EXPECT_EQ(cache.plan(0, {3}).cost, 100);   // what it used is missing
	EXPECT_EQ(cache.plan(0, {1, 2}).cost, 10); // there is one that was not
	EXPECT_EQ(cache.asked(), 3);
}

TEST(CostCache, IndexesOfOthersDoNotMatter) {
	MadeUpPlanner planner = planner_of_one();
	CostCache cache(planner);
	cache.add_relevant(0, {1, 2});
	EXPECT_EQ(cache.plan(0, {}).cost, 100);
	EXPECT_EQ(cache.plan(0, {7, 300}).cost, 100);
	EXPECT_EQ(cache.asked(), 1);
}

TEST(CostCache, DoesNotAskToFind) {
	MadeUpPlanner planner = planner_of_one();
	CostCache cache(planner);
	EXPECT_FALSE(cache.find(0, {}));
	cache.plan(0, {});
	EXPECT_TRUE(cache.find(0, {}));
	EXPECT_EQ(planner.calls, 1);
}

TEST(CostCache, KeepsThePlansThatCanBeTheBest) {
	MadeUpPlanner planner = planner_of_one();
	CostCache cache(planner);
	cache.add_relevant(0, {1, 2});
	for (const IndexSet &present : {IndexSet(), IndexSet{1}, IndexSet{1, 2}, IndexSet{2}}) {
		cache.plan(0, present);
	}
	ASSERT_EQ(cache.options(0).size(), 4u);
	EXPECT_EQ(cache.options(0).front().cost, 10);
	EXPECT_EQ(cheapest(cache.options(0), {2, 9}, 100), 40);
	EXPECT_EQ(cheapest(cache.options(0), {2}, 30), 30);
	EXPECT_EQ(cheapest(cache.options(0), {}, 100), 100);
}

TEST(CostCache, DropsPlansThatNeedMoreAndCostMore) {
	MadeUpPlanner planner({{{{}, 100}, {{1}, 50}, {{1, 2}, 60}}});
	CostCache cache(planner);
	cache.add_relevant(0, {1, 2});
	cache.plan(0, {});
	cache.plan(0, {1, 2});
	EXPECT_EQ(cache.options(0).size(), 2u);
}

} // namespace warden::advice
