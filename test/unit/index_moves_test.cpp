// index_moves_test.cpp - Indexes made of others.
#include "advice/index_moves.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace warden::advice {

namespace {

IndexKey key(std::int16_t column) {
	return {.column = column, .opclass = 1, .family = 2, .input_type = 23};
}

IndexShape shape(const std::vector<std::int16_t> &keys, std::vector<std::int16_t> included = {}) {
	IndexShape shape{.table = 7, .method = 403, .included = std::move(included)};
	for (const std::int16_t column : keys) {
		shape.keys.push_back(key(column));
	}
	shape.columns = keys;
	shape.columns.insert(shape.columns.end(), shape.included.begin(), shape.included.end());
	std::sort(shape.columns.begin(), shape.columns.end());
	return shape;
}

bool has(const std::vector<IndexShape> &shapes, const IndexShape &one) {
	return std::find(shapes.begin(), shapes.end(), one) != shapes.end();
}

} // namespace

TEST(IndexMoves, MergesKeysAfterCommonOnes) {
	const auto merged = merge(shape({1, 2}), shape({1, 3}));
	EXPECT_TRUE(has(merged, shape({1, 2, 3})));
	EXPECT_TRUE(has(merged, shape({1, 2}, {3})));
	EXPECT_TRUE(has(merge(shape({1, 3}), shape({1, 2})), shape({1, 3, 2})));
}

TEST(IndexMoves, CarriesWhatBothCarry) {
	EXPECT_TRUE(has(merge(shape({1}, {5}), shape({2}, {4, 5})), shape({1, 2}, {4, 5})));
	EXPECT_TRUE(has(merge(shape({1}, {2}), shape({2})), shape({1, 2})));
}

TEST(IndexMoves, MakesNothingThatIsThere) {
	EXPECT_TRUE(merge(shape({1, 2}), shape({1})).empty());
	EXPECT_FALSE(has(merge(shape({1}), shape({1, 2})), shape({1, 2})));
}

TEST(IndexMoves, MergesOnlyWhatHoldsTheSameRows) {
	IndexShape other = shape({2});
	other.table = 8;
	EXPECT_TRUE(merge(shape({1}), other).empty());
	other = shape({2});
	other.method = 1;
	EXPECT_TRUE(merge(shape({1}), other).empty());
	other = shape({2});
	other.predicate = "p";
	EXPECT_TRUE(merge(shape({1}), other).empty());
}

TEST(IndexMoves, ExpressionsAreKeysOnly) {
	IndexShape lower = shape({});
	lower.keys.push_back({.column = 0, .expression = "lower", .opclass = 1});
	lower.columns = {3};
	const auto merged = merge(shape({1}), lower);
	ASSERT_EQ(merged.size(), 1u);
	EXPECT_EQ(merged[0].keys.size(), 2u);
	EXPECT_EQ(merged[0].columns, (std::vector<std::int16_t>{1, 3}));
	EXPECT_TRUE(narrow(merged[0]).empty());
}

TEST(IndexMoves, Narrows) {
	const auto narrower = narrow(shape({1, 2}, {3}));
	EXPECT_EQ(narrower.size(), 3u);
	EXPECT_TRUE(has(narrower, shape({1, 2})));
	EXPECT_TRUE(has(narrower, shape({1}, {3})));
	EXPECT_TRUE(has(narrower, shape({1})));
	EXPECT_TRUE(narrow(shape({1})).empty());
}

TEST(IndexMoves, DoesNotCopyWholeTables) {
	std::vector<std::int16_t> many;
	for (std::int16_t i = 2; i < 18; ++i) {
		many.push_back(i);
	}
	EXPECT_TRUE(merge(shape({1}), shape(many)).empty());
}

} // namespace warden::advice
