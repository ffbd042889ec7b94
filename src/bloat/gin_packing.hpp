// gin_packing.hpp - How many pages the keys of a GIN index and the lists of their rows take after REINDEX.
//
// Plain C++.  The invariant: given the keys in their order, the tree of keys is the one that a build makes which holds
// all of the table in memory at once: it adds them in their order, and a page that is full is halved, so that all but
// the last stay half empty.  Long lists go to trees of their own, whose pages a build fills.
//
// Source of the rules: the server's ginentrypage.c (entrySplitPage()), gindatapage.c (createPostingTree(),
// leafRepackItems()), ginpostinglist.c (how a list is written).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace warden::bloat {

/// Rows of a key in the order of their places: each but the first is written as the distance from the one before.  One
/// that comes out of order, because it has waited in the pending list, or the index changes while it is read, divides a
/// distance that is not known any more: it is taken to be as long as the others.
struct PostingRun {
	std::uint64_t first = 0;
	std::uint64_t last = 0;
	std::uint64_t items = 0;
	std::uint64_t bytes = 0; ///< of the distances

	void add(std::uint64_t place);
	void add(const PostingRun &next);
};

/// A place as a number: the block and 11 bits of the line.
constexpr std::uint64_t place_of(std::uint32_t block, std::uint16_t line) {
	return (static_cast<std::uint64_t>(block) << 11U) | line;
}

/// The places of a list that is written so: its first place, and the bytes of the distances, which may be any.
template <class Visit>
void each_place(std::uint64_t first, const unsigned char *bytes, std::size_t size, Visit visit) {
	constexpr std::uint32_t most_bits = 49;
	std::uint64_t place = first;
	std::uint64_t distance = 0;
	std::uint32_t shift = 0;
	visit(place);
	for (std::size_t i = 0; i < size; ++i) {
		distance |= static_cast<std::uint64_t>(bytes[i] & 0x7fU) << shift;
		shift = shift < most_bits ? shift + 7 : shift;
		if ((bytes[i] & 0x80U) == 0) {
			place += distance;
			visit(place);
			distance = 0;
			shift = 0;
		}
	}
}

/// Of a key with its list in a tuple: its size; 0 if that is too large, and the list becomes a tree.
std::uint32_t tuple_size(std::uint32_t key_size, const PostingRun &run);

/// Pages of a tree for this list.
std::uint64_t posting_tree_pages(const PostingRun &run);

/// What a build remembers of a key until it writes it, in bytes of memory.  A key that is no pointer is not copied.
std::uint64_t build_memory(std::uint32_t key_size, bool is_by_value, std::uint64_t items);

/// The tree of the keys.
class KeyTree {
public:
	/// A key after all others: the size of its tuple, and of the one in an inner page that has no list.
	void add(std::uint32_t size, std::uint32_t inner_size);

	std::uint64_t pages() const;
	std::uint64_t bytes() const { return bytes_; } ///< of all keys in the leaves, with their line pointers

	static constexpr std::uint32_t room = 8192 - 24 - 8;

private:
	struct Item {
		std::uint32_t size; ///< a multiple of 8
		std::uint32_t inner_size;
	};

	/// The last page of a level.
	struct Level {
		std::vector<Item> items;
		std::uint32_t used = 0;
		std::uint64_t pages = 1;
	};

	void insert(std::size_t level, Item item, std::size_t before_last);
	void split(std::size_t level);

	std::vector<Level> levels_; ///< from the leaves up
	std::uint64_t bytes_ = 0;
};

} // namespace warden::bloat
