// gist_packing.hpp - How many pages the entries of a GiST index may take after REINDEX.
//
// Plain C++.  How full a build leaves its pages is the operator class's choice of where to split them: so there is a
// range.  No page is filled above the fill factor, which a build that sorts does not heed: it fills them all.  One that
// is full is split in two, and where rows come in the order of the index both stay as they are; where they come in no
// order, pages are two thirds full of that on the average.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace warden::bloat {

/// Of pages, between one split and the next, as a part of what the fill factor lets them have.
namespace gist_fullness {
inline constexpr double most = 1.0;
inline constexpr double usual = 0.68;
inline constexpr double in_order = 0.51;
inline constexpr double least = 0.46; ///< halves, but for one entry and for classes that split less evenly
inline constexpr double apart = 2;    ///< pages of nulls, and of values such as empty ranges: classes split them off
} // namespace gist_fullness

struct GistEntries {
	double bytes;       ///< of entries in leaves, with their line pointers
	double inner_entry; ///< bytes of one in an inner page
	int fillfactor;
	double apart = 0; ///< leaves that few entries have for themselves
};

inline double gist_pages(const GistEntries &entries, double fullness) {
	constexpr double room = 8192 - 24 - 16;
	const double usable = room * entries.fillfactor / 100;
	if (entries.bytes <= usable) {
		return 1;
	}
	const double leaves = std::max(2.0, std::ceil(entries.bytes / (usable * fullness)) + entries.apart);
	const double children = std::max(2.0, usable * fullness / std::max(entries.inner_entry, 1.0));
	double pages = leaves;
	for (double level = leaves; level > 1;) {
		level = std::ceil(level / children);
		pages += level;
	}
	return pages;
}

} // namespace warden::bloat
