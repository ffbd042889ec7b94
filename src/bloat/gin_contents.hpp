// gin_contents.hpp - What was read of a GIN index, and the size that a rebuild makes of it.
//
// Plain C++.  The invariants: keys are packed in their order as a build packs them; of an index that has too many to
// remember, or of which a sample is read, some pages of them stand for all.
//
// A build gathers keys and their rows in memory, and when that is full, it adds them all to the tree, key by key, and
// begins anew.  So with one such batch pages stay half empty; with more, later batches fill them and split them again.
#pragma once

#include "bloat/gin_packing.hpp"

#include <vector>

namespace warden::bloat {

/// A tuple of a page of keys, or of the pending list.
struct GinKey {
	std::uint64_t hash; ///< of its bytes
	PostingRun rows;
	std::uint32_t size; ///< without its list
	std::uint32_t tree; ///< where its list is, or 0
};

/// Pages, of a rebuilt index.
struct GinSize {
	double pages;
	double low;
	double high;
	bool takes_batches; ///< it depends on how much memory there is
};

/// Pages there are for each one that was read; and pages that there may be though none was.
struct Times {
	double value;
	double low;
	double high;
	double unseen;
};

inline constexpr Times once{1, 1, 1, 0};

/// How a rebuild would go about it.
struct GinBuild {
	std::uint64_t memory; ///< of a batch
	bool keys_are_values; ///< and no pointers to them
	bool sorts;           ///< in several processes, which merge what they have gathered: as with one batch
	void (*pause)();      ///< called now and then: it may throw
};

class GinContents {
public:
	void add_keys(std::uint32_t block, std::uint32_t next, const GinKey *keys, std::size_t count);
	void add_pending(const GinKey *keys, std::size_t count);

	/// A page of a tree of a list; child is the first page below, or 0.
	void add_list(std::uint32_t block, std::uint32_t next, std::uint32_t child, const PostingRun &rows);

	/// Consumes what was added.
	GinSize rebuilt(const GinBuild &build, const Times &times_keys, const Times &times_lists);

	/// As many keys as are remembered; and as many that are pending.
	static constexpr std::size_t most_keys = 1'000'000;

private:
	struct KeyPage {
		std::uint32_t block;
		std::uint32_t next;
		std::size_t first; ///< of its keys
		std::size_t count;
	};

	struct ListPage {
		std::uint32_t block;
		std::uint32_t next;
		std::uint32_t child;
		PostingRun rows;
		bool is_taken; ///< it is part of a tree that has been put together
	};

	void thin_out();
	std::vector<GinKey> in_order() const;
	ListPage *find_list(std::uint32_t block);
	PostingRun rows_of_tree(std::uint32_t root);
	std::size_t merge_pending(std::vector<GinKey> &keys);
	double pages_of_lists(std::uint64_t &trees) const;

	std::uint32_t stride_ = 1; ///< of so many pages of keys one is remembered
	std::uint64_t key_pages_ = 0;
	std::vector<KeyPage> pages_;
	std::vector<GinKey> keys_;
	std::vector<GinKey> pending_;
	double more_pending_ = 0; ///< bytes of what was too much to remember
	std::vector<ListPage> lists_;
};

} // namespace warden::bloat
