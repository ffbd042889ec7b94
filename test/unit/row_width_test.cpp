// Rows that are made up from statistics, beside the sizes that servers have made of such rows.
#include "bloat/row_width.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace warden::bloat {

namespace {

ColumnWidth fixed(std::uint32_t length, double null_fraction = 0) {
	return {null_fraction, length, false, {length}};
}

ColumnWidth text(std::vector<std::uint32_t> lengths, double null_fraction = 0) {
	return {null_fraction, 4, true, std::move(lengths)};
}

double mean(const std::vector<std::uint32_t> &lengths) {
	return std::accumulate(lengths.begin(), lengths.end(), 0.0) / static_cast<double>(lengths.size());
}

TEST(RowWidth, ColumnsInTheirOrderHaveTheirPadding) {
	EXPECT_NEAR(pack_heap({fixed(4)}, 1'000'000, 100).pages, 4425, 1);
	EXPECT_EQ(std::round(pack_heap({fixed(4), fixed(8), fixed(4)}, 1'000'000, 100).pages / 10), 637);
	EXPECT_EQ(std::round(pack_heap({fixed(8), fixed(4), fixed(4)}, 1'000'000, 100).pages / 10), 541);
	EXPECT_EQ(std::round(pack_heap({fixed(8), text({101})}, 1'000'000, 70).pages / 10), 2500);
}

TEST(RowWidth, ShortValuesAreNotAligned) {
	EXPECT_EQ(Rows(heap_header(2), {fixed(1), text({127})}).next(), 24u + 128u);
	EXPECT_EQ(Rows(heap_header(2), {fixed(1), text({132})}).next(), 24u + 136u);
	EXPECT_EQ(Rows(heap_header(2), {text({6}), fixed(8)}).next(), 24u + 16u);
}

TEST(RowWidth, NullsTakeABitAndNoMore) {
	EXPECT_EQ(Rows(heap_header(8), {fixed(8), fixed(8, 1)}).next(), 32u);
	EXPECT_EQ(Rows(heap_header(9), {fixed(8), fixed(8, 1)}).next(), 40u);
	EXPECT_EQ(Rows(index_header(), {fixed(8), fixed(8, 1)}).next(), 24u);
	const NullChance chance = chance_of_null({fixed(8, 0.5), fixed(8, 0.5), fixed(8, 0.25)});
	EXPECT_DOUBLE_EQ(chance.least, 0.5);
	EXPECT_DOUBLE_EQ(chance.independent, 1 - 0.5 * 0.5 * 0.75);
	EXPECT_DOUBLE_EQ(chance.most, 1);
}

TEST(RowWidth, TheMeanIsThatOfAllValues) {
	// A hundred of them, whose mean is not quite right.
	KnownLengths known{{}, {}, 105};
	for (std::uint32_t i = 0; i < 100; ++i) {
		known.lengths.push_back(2 * i + 2);
		known.shares.push_back(0.01);
	}
	EXPECT_NEAR(mean(spread_lengths(known)), 105.5, 0.2);
	known.mean = 18;
	EXPECT_TRUE(spread_lengths(known).empty()); // they are stored elsewhere
	EXPECT_EQ(spread_lengths({{37, 37}, {0.4, 0.1}, 37}).size(), 1000u);
	EXPECT_EQ(mean(spread_lengths({{37, 37}, {0.4, 0.1}, 37})), 37);
	EXPECT_TRUE(spread_lengths({{}, {}, 37}).empty());
	EXPECT_EQ(mean(spread_lengths({{5, 7}, {0.3, 0.3}, std::nullopt})), 6);
	EXPECT_NEAR(mean(unknown_lengths(100)), 100.5, 0.01);
}

TEST(RowWidth, AnIndexWithItsDuplicates) {
	// Of a million entries of an 8-byte key: sizes that servers have made.
	const std::vector<ColumnWidth> key{fixed(8)};
	const auto pages = [&](double each) {
		return pack_btree(key, {.common = {}, .rest_entries = 1'000'000, .rest_keys = 1'000'000 / each}, 90, true);
	};
	EXPECT_EQ(pages(1), 2745);
	EXPECT_EQ(pages(2), 2475);
	EXPECT_EQ(pages(10), 1157);
	EXPECT_EQ(pages(100), 839);
	EXPECT_EQ(pack_btree(key, {.common = {1'000'000}}, 90, true), 849);
	EXPECT_EQ(pack_btree(key, {.common = {1'000'000}}, 90, false), 2749);
	EXPECT_NEAR(pack_btree(key, {.common = {}, .rest_entries = 1e9, .rest_keys = 1e9}, 90, true), 2745e3, 5e3);
}

TEST(RowWidth, SomeKeysAreMoreFrequentThanOthers) {
	const std::vector<ColumnWidth> key{fixed(8)};
	const KeyGroups even{.common = {}, .rest_entries = 100'000, .rest_keys = 50'000};
	KeyGroups uneven = even;
	uneven.largest_rest = 1000; // half of the entries have a key of their own
	const double alike = pack_btree(key, even, 90, true);
	const double different = pack_btree(key, uneven, 90, true);
	EXPECT_LT(different, 0.85 * alike);
	EXPECT_NEAR(different,
	            (pack_btree(key, {.common = {}, .rest_entries = 50'000, .rest_keys = 50'000}, 90, true) +
	             pack_btree(key, {.common = {}, .rest_entries = 50'000, .rest_keys = 50}, 90, true)),
	            6);
}

} // namespace

} // namespace warden::bloat
