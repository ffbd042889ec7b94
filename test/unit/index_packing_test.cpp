// Sizes of indexes that are no B-trees after REINDEX, beside those that servers have made.
#include "bloat/brin_packing.hpp"
#include "bloat/gin_batches.hpp"
#include "bloat/gist_packing.hpp"
#include "bloat/hash_packing.hpp"

#include <gtest/gtest.h>
#include <random>

namespace warden::bloat {

namespace {

std::uint64_t hash_pages(double estimated, std::uint32_t rows, int fillfactor) {
	HashPacking packing(estimated, fillfactor, rows);
	std::mt19937 random(1);
	for (std::uint32_t i = 0; i < rows; ++i) {
		packing.add(static_cast<std::uint32_t>(random()));
	}
	return packing.pages();
}

TEST(HashPacking, BucketsForTheRowsThatAreEstimated) {
	EXPECT_EQ(hash_pages(0, 0, 75), 4u);
	EXPECT_EQ(hash_pages(60'000, 60'000, 75), 258u);
	EXPECT_EQ(hash_pages(20'000, 20'000, 75), 130u);
	EXPECT_EQ(hash_pages(100'000, 100'000, 50), 514u);
	EXPECT_EQ(hash_pages(250'000, 250'000, 75), 1026u);
	EXPECT_EQ(hash_pages(250'000, 25'000, 75), 898u); // of a partial index: as many as for all
}

// A server made 1169 pages, of values that were others.
TEST(HashPacking, SplitsWhereThereAreMore) {
	EXPECT_NEAR(static_cast<double>(hash_pages(1000, 250'000, 75)), 1169, 1169 * 0.02);
}

TEST(HashPacking, OneValue) {
	HashPacking packing(1000, 75, 1000);
	for (int i = 0; i < 1000; ++i) {
		packing.add(7);
	}
	EXPECT_EQ(packing.pages(), 1u + 4 + 1 + 2); // two overflow pages
}

TEST(HashPacking, Phases) {
	EXPECT_EQ(HashPacking::phase_of(2), 2u);
	EXPECT_EQ(HashPacking::phase_of(3), 4u);
	EXPECT_EQ(HashPacking::phase_of(512), 512u);
	EXPECT_EQ(HashPacking::phase_of(513), 640u);
	EXPECT_EQ(HashPacking::phase_of(897), 1024u);
	EXPECT_EQ(HashPacking::phase_of(1025), 1280u);
}

TEST(HashPacking, OverflowByChance) {
	for (const double mean : {250.0, 350.0, 450.0, 900.0}) {
		constexpr std::uint32_t buckets = 1024;
		HashPacking packing(buckets * 307, 75, 0); // never splits
		const auto base = static_cast<double>(packing.pages());
		std::mt19937 random(1);
		for (int i = 0; i < static_cast<int>(mean * buckets); ++i) {
			packing.add(static_cast<std::uint32_t>(random()));
		}
		const double overflow = static_cast<double>(packing.pages()) - base;
		EXPECT_NEAR(HashPacking::by_chance(mean * buckets, buckets).pages, overflow, overflow * 0.1 + 3) << mean;
	}
}

/// Rows 1 to count of a table with so many on each page; every one of step.
PostingRun rows(std::uint32_t count, std::uint32_t of_page, std::uint32_t step = 1, std::uint32_t from = 0) {
	PostingRun run;
	for (std::uint32_t i = from; i < count; i += step) {
		run.add(place_of(i / of_page, static_cast<std::uint16_t>(i % of_page + 1)));
	}
	return run;
}

TEST(GinPacking, ReadsAList) {
	const unsigned char bytes[] = {0x01, 0x80, 0x01, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	std::vector<std::uint64_t> places;
	each_place(place_of(1, 1), bytes, 4, [&](std::uint64_t place) { places.push_back(place); });
	EXPECT_EQ(places, (std::vector<std::uint64_t>{2049, 2050, 2178, 2305}));
	int count = 0;
	each_place(1, bytes, sizeof bytes, [&](std::uint64_t) { ++count; }); // what has no end is no row
	EXPECT_EQ(count, 4);
}

TEST(GinPacking, RunsAreJoined) {
	PostingRun both = rows(500, 100);
	PostingRun rest;
	for (std::uint32_t i = 500; i < 1000; ++i) {
		rest.add(place_of(i / 100, static_cast<std::uint16_t>(i % 100 + 1)));
	}
	both.add(rest);
	both.add(PostingRun{});
	const PostingRun all = rows(1000, 100);
	EXPECT_EQ(both.items, all.items);
	EXPECT_EQ(both.bytes, all.bytes);
	EXPECT_EQ(both.last, all.last);
}

TEST(GinPacking, RowsOutOfOrder) {
	PostingRun run = rows(1000, 100, 1, 900);
	run.add(rows(10, 100));
	EXPECT_EQ(run.items, 110u);
	EXPECT_EQ(run.first, place_of(0, 1));
	EXPECT_EQ(run.last, place_of(9, 100));
}

GinBuild build_with(std::uint64_t memory) {
	return {.memory = memory, .keys_are_values = true, .sorts = false, .pause = [] {}};
}

GinKey key_of(const PostingRun &run) {
	return {.hash = 0, .rows = run, .size = 12, .tree = 0};
}

constexpr std::uint64_t megabyte = 1 << 20;

// Of arrays of one int4: servers made 685, 42 and 43 pages in all.
TEST(GinPacking, KeysAndTreesOfLists) {
	constexpr std::uint32_t count = 100'000;
	std::vector<GinKey> keys;
	keys.reserve(count);
	for (std::uint32_t i = 0; i < count; ++i) {
		keys.push_back(key_of(rows(i + 1, 136, 1, i)));
	}
	EXPECT_EQ(pack_keys(keys, build_with(64 * megabyte), 1).pages, 684);
	// With keys in the order of rows each batch comes behind the one before.
	const KeySizes batches = pack_keys(keys, build_with(4 * megabyte), 1);
	EXPECT_GT(batches.batches, 2);
	EXPECT_NEAR(batches.pages, 684, 3);

	keys.clear();
	for (std::uint32_t i = 0; i < 10; ++i) {
		keys.push_back(key_of(rows(200'000, 136, 10, i)));
	}
	const KeySizes tens = pack_keys(keys, build_with(64 * megabyte), 1);
	EXPECT_EQ(tens.pages + tens.tree_pages, 41);

	const KeySizes one = pack_keys({key_of(rows(300'000, 136))}, build_with(64 * megabyte), 1);
	EXPECT_EQ(one.pages + one.tree_pages, 42);
}

TEST(GinPacking, BatchesOfRowsOutOfOrder) {
	std::vector<GinKey> keys;
	for (std::uint32_t i = 0; i < 20'000; ++i) {
		PostingRun run = rows(i + 1000, 136, 100, i);
		run.add(rows(i / 2 + 1, 136, 1, i / 2));
		keys.push_back(key_of(run));
	}
	EXPECT_GT(pack_keys(keys, build_with(megabyte), 1).batches, 2);
}

TEST(GinPacking, KeysWithoutRowsAreNone) {
	EXPECT_EQ(pack_keys({}, build_with(megabyte), 1).pages, 1);
	EXPECT_EQ(pack_keys({key_of({})}, build_with(megabyte), 1).pages, 1);
}

// Keys at random fill what earlier batches have left: pages are two thirds to three quarters full.
TEST(GinPacking, BatchesFillPages) {
	std::vector<GinKey> keys;
	std::mt19937 random(1);
	for (std::uint32_t i = 0; i < 100'000; ++i) {
		PostingRun run;
		run.add(random() % 100'000 + 1);
		keys.push_back(key_of(run));
	}
	const double one = pack_keys(keys, build_with(64 * megabyte), 1).pages;
	const KeySizes several = pack_keys(keys, build_with(2 * megabyte), 1);
	EXPECT_LT(several.pages, one * 0.85);
	EXPECT_GT(several.pages, one * 0.6);
	EXPECT_LE(several.low, several.pages);
	EXPECT_GE(several.high, several.pages);
}

TEST(GinContents, InTheOrderOfLinksAndOfTreesBelow) {
	GinContents contents;
	const std::vector<GinKey> keys(100, key_of(rows(1, 100)));
	GinKey tree = key_of({});
	tree.tree = 5;
	contents.add_keys(3, 2, keys.data(), keys.size());
	contents.add_keys(2, 0xffffffff, &tree, 1);
	contents.add_list(5, 0xffffffff, 6, {}); // an inner page
	contents.add_list(6, 7, 0, rows(50'000, 100));
	contents.add_list(7, 6, 0, rows(50'000, 100)); // which leads back
	const GinSize size = contents.rebuilt(build_with(64 * megabyte), once, once);
	EXPECT_GT(size.pages, 8);
	EXPECT_LE(size.low, size.pages);
	EXPECT_GE(size.high, size.pages);
}

TEST(GinContents, WhatWaitsIsMerged) {
	const PostingRun two = rows(2, 1);
	const PostingRun late = rows(1000, 1, 1, 999);
	PostingRun three = two;
	three.add(late);
	GinContents contents;
	GinContents merged;
	for (std::uint32_t i = 0; i < 15'000; ++i) {
		GinKey key = key_of(i < 10'000 ? two : late);
		key.hash = i;
		if (i < 10'000) {
			contents.add_keys(i + 1, i + 2, &key, 1);
		} else {
			contents.add_pending(&key, 1);
		}
		if (i >= 5000 && i < 10'000) {
			key.rows = late;
			contents.add_pending(&key, 1);
			key.rows = three;
		}
		merged.add_keys(i + 1, i + 2, &key, 1);
	}
	const GinBuild build = build_with(64 * megabyte);
	EXPECT_EQ(contents.rebuilt(build, once, once).pages, merged.rebuilt(build, once, once).pages);
}

TEST(GinContents, SomePagesStandForAll) {
	GinContents contents;
	std::vector<GinKey> keys;
	for (std::uint32_t page = 0; page < 6000; ++page) {
		keys.clear();
		for (std::uint32_t i = 0; i < 200; ++i) {
			keys.push_back(key_of(rows(page * 200 + i + 1, 136, 1, page * 200 + i)));
		}
		contents.add_keys(page + 1, page + 2, keys.data(), keys.size());
	}
	// 1.2 million keys, of which not all are remembered: by what one of a hundred thousand takes
	EXPECT_NEAR(contents.rebuilt(build_with(1024 * megabyte), once, once).pages, 684 * 12, 100);
}

TEST(GistPacking, Ranges) {
	const GistEntries none{.bytes = 0, .inner_entry = 0, .fillfactor = 90};
	EXPECT_EQ(gist_pages(none, gist_fullness::usual), 1);
	// 20000 integers in their order; a server made 110 pages
	const GistEntries ordered{.bytes = 20'000 * 20, .inner_entry = 20, .fillfactor = 90};
	EXPECT_NEAR(gist_pages(ordered, gist_fullness::in_order), 110, 3);
	// 20000 boxes at random: 184
	const GistEntries boxes{.bytes = 20'000 * 44, .inner_entry = 44, .fillfactor = 90};
	EXPECT_NEAR(gist_pages(boxes, gist_fullness::usual), 184, 10);
	EXPECT_LT(gist_pages(boxes, gist_fullness::most), 184);
	EXPECT_GT(gist_pages(boxes, gist_fullness::least), 184);
	// 527 ranges with nulls and empty ones, which classes split off: a server made 6
	const GistEntries uneven{.bytes = 527 * 28, .inner_entry = 28, .fillfactor = 100, .apart = gist_fullness::apart};
	EXPECT_GE(gist_pages(uneven, gist_fullness::least), 6);
}

TEST(BrinPacking, ASummaryForEachRange) {
	BrinPacking packing;
	EXPECT_EQ(packing.pages(), 2u);
	packing.add(8);
	EXPECT_EQ(packing.pages(), 3u);
	for (int i = 1; i < 1482; ++i) {
		packing.add(24);
	}
	EXPECT_EQ(packing.pages(), 9u); // a server made as many, with two pages of the map
}

} // namespace

} // namespace warden::bloat
