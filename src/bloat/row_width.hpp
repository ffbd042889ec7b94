// row_width.hpp - How many pages rows take of which only the columns' statistics are known.
//
// Plain C++.  Rows are made up that agree with the statistics, with the padding that each of them needs, and packed as
// a rewrite packs them: the mean of the aligned lengths is not the aligned mean, and a page has room for whole rows
// only. The invariant: the same statistics give the same pages.
#pragma once

#include "bloat/btree_packing.hpp"
#include "bloat/heap_packing.hpp"
#include "bloat/random_numbers.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace warden::bloat {

struct ColumnWidth {
	double null_fraction;
	std::uint32_t alignment;            ///< 1, 2, 4 or 8
	bool is_packable;                   ///< of variable length, and not aligned if it is short
	std::vector<std::uint32_t> lengths; ///< as they are stored, each as frequent as the others
};

/// What is known of the values of a column: some of them, each with its share, and perhaps the mean of all.
struct KnownLengths {
	std::vector<std::uint32_t> lengths;
	std::vector<double> shares;
	std::optional<double> mean; ///< of all of them, without its fraction
};

/// Lengths that are as frequent as each other and have the mean that is known; without any if what is known of some
/// values cannot be true of all.
std::vector<std::uint32_t> spread_lengths(const KnownLengths &known);

/// The same if nothing but the mean is known: every remainder of an alignment.
std::vector<std::uint32_t> unknown_lengths(double mean);

/// What stands before the columns.
struct RowHeader {
	std::uint32_t length;
	std::uint32_t length_with_nulls;
};

RowHeader heap_header(std::size_t columns);
RowHeader index_header();

/// Makes up rows.
class Rows {
public:
	Rows(RowHeader header, std::vector<ColumnWidth> columns) : header_(header), columns_(std::move(columns)) {}

	/// The length of another one.
	std::uint32_t next();

private:
	RowHeader header_;
	std::vector<ColumnWidth> columns_;
	RandomNumbers numbers_{1};
};

struct HeapSize {
	double pages;
	double mean_length; ///< of a row, with alignment and line pointer
};

HeapSize pack_heap(const std::vector<ColumnWidth> &columns, double rows, int fillfactor);

/// The chance that some column is null if they are null together as often as possible, independently of each other,
/// and together as seldom as possible.
struct NullChance {
	double least;
	double independent;
	double most;
};

NullChance chance_of_null(const std::vector<ColumnWidth> &columns);

/// How many entries of an index are equal: of some keys it is known, the rest have a mean, and a bound.
struct KeyGroups {
	std::vector<double> common; ///< entries of a key each
	double rest_entries = 0;
	double rest_keys = 0;    ///< as many as entries: they are all different
	double largest_rest = 0; ///< no key of the rest has more; 0: they are all about as frequent
};

double pack_btree(const std::vector<ColumnWidth> &columns, const KeyGroups &groups, int fillfactor, bool deduplicates);

} // namespace warden::bloat
