// btree_packing.hpp - How many pages the entries of a B-tree take after REINDEX.
//
// Plain C++.  The invariant: given the entries in the order of their keys, it is the size that CREATE INDEX makes, to
// the page: the rules (_bt_load() and _bt_buildadd() of the server's nbtsort.c) are followed here entry by entry, with
// deduplication, high keys and all levels.
#pragma once

#include <cstdint>
#include <vector>

namespace warden::bloat {

/// An entry, as one that stands for itself: lengths are multiples of 8.
struct BtreeEntry {
	std::uint32_t size;
	/// Of the high key, if a page ends before this entry: as many columns as tell it from the one before, and the place
	/// of its row (8 bytes) if none does.
	std::uint32_t pivot;
	bool is_repeated; ///< all of its columns are those of the one before, byte for byte
};

class BtreePacking {
public:
	BtreePacking(int fillfactor, bool deduplicates);

	void add(const BtreeEntry &entry);

	/// Pages of all levels, and the first page, which says where the root is.  There is nothing to be added after it.
	std::uint64_t finish();

	// Of who adds some of the leaves only, and wants to know what all of them would come to:

	/// The next entry is not one of the same list.  Returns the bytes of the leaves so far, with line pointers.
	std::uint64_t end_list();

	/// Leaves, and the part of the last one that is full.
	double leaves() const;

	/// The mean length of the high keys of the leaves; that of a short key if there is none.
	double mean_pivot() const;

private:
	/// The page of a level that is being filled.
	struct Level {
		std::uint32_t free;
		std::uint32_t reserve;
		std::uint32_t items;      ///< of this page
		std::uint32_t last_size;  ///< of its last item
		std::uint32_t last_extra; ///< what of it a high key would not have
		std::uint32_t last_pivot; ///< the high key, if the page ended before it
		std::uint32_t low_key;    ///< what the level above knows this page by
		std::uint64_t pages;
	};

	void add_pending();
	void put(std::size_t level, std::uint32_t size, std::uint32_t extra, std::uint32_t pivot);
	void finish_page(std::size_t level);

	int fillfactor_;
	bool deduplicates_;
	std::vector<Level> levels_; ///< from the leaves up
	std::uint64_t leaf_bytes_ = 0;
	std::uint64_t pivot_bytes_ = 0; ///< of the leaves that are full
	BtreeEntry pending_{};          ///< whose repetitions are being counted
	std::uint32_t repetitions_ = 0;
};

/// The size of a tree with so many leaves, whose high keys have that length: pages of all levels, and the first page.
double pages_of_tree(double leaves, double pivot);

/// How many of its levels are above the leaves.
int height_of_tree(double leaves, double pivot);

} // namespace warden::bloat
