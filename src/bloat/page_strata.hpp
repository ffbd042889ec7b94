// page_strata.hpp - Parts of a heap whose pages are alike, told by its maps alone.
//
// All of this is server code.  The visibility map tells where nothing is dead, the free space map how much is empty.
// Both may be out of date: that makes a part less alike within, and nothing wrong.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "storage/block.h"
#include "storage/buf.h"
}

namespace warden::bloat {

inline constexpr int most_strata = 8;

/// The free space map, a page at a time.
class FreeSpace {
public:
	explicit FreeSpace(Relation relation);

	/// Bytes, rounded down; 0 where nothing is known.
	Size of(BlockNumber block);

private:
	void read(BlockNumber leaf);

	Relation relation_;
	BlockNumber pages_ = 0;                 ///< of the map
	BlockNumber leaf_ = InvalidBlockNumber; ///< whose copy there is
	char *copy_;
};

/// What is in which stratum.
class PageStrata {
public:
	PageStrata(Relation relation, BlockNumber blocks);

	/// From 0 on; those that are small are joined.
	int count() const { return count_; }
	BlockNumber pages(int stratum) const { return pages_[stratum]; }
	int of(BlockNumber block);

	/// Puts in place of numbers of pages within their stratum, which are in order, the numbers within the file.
	struct Ranks {
		uint32 *begin;
		uint32 *end;
	};
	void find(Ranks (&ranks)[most_strata]);

	/// Gives up what is pinned.
	void end();

private:
	int class_of(BlockNumber block);
	void join_small();

	Relation relation_;
	BlockNumber blocks_;
	FreeSpace space_;
	bool has_free_space_;
	Buffer map_ = InvalidBuffer;
	int count_ = 0;
	int stratum_of_[most_strata] = {}; ///< of each class: by visibility, and by free space
	BlockNumber pages_[most_strata] = {};
};

} // namespace warden::bloat
