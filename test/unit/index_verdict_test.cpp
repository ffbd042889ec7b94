// index_verdict_test.cpp - "Unused" is said of what was watched for long enough, everywhere, and is for nothing else.
#include "advice/index_verdict.hpp"

#include <gtest/gtest.h>

namespace warden::advice {

namespace {

constexpr std::int64_t day = std::int64_t{86400} * 1000 * 1000;

/// Watched for so many days of 35, and last used so many ago.
IndexUse used(int watched, std::optional<int> days_ago = std::nullopt) {
	IndexUse use{.now = 1000 * day, .window = 35 * day, .since = (1000 - watched) * day};
	if (days_ago) {
		use.last = (1000 - *days_ago) * day;
		use.scans = 1;
	}
	return use;
}

std::string verdict(const IndexRole &role, const IndexUse &use) {
	return judge_use(role, use).verdict;
}

} // namespace

TEST(IndexVerdict, UnusedIsWhatWasWatchedForLongEnough) {
	EXPECT_EQ(verdict({}, used(35)), "unused");
	EXPECT_EQ(verdict({}, used(36, 35)), "unused");
	EXPECT_EQ(verdict({}, used(36, 34)), "keep");
	EXPECT_EQ(verdict({}, used(34)), "keep");
	EXPECT_TRUE(judge_use({}, used(35)).may_go);
	EXPECT_EQ(judge_use({}, used(30)).reason,
	          "it was not scanned in 30 days of observation, which is 5 too few to tell");
}

TEST(IndexVerdict, WhoIsNotWatchedMayUseIt) {
	IndexUse use = used(40);
	use.silent = "berlin";
	EXPECT_EQ(judge_use({}, use).reason, "standby \"berlin\" has not reported whether it uses it");
	use = used(40);
	use.since.reset();
	use.silent = "";
	EXPECT_EQ(verdict({}, use), "keep");
	use = used(40);
	use.is_standby = true;
	EXPECT_EQ(verdict({}, use), "keep");
}

TEST(IndexVerdict, WhatIsForSomethingElseStays) {
	EXPECT_EQ(verdict({.protection = "it is the primary key"}, used(40)), "keep");
	EXPECT_EQ(verdict({.is_unique = true}, used(40)), "keep");
	EXPECT_EQ(verdict({.takes_over = "other"}, used(40)), "keep");
	EXPECT_EQ(verdict({.foreign_key = "child_parent_fkey"}, used(40)), "keep");
}

TEST(IndexVerdict, WritesAreManyInRelationToScans) {
	IndexUse use = used(40, 1);
	use.writes = 100000;
	EXPECT_EQ(verdict({}, use), "write_heavy");
	EXPECT_FALSE(judge_use({}, use).may_go);
	use.scans = 11;
	EXPECT_EQ(verdict({}, use), "keep");
	use = used(40, 1);
	use.writes = 39999; // below a thousand a day
	EXPECT_EQ(verdict({}, use), "keep");
	use = used(20, 1);
	use.writes = 100000;
	EXPECT_EQ(verdict({}, use), "keep");
}

TEST(IndexVerdict, WideIsWhatIsLargeInRelationToItsTable) {
	constexpr std::int64_t megabyte = 1024 * 1024;
	IndexRole role{.is_btree = true, .columns = 2, .bytes = 20 * megabyte, .table_bytes = 19 * megabyte};
	EXPECT_EQ(verdict(role, used(40, 1)), "wide");
	role.table_bytes = 30 * megabyte;
	EXPECT_EQ(verdict(role, used(40, 1)), "keep");
	role.columns = 6;
	EXPECT_EQ(verdict(role, used(40, 1)), "wide");
	role.is_btree = false;
	EXPECT_EQ(verdict(role, used(40, 1)), "keep");
	role = {.is_btree = true, .columns = 9, .bytes = megabyte, .table_bytes = 8192};
	EXPECT_EQ(verdict(role, used(40, 1)), "keep");
}

TEST(IndexVerdict, InvalidOnesAreRepairedByWhatTheyAre) {
	const auto repair = [](const InvalidIndex &index) { return judge_invalid(index).repair; };
	EXPECT_EQ(repair({.name = "i", .builder = 5}), Repair::None);
	EXPECT_STREQ(judge_invalid({.name = "i", .builder = 5}).verdict.verdict, "keep");
	EXPECT_EQ(repair({.name = "i_ccnew"}), Repair::Drop);
	EXPECT_EQ(repair({.name = "i_ccnew12"}), Repair::Drop);
	EXPECT_EQ(repair({.name = "i_ccold"}), Repair::Drop);
	EXPECT_EQ(repair({.name = "i_ccold", .is_constraint = true}), Repair::Reindex);
	EXPECT_EQ(repair({.name = "i_ccnews"}), Repair::Reindex);
	EXPECT_EQ(repair({.name = "12"}), Repair::Reindex);
	EXPECT_EQ(repair({.name = "i", .is_partitioned = true}), Repair::Attach);
	EXPECT_NE(judge_invalid({.name = "i", .is_unique = true, .is_ready = true}).verdict.reason.find("rejected"),
	          std::string::npos);
	EXPECT_EQ(judge_invalid({.name = "i", .is_unique = true}).verdict.reason.find("rejected"), std::string::npos);
}

} // namespace warden::advice
