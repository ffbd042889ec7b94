// Sizes after a rewrite, beside those that servers have made.
#include "bloat/btree_packing.hpp"
#include "bloat/heap_packing.hpp"

#include <gtest/gtest.h>

#include <tuple>

namespace warden::bloat {

namespace {

// A tuple's header, with the bitmap of none that is null.
constexpr std::uint32_t header = 24;

std::uint64_t heap_pages(std::uint64_t rows, std::uint32_t data, int fillfactor) {
	HeapPacking packing(fillfactor);
	for (std::uint64_t i = 0; i < rows; ++i) {
		packing.add(header + data);
	}
	return packing.pages();
}

TEST(HeapPacking, ARowsLengthAndFillFactor) {
	EXPECT_EQ(heap_pages(0, 4, 100), 0u);
	EXPECT_EQ(heap_pages(1, 4, 100), 1u);
	EXPECT_EQ(heap_pages(1'000'000, 4, 100), 4425u);  // int4
	EXPECT_EQ(heap_pages(1'000'000, 20, 100), 6370u); // int4, int8, int4
	EXPECT_EQ(heap_pages(1'000'000, 16, 100), 5406u); // int8, int4, int4
	EXPECT_EQ(heap_pages(1'000'000, 109, 100), 17242u);
	EXPECT_EQ(heap_pages(1'000'000, 109, 70), 25000u);
}

TEST(HeapPacking, AtMostSoManyTuplesAPage) {
	EXPECT_EQ(heap_pages(291, 0, 100), 1u);
	EXPECT_EQ(heap_pages(292, 0, 100), 2u);
}

TEST(HeapPacking, PartsAddUpToTheWhole) {
	for (const int fillfactor : {50, 90, 100}) {
		HeapPacking whole(fillfactor);
		double sum = 0;
		std::uint32_t state = 1; // of a generator of lengths, which do not repeat
		for (std::uint32_t part = 0; part < 100; ++part) {
			HeapPacking packing(fillfactor);
			EXPECT_EQ(packing.pages_filled(), 0);
			for (std::uint32_t i = 0; i < 10'000 + part; ++i) {
				state = state * 1'664'525 + 1'013'904'223;
				const std::uint32_t length = header + (state >> 16U) % 700;
				whole.add(length);
				packing.add(length);
			}
			EXPECT_LE(packing.pages_filled(), static_cast<double>(packing.pages()));
			EXPECT_GT(packing.pages_filled(), static_cast<double>(packing.pages()) - 1);
			sum += packing.pages_filled();
		}
		EXPECT_NEAR(sum, static_cast<double>(whole.pages()), static_cast<double>(whole.pages()) * 0.0002);
	}
}

// rows of an 8-byte key, so many of each.
std::uint64_t btree_pages(std::uint64_t rows, std::uint64_t each, int fillfactor, bool deduplicates) {
	BtreePacking packing(fillfactor, deduplicates);
	for (std::uint64_t i = 0; i < rows; ++i) {
		const bool is_repeated = i % each != 0;
		packing.add({.size = 16, .pivot = is_repeated ? 24u : 16u, .is_repeated = is_repeated});
	}
	return packing.finish();
}

TEST(BtreePacking, AnEmptyOneIsItsFirstPage) {
	EXPECT_EQ(BtreePacking(90, true).finish(), 1u);
	EXPECT_EQ(btree_pages(1, 1, 90, true), 2u);
}

// So did PostgreSQL 14 and 17.
TEST(BtreePacking, RowsOfEachKey) {
	EXPECT_EQ(btree_pages(1'000'000, 1, 90, true), 2745u);
	EXPECT_EQ(btree_pages(1'000'000, 2, 90, true), 2475u);
	EXPECT_EQ(btree_pages(1'000'000, 5, 90, true), 1426u);
	EXPECT_EQ(btree_pages(1'000'000, 10, 90, true), 1157u);
	EXPECT_EQ(btree_pages(1'000'000, 100, 90, true), 839u);
	EXPECT_EQ(btree_pages(1'000'000, 1000, 90, true), 896u);
	EXPECT_EQ(btree_pages(1'000'000, 1'000'000, 90, true), 849u);
}

TEST(BtreePacking, FillFactorAndDeduplication) {
	EXPECT_EQ(btree_pages(1'000'000, 50, 50, true), 1547u);
	EXPECT_EQ(btree_pages(1'000'000, 100, 90, false), 2749u);
}

TEST(BtreePacking, AListEndsWhereItIsTold) {
	BtreePacking packing(90, true);
	packing.add({.size = 16, .pivot = 16, .is_repeated = false});
	packing.add({.size = 16, .pivot = 24, .is_repeated = true});
	EXPECT_EQ(packing.end_list(), 32u + 4u); // 16 + 2 * 6, aligned
	packing.add({.size = 16, .pivot = 24, .is_repeated = true});
	EXPECT_EQ(packing.end_list(), 36u + 20u);
}

// A list of 132 rows is 16 + 132 * 6 = 808 long, and may be 812; none that is as long as a key that is longer than
// that.
TEST(BtreePacking, AListIsOnlySoLong) {
	for (const auto &[key, rows, bytes] : {std::tuple(16u, 132, 812u), {16u, 133, 812u + 20u}, {808u, 2, 1624u}}) {
		BtreePacking packing(90, true);
		for (int i = 0; i < rows; ++i) {
			packing.add({.size = key, .pivot = key, .is_repeated = i > 0});
		}
		EXPECT_EQ(packing.end_list(), bytes);
	}
}

// What a sample goes by is what the whole comes to.
TEST(BtreePacking, LeavesAndHighKeysMakeATree) {
	for (const std::uint32_t size : {16u, 24u, 104u, 1000u, 2700u}) {
		for (const int rows : {1, 10, 1000, 30'000, 300'000}) {
			BtreePacking packing(90, true);
			for (int i = 0; i < rows; ++i) {
				packing.add({.size = size, .pivot = size, .is_repeated = false});
			}
			packing.end_list();
			const double tree = pages_of_tree(packing.leaves(), packing.mean_pivot());
			EXPECT_NEAR(tree, static_cast<double>(packing.finish()), tree / 1000 + 1) << size << ' ' << rows;
		}
	}
	EXPECT_EQ(pages_of_tree(0, 16), 1);
	EXPECT_EQ(pages_of_tree(1, 16), 2);
	EXPECT_EQ(pages_of_tree(2, 16), 4);
	EXPECT_EQ(pages_of_tree(2733, 16), 2745);
}

} // namespace

} // namespace warden::bloat
