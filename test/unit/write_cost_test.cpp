// write_cost_test.cpp - What an index costs writers: which of two costs more, and what costs nothing.
#include "advice/write_cost.hpp"

#include <gtest/gtest.h>

namespace warden::advice {

namespace {

constexpr WriteRates busy{.inserts = 1e6, .updates = 1e6, .hot_updates = 9e5, .rows = 1e7, .indexes = 2};
constexpr IndexUpkeep plain{.entry_bytes = 16, .bytes = 2e8, .height = 2};

double milliseconds(IndexUpkeep index, const WriteRates &table = busy) {
	return write_cost(index, table, {}).milliseconds;
}

} // namespace

TEST(WriteCost, NoWritesCostNothing) {
	EXPECT_EQ(milliseconds(plain, {.rows = 1e7}), 0);
}

TEST(WriteCost, GrowsWithWhatIsWritten) {
	WriteRates twice = busy;
	twice.inserts *= 2;
	twice.updates *= 2;
	twice.hot_updates *= 2;
	EXPECT_DOUBLE_EQ(milliseconds(plain, twice), 2 * milliseconds(plain));
}

TEST(WriteCost, HotUpdatesNeedNoEntryUnlessTheIndexChanges) {
	WriteRates hot = busy;
	hot.updates = hot.hot_updates = 1e6;
	WriteRates none = busy;
	none.updates = none.hot_updates = 0;
	EXPECT_DOUBLE_EQ(milliseconds(plain, hot), milliseconds(plain, none));

	IndexUpkeep changing = plain;
	changing.changed_share = 1;
	const WriteCost cost = write_cost(changing, hot, {});
	EXPECT_DOUBLE_EQ(cost.lost_hot_updates, 1e6);
	// Each of them makes an entry in all three indexes, and changes another page of the table.
	EXPECT_GT(cost.milliseconds, 6 * milliseconds(plain, hot));
}

TEST(WriteCost, LosesNoMoreHotUpdatesThanThereAre) {
	IndexUpkeep changing = plain;
	changing.changed_share = 1;
	EXPECT_DOUBLE_EQ(write_cost(changing, busy, {}).lost_hot_updates, 9e5);
	changing.changed_share = 0.25;
	EXPECT_DOUBLE_EQ(write_cost(changing, busy, {}).lost_hot_updates, 2.5e5);
}

TEST(WriteCost, APageThatIsNotInMemoryCostsTheMost) {
	IndexUpkeep large = plain;
	large.bytes = 1e12;
	EXPECT_GT(milliseconds(large), 5 * milliseconds(plain));
	large.is_appended_to = true;
	EXPECT_DOUBLE_EQ(milliseconds(large), milliseconds(plain));
}

TEST(WriteCost, PartialIndexesAndSummariesAreCheap) {
	IndexUpkeep partial = plain;
	partial.share = 0.01;
	EXPECT_LT(milliseconds(partial), 0.011 * milliseconds(plain));
	IndexUpkeep summary = plain;
	summary.is_summary = true;
	EXPECT_LT(milliseconds(summary), 0.05 * milliseconds(plain));
}

TEST(WriteCost, ManyKeysInARowAreManyEntries) {
	IndexUpkeep words = plain;
	words.entries_per_row = 50;
	EXPECT_DOUBLE_EQ(milliseconds(words), 50 * milliseconds(plain));
}

} // namespace warden::advice
