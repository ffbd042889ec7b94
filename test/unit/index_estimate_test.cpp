// How many keys there are, and how large indexes of made-up entries become.
#include "advice/btree_size.hpp"
#include "advice/gin_size.hpp"
#include "advice/key_population.hpp"
#include "advice/method_size.hpp"

#include "bloat/random_numbers.hpp"

#include <gtest/gtest.h>

namespace warden::advice {

namespace {

/// Rows of some pages of a table, with so many rows each, of keys that key(row) says.
template <class Key>
std::vector<SeenKey> some_pages(std::uint32_t pages, std::uint32_t step, std::uint32_t rows, Key key) {
	std::vector<SeenKey> seen;
	for (std::uint32_t page = 0; page < pages; page += step) {
		for (std::uint32_t row = 0; row < rows; ++row) {
			seen.push_back({.hash = key(page * rows + row), .page = page, .size = 16});
		}
	}
	return seen;
}

TEST(KeyPopulation, OfAllPagesItIsWhatWasCounted) {
	const auto all = estimate_population(some_pages(100, 1, 50, [](std::uint32_t row) { return row / 5; }), 1);
	EXPECT_EQ(all.keys(), 1000);
	EXPECT_EQ(all.rest_entries, 5000);
	EXPECT_EQ(all.rest_sizes.size(), 1000U);
}

TEST(KeyPopulation, UniqueKeysStayUnique) {
	const auto some = estimate_population(some_pages(1000, 10, 50, [](std::uint32_t row) { return row; }), 10);
	EXPECT_EQ(some.keys(), 50'000);
}

TEST(KeyPopulation, KeysThatAreWrittenTogetherAreNotTakenForFew) {
	const auto some = estimate_population(some_pages(1000, 10, 50, [](std::uint32_t row) { return row / 10; }), 10);
	EXPECT_EQ(some.keys(), 5000);
	EXPECT_EQ(some.rest_entries, 50'000);
}

TEST(KeyPopulation, KeysOnTwoNeighbouringPagesAreNotTakenForMany) {
	std::vector<SeenKey> seen; // pages of 15 rows, each key has two: a key of 15 is on two pages
	for (std::uint32_t page = 0; page < 4000; ++page) {
		for (std::uint32_t row = 0; page % 8 < 2 && row < 15; ++row) {
			seen.push_back({.hash = (page * 15 + row) / 2, .page = page, .size = 16});
		}
	}
	EXPECT_NEAR(estimate_population(seen, 4).keys(), 30'000, 3000);
}

TEST(KeyPopulation, RandomKeysAreEstimated) {
	bloat::RandomNumbers numbers(1);
	const auto some =
		estimate_population(some_pages(1000, 10, 50, [&](std::uint32_t) { return numbers() % 5000; }), 10);
	EXPECT_NEAR(some.keys(), 5000, 500);
}

TEST(KeyPopulation, AnIdentifierBesideAKindDoesNotHideIt) {
	bloat::RandomNumbers numbers(1);
	auto seen = some_pages(1000, 10, 50, [&](std::uint32_t) { return numbers() % 2000; });
	for (const SeenKey &key : some_pages(1000, 10, 50, [](std::uint32_t row) { return row + 1'000'000; })) {
		seen.push_back(key);
	}
	const auto some = estimate_population(seen, 10);
	EXPECT_NEAR(some.keys(), 52'000, 10'000);
}

TEST(KeyPopulation, FrequentKeysAreKept) {
	const auto some = estimate_population(some_pages(1000, 10, 50, [](std::uint32_t row) { return row % 7; }), 10);
	ASSERT_EQ(some.frequent.size(), 7U);
	EXPECT_EQ(some.rest_keys, 0);
	EXPECT_NEAR(some.frequent.front().entries, 50'000.0 / 7, 50);
}

BtreeEntries of_integers(double entries, double keys, bool deduplicates) {
	return {.keys = {{.null_fraction = 0, .alignment = 4, .is_packable = false, .lengths = {4}}},
	        .kinds = {{entries, keys}},
	        .deduplicates = deduplicates};
}

// The figures are those of REINDEX on PostgreSQL 15.
TEST(BtreeSize, IsThatOfABuild) {
	EXPECT_EQ(size_of_btree(of_integers(200'000, 200'000, true)).pages, 551);
	EXPECT_EQ(size_of_btree(of_integers(200'000, 200'000, true)).height, 2);
	EXPECT_NEAR(size_of_btree(of_integers(200'000, 20'000, true)).pages, 228, 4);
	EXPECT_NEAR(size_of_btree(of_integers(1'000'000, 1, true)).pages, 849, 4); // 6955008 bytes
	EXPECT_EQ(size_of_btree(of_integers(0, 0, true)).pages, 1);
	EXPECT_EQ(size_of_btree(of_integers(10, 10, true)).height, 0);
}

// As PostgreSQL 15 builds them.
TEST(BtreeSize, KeysThatAreRepeatedMakeATreeHigher) {
	const auto height = [](double keys) {
		BtreeEntries entries = of_integers(90'000, keys, false);
		entries.included = entries.keys;
		return size_of_btree(entries).height;
	};
	EXPECT_EQ(height(90'000), 1);
	EXPECT_EQ(height(9000), 2);
}

TEST(BtreeSize, KindsThatAreAlikeAreOne) {
	const auto kinds = merge_kinds({{100, 1}, {105, 1}, {10, 10}, {0, 0}});
	ASSERT_EQ(kinds.size(), 2U);
	EXPECT_EQ(kinds[0].entries, 10);
	EXPECT_EQ(kinds[1].entries, 205);
	EXPECT_EQ(kinds[1].keys, 2);
}

TEST(BtreeSize, CombinationsAreNotMoreThanRows) {
	EXPECT_NEAR(expected_distinct(1e9, 1000), 1000, 1);
	EXPECT_NEAR(expected_distinct(10, 1e6), 10, 1e-6);
	EXPECT_NEAR(expected_distinct(1000, 1000), 632, 1);
	EXPECT_EQ(expected_distinct(1, 5), 1);
}

void no_pause() {}

TEST(GinSize, GrowsWithKeysAndRows) {
	const bloat::GinBuild build{.memory = 1U << 30U, .keys_are_values = true, .sorts = false, .pause = no_pause};
	KeyPopulation few{
		.frequent = {}, .rest_entries = 100'000, .rest_keys = 100, .rest_pages = 100'000, .rest_sizes = {16}};
	KeyPopulation many = few;
	many.rest_keys = 100'000;
	EXPECT_LT(gin_pages(few, 1000, build), 100);
	EXPECT_GT(gin_pages(many, 1000, build), 500);
	many.rest_keys *= 3; // more than are made up
	many.rest_entries *= 3;
	EXPECT_GT(gin_pages(many, 1000, build), 1500);
}

TEST(MethodSize, BrinIsSmallAndHashIsAsLargeAsItsBuckets) {
	EXPECT_EQ(brin_pages(10, 24), 3);
	EXPECT_GT(brin_pages(1e6, 24), 30);
	EXPECT_GE(hash_pages(200'000, 200'000, 0), 650);
	EXPECT_GT(gist_pages_of(1e5, 44, false), gist_pages_of(1e5, 44, true));
}

} // namespace

} // namespace warden::advice
