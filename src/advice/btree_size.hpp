// btree_size.hpp - How large a B-tree of made-up entries becomes.
//
// Plain C++.  Entries that agree with what is known of lengths and duplicates are packed by the rules of a build; of
// many that are alike some stand for all, so that an estimate takes a millisecond whatever the table's size.
#pragma once

#include "bloat/row_width.hpp"

namespace warden::advice {

/// Keys that have about as many entries as each other.
struct KeyKind {
	double entries; ///< of all of them
	double keys;
};

struct BtreeEntries {
	std::vector<bloat::ColumnWidth> keys = {};
	std::vector<bloat::ColumnWidth> included = {};
	std::vector<KeyKind> kinds = {};
	bool deduplicates = false;
};

/// Puts keys together that have about as many entries as each other.
std::vector<KeyKind> merge_kinds(std::vector<KeyKind> kinds);

struct BtreeSize {
	double pages;
	int height;
};

BtreeSize size_of_btree(const BtreeEntries &entries);

/// Of a key that is one of so many combinations, how many are among so many rows if all are as likely.
double expected_distinct(double combinations, double rows);

} // namespace warden::advice
