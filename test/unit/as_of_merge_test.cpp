// Rows as they were, by what has happened to them since.
#include "audit/as_of_merge.hpp"

#include <gtest/gtest.h>

namespace warden::audit {

namespace {

TEST(PastRows, NothingHappened) {
	PastRows rows(1);
	rows.add_live("1");
	EXPECT_EQ(rows.take_live("1"), nullptr);
	EXPECT_TRUE(rows.rows().empty());
}

TEST(PastRows, Updated) {
	PastRows rows(2);
	int value = 0;
	rows.add_live("1");
	rows.undo_update("1").values[1] = {&value, 3};
	EXPECT_EQ(rows.undo_update("1").values[1].value, &value);
	const PastRow *const row = rows.take_live("1");
	ASSERT_NE(row, nullptr);
	EXPECT_TRUE(row->is_there);
	EXPECT_EQ(row->values[0].value, nullptr);
	EXPECT_EQ(row->values[1].version, 3);
	EXPECT_EQ(rows.take_live("1"), nullptr);
}

TEST(PastRows, NotThereYet) {
	PastRows rows(1);
	rows.add_live("1");
	rows.undo_update("1");
	rows.undo_insert("1");
	EXPECT_FALSE(rows.take_live("1")->is_there);
	EXPECT_EQ(rows.gaps(), 0U);
}

TEST(PastRows, DeletedAndInsertedAgain) {
	PastRows rows(1);
	rows.add_live("1");
	rows.undo_insert("1");
	const PastRow &row = rows.undo_delete("1");
	EXPECT_EQ(&rows.undo_update("1"), &row);
	EXPECT_FALSE(rows.take_live("1")->is_there);
	EXPECT_TRUE(row.is_there);
	EXPECT_FALSE(row.is_live);
}

TEST(PastRows, AnotherKey) {
	PastRows rows(1);
	rows.add_live("3");
	rows.undo_arrival("3", "2");
	PastRow &row = rows.undo_update("2");
	rows.undo_arrival("2", "1");
	EXPECT_EQ(&rows.undo_update("1"), &row);
	EXPECT_EQ(rows.take_live("3"), &row);
	EXPECT_TRUE(row.is_there);
}

// UPDATE ... SET id = id + 1, of rows 1 and 2: the events are the same as those of one row that goes to 2, then to 3.
TEST(PastRows, AllKeys) {
	PastRows rows(1);
	rows.add_live("2");
	rows.add_live("3");
	rows.undo_arrival("3", "2");
	PastRow &second = rows.undo_update("2");
	rows.undo_arrival("2", "1");
	PastRow &first = rows.undo_update("1");
	EXPECT_NE(&first, &second);
	EXPECT_EQ(&rows.undo_update("2"), &second);
	EXPECT_EQ(rows.take_live("2"), &first);
	EXPECT_EQ(rows.take_live("3"), &second);
}

// Rows without a key that are alike.
TEST(PastRows, Twins) {
	PastRows rows(1);
	rows.add_live("a");
	rows.add_live("a");
	rows.undo_insert("a");
	int there = 0;
	for (int i = 0; i < 2; ++i) {
		const PastRow *const row = rows.take_live("a");
		ASSERT_NE(row, nullptr);
		there += row->is_there ? 1 : 0;
	}
	EXPECT_EQ(there, 1);
	EXPECT_EQ(rows.take_live("a"), nullptr);
}

// The INSERT was logged, what became of the row was not.
TEST(PastRows, Gap) {
	PastRows rows(1);
	rows.undo_insert("1");
	EXPECT_EQ(rows.gaps(), 1U);
}

} // namespace

} // namespace warden::audit
