#include "advice/btree_estimate.hpp"

#include "advice/index_columns.hpp"

#include <algorithm>
#include <cmath>

extern "C" {
#include "catalog/pg_am_d.h"
#include "commands/vacuum.h"
}

namespace warden::advice {

using namespace pg;

using bloat::ColumnStatistics;

namespace {

// Longer values are compressed, or too long for an index: rows have to be looked at.
constexpr std::uint32_t longest_uncompressed = 500;

// Rows that ANALYZE looks at, for each unit of the statistics target.
constexpr double rows_of_target = 300;
// So many times as many keys as it makes out there may well be.
constexpr double most_missed = 8;

// Two sizes this far apart are not one estimate.
constexpr double most_doubt = 1.1;

bool says_enough(const ColumnStatistics &column) {
	return column.is_spread_known && column.longest <= longest_uncompressed;
}

double distinct_values(const ColumnStatistics &column, double rows) {
	const double distinct = column.distinct < 0 ? -column.distinct * rows : column.distinct;
	return std::clamp(distinct, 1.0, std::max(1.0, rows));
}

/// With those that are null as one.
double distinct_keys(const ColumnStatistics &column, double rows) {
	return distinct_values(column, rows) + (column.width.null_fraction > 0 ? 1 : 0);
}

/// Where equal values are side by side, ANALYZE, which takes its rows for drawn one by one, counts far too few; but
/// none if it saw all rows or all values, or no value twice.
bool is_count_known(const ColumnStatistics &column, double rows) {
	return rows <= rows_of_target * default_statistics_target || column.distinct == -1 ||
	       distinct_values(column, rows) <= static_cast<double>(column.frequencies.size());
}

std::vector<KeyKind> kinds_of(const ColumnStatistics &column, double rows) {
	std::vector<KeyKind> kinds;
	double common = column.width.null_fraction;
	if (column.width.null_fraction > 0) {
		kinds.push_back({column.width.null_fraction * rows, 1});
	}
	for (const double frequency : column.frequencies) {
		kinds.push_back({frequency * rows, 1});
		common += frequency;
	}
	const double rest = std::max(0.0, (1 - common) * rows);
	const double keys = distinct_values(column, rows) - static_cast<double>(column.frequencies.size());
	kinds.push_back({rest, std::clamp(keys, std::min(1.0, rest), rest)});
	return merge_kinds(std::move(kinds));
}

std::vector<KeyKind> all_alike(double keys, double rows) {
	return {{rows, std::clamp(keys, 1.0, std::max(1.0, rows))}};
}

double most_distinct(const std::vector<ColumnStatistics> &columns, double rows) {
	double most = 1;
	for (const ColumnStatistics &column : columns) {
		most = std::max(most, distinct_keys(column, rows));
	}
	return most;
}

/// Of columns that do not depend on each other.
double expected_keys(const std::vector<ColumnStatistics> &columns, double rows) {
	double combinations = 1;
	for (const ColumnStatistics &column : columns) {
		combinations *= distinct_keys(column, rows);
	}
	return std::max(most_distinct(columns, rows), expected_distinct(combinations, rows));
}

bool makes_a_difference(BtreeEntries entries, std::vector<KeyKind> few, std::vector<KeyKind> many) {
	entries.kinds = std::move(few);
	const double smaller = size_of_btree(entries).pages;
	entries.kinds = std::move(many);
	return size_of_btree(entries).pages > smaller * most_doubt + 1;
}

/// Of one column: nothing if there may be more values than its statistics have, and it makes a difference.
std::optional<std::vector<KeyKind>> kinds_of(const ColumnStatistics &column, const BtreeEntries &entries, double rows,
                                             bool is_quick) {
	std::vector<KeyKind> kinds = kinds_of(column, rows);
	if (is_quick || is_count_known(column, rows)) {
		return kinds;
	}
	std::vector<KeyKind> more = kinds;
	for (KeyKind &kind : more) {
		kind.keys = std::min(kind.keys * most_missed, kind.entries);
	}
	return makes_a_difference(entries, kinds, std::move(more)) ? std::nullopt : std::optional(std::move(kinds));
}

/// Of several columns: what extended statistics say, or, if it makes no difference whether they depend on each other,
/// that they do not.
std::optional<std::vector<KeyKind>> kinds_of(const std::vector<ColumnStatistics> &columns, const BtreeEntries &entries,
                                             const IndexShape &shape, Relation table, double rows, bool is_quick) {
	std::vector<AttrNumber> numbers;
	numbers.reserve(columns.size());
	for (std::size_t i = 0; i < columns.size(); ++i) {
		numbers.push_back(shape.keys[i].column);
	}
	const double known = call(known_combinations, table, numbers.data(), static_cast<int>(numbers.size()));
	if (known > 0) {
		return all_alike(known, rows);
	}
	std::vector<KeyKind> most = all_alike(expected_keys(columns, rows), rows);
	if (!is_quick && makes_a_difference(entries, all_alike(most_distinct(columns, rows), rows), most)) {
		return std::nullopt;
	}
	return most;
}

} // namespace

bool deduplicates(const IndexShape &shape) {
	return shape.method == BTREE_AM_OID && shape.included.empty() &&
	       std::ranges::all_of(shape.keys, [](const IndexKey &key) {
			   return call(is_image_equal, key.family, key.input_type, key.collation);
		   });
}

double most_keys(const IndexShape &shape, Relation table, double rows) {
	std::vector<ColumnStatistics> columns;
	for (const IndexKey &key : shape.keys) {
		auto found = key.is_expression() ? std::nullopt : column_facts(table, key.column, key.opclass);
		if (!found || found->distinct == 0 || !is_count_known(*found, rows)) {
			return rows;
		}
		columns.push_back(std::move(*found));
	}
	return expected_keys(columns, rows);
}

std::optional<BtreeEntries> btree_entries(const IndexShape &shape, Relation table, double rows, bool is_quick) {
	BtreeEntries entries{.deduplicates = deduplicates(shape)};
	std::vector<ColumnStatistics> keys;
	for (const IndexKey &key : shape.keys) {
		auto found = key.is_expression() ? std::nullopt : column_facts(table, key.column, key.opclass);
		if (!found || !(is_quick || says_enough(*found))) {
			return std::nullopt;
		}
		entries.keys.push_back(found->width);
		keys.push_back(std::move(*found));
	}
	for (const std::int16_t column : shape.included) {
		const auto found = column_facts(table, column, InvalidOid);
		if (!found || !(is_quick || says_enough(*found))) {
			return std::nullopt;
		}
		entries.included.push_back(found->width);
	}
	if (!entries.deduplicates) { // how many have the same key matters for the pages above the leaves only
		entries.kinds = all_alike(expected_keys(keys, rows), rows);
		return entries;
	}
	auto kinds = keys.size() == 1 ? kinds_of(keys.front(), entries, rows, is_quick)
	                              : kinds_of(keys, entries, shape, table, rows, is_quick);
	if (!kinds) {
		return std::nullopt;
	}
	entries.kinds = *std::move(kinds);
	return entries;
}

} // namespace warden::advice
