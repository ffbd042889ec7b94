// gin_batches.hpp - The tree of keys of a GIN index after a build in several batches.
//
// Plain C++.  The invariant: with one batch it is the tree of gin_packing, to the page; with more, the same rules are
// followed batch by batch, with the rows of a key spread evenly between its first and its last one.
#pragma once

#include "bloat/gin_contents.hpp"

namespace warden::bloat {

struct KeySizes {
	double pages = 0; ///< of the tree of keys
	double low = 0;   ///< where it is not certain how it will be built
	double high = 0;
	double tree_pages = 0; ///< of trees of lists
	double batches = 0;    ///< the last one may be a part
};

/// Keys in their order, which stand for so many times as many.
KeySizes pack_keys(const std::vector<GinKey> &keys, const GinBuild &build, double times);

} // namespace warden::bloat
