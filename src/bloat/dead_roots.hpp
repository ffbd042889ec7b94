// dead_roots.hpp - Rows that an index may have entries of, and a rebuild would not.
//
// An entry leads to the root of a chain of HOT updates, and a rebuild makes one as long as there is a member of it that
// somebody sees, or may see still.  The invariants: a root that is not known to be dead is not called so; and what is
// remembered fits into maintenance_work_mem.
#pragma once

#include "bloat/page_reader.hpp"
#include "bloat/tuple_fate.hpp"

#include <cstdint>
#include <vector>

extern "C" {
#include "storage/itemptr.h"
}

namespace warden::bloat {

/// What becomes of the entries of a root on a page of the heap, which must be pinned: Kept if there is none at that
/// place.  Server code.
Fate fate_of_root(Page page, OffsetNumber root, Fates &fates);

/// All roots of a heap whose entries are not simply kept.
class DeadRoots {
public:
	/// Reads what the visibility map does not vouch for.  C++ code.
	DeadRoots(Relation heap, int cost_delay_ms);

	/// Server code.
	Fate of(const ItemPointerData &row) const;

	bool is_empty() const { return roots_.empty(); }

	/// Or else it has ended before all of the heap was read.
	bool is_complete() const { return is_complete_; }
	std::int64_t pages_read() const { return pages_read_; }

private:
	static std::uint64_t place(BlockNumber block, OffsetNumber offset) { return std::uint64_t{block} << 16 | offset; }

	std::vector<bool> pages_;          ///< whether there is any on it
	std::vector<std::uint64_t> roots_; ///< in the order of their places: the place, and whether somebody may see it
	bool is_complete_ = true;
	std::int64_t pages_read_ = 0;
};

} // namespace warden::bloat
