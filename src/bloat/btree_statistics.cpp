// btree_statistics.cpp - The size of a B-tree after REINDEX, by the statistics of its table.
//
// Where a rebuild joins the entries of equal keys, the size depends on how many rows have the same key.  Statistics
// know the most common keys and guess the number of the others, so there are two sizes: with as many duplicates as they
// may have, and with none.  Where these are far apart there is no estimate, and the reason names both.
#include "bloat/column_statistics.hpp"
#include "bloat/statistics_basis.hpp"

#include "pg/server.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

extern "C" {
#include "access/nbtree.h"
#include "commands/vacuum.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

// Longer values an index may compress: a sixteenth of what a page has room for.
constexpr std::uint32_t longest_uncompressed = 500;

struct Keys {
	std::vector<ColumnWidth> widths;
	std::vector<ColumnStatistics> statistics;
};

StoredColumn column_of(Relation index, Relation heap, int i) {
	const Form_pg_attribute stored = TupleDescAttr(RelationGetDescr(index), i);
	const AttrNumber column = index->rd_index->indkey.values[i];
	return {.length = stored->attlen,
	        .alignment = stored->attalign,
	        .storage = stored->attstorage,
	        .type = stored->atttypid,
	        .is_never_null = column > 0 && TupleDescAttr(RelationGetDescr(heap), column - 1)->attnotnull,
	        .is_always_null = false,
	        .is_made_up =
	            column == 0 || (column > 0 && TupleDescAttr(RelationGetDescr(heap), column - 1)->atthasmissing)};
}

/// The columns of an index, or why they are not known.
Keys read_keys(Relation index, Relation heap, Measurement &measurement) {
	Keys keys;
	for (int i = 0; i < index->rd_index->indnatts; ++i) {
		const AttrNumber column = index->rd_index->indkey.values[i];
		const char *const name = NameStr(TupleDescAttr(RelationGetDescr(index), i)->attname);
		const bool is_expression = column == 0;
		auto found =
			read_statistics(RelationGetRelid(is_expression ? index : heap),
		                    is_expression ? static_cast<AttrNumber>(i + 1) : column, column_of(index, heap, i));
		if (!found) {
			measurement.withheld = is_expression ? format("expression \"%s\" has no statistics: run ANALYZE", name)
			                                     : format("column \"%s\" has no statistics: run ANALYZE", name);
			return keys;
		}
		if (!found->is_spread_known || found->longest > longest_uncompressed) {
			measurement.withheld = format(
				found->is_spread_known ? "column \"%s\" has long values, which an index may compress: use method sample"
									   : "the statistics say little of the lengths of column \"%s\": use method sample",
				name);
			return keys;
		}
		keys.widths.push_back(found->width);
		keys.statistics.push_back(std::move(*found));
	}
	return keys;
}

/// How many rows ANALYZE has looked at, at least.
double sample_size() {
	return 300.0 * std::min(default_statistics_target, 100);
}

double distinct_values(const ColumnStatistics &column, double rows) {
	return column.distinct < 0 ? -column.distinct * rows : column.distinct;
}

/// Groups with as many duplicates as there may be, and with none that is not known.
struct Extremes {
	KeyGroups with;
	KeyGroups without;
};

/// Of one column.
Extremes groups_of(const ColumnStatistics &column, double rows) {
	KeyGroups known;
	double smallest = 0;
	if (column.width.null_fraction > 0) {
		known.common.push_back(column.width.null_fraction * rows);
	}
	for (const double frequency : column.frequencies) {
		known.common.push_back(frequency * rows);
		smallest = frequency * rows;
	}
	const double common = std::accumulate(known.common.begin(), known.common.end(), 0.0);
	known.rest_entries = std::max(0.0, rows - common);
	const double keys = distinct_values(column, rows) - static_cast<double>(column.frequencies.size());
	known.rest_keys = std::clamp(keys, std::min(1.0, known.rest_entries), known.rest_entries);
	Extremes extremes{known, known};
	if (known.rest_entries < 1 || keys < 1) {
		return extremes; // all of them are known
	}
	const double looked_at = sample_size();
	if (rows <= looked_at) {
		// Their number is right.  Either they are about as frequent, or few have nearly all duplicates.
		const double mean = known.rest_entries / known.rest_keys;
		extremes.with.largest_rest = smallest > 0 ? smallest : 2 * std::ceil(mean);
		return extremes;
	}
	// The number may be far too low.  Where no duplicates were found, three pairs may have been missed.
	const double share = known.rest_entries / rows;
	const double unnoticed = 1 + 6 * rows / (looked_at * looked_at * share);
	extremes.with.rest_keys = std::min(known.rest_keys, known.rest_entries / unnoticed);
	extremes.without.rest_keys = known.rest_entries;
	return extremes;
}

/// Of several columns: at least as many as of one of them, and no more than their combinations, where the numbers are
/// right.
Extremes groups_of(const std::vector<ColumnStatistics> &columns, double rows) {
	double least = 1;
	double most = 1;
	for (const ColumnStatistics &column : columns) {
		const double distinct = distinct_values(column, rows);
		const double known = std::accumulate(column.frequencies.begin(), column.frequencies.end(), 0.0);
		const bool is_right = rows <= sample_size() || known + column.width.null_fraction > 0.999;
		least = std::max(least, distinct);
		most *= is_right ? distinct + (column.width.null_fraction > 0 ? 1 : 0) : rows;
	}
	return {{.common = {}, .rest_entries = rows, .rest_keys = std::min(least, rows)},
	        {.common = {}, .rest_entries = rows, .rest_keys = std::clamp(most, std::min(1.0, rows), rows)}};
}

/// Of an index that keeps an entry of each row.
KeyGroups all_different(double rows) {
	return {.common = {}, .rest_entries = rows, .rest_keys = rows};
}

std::string obstacle_in(Relation index) {
	if (index->rd_rel->relkind != RELKIND_INDEX || index->rd_index->indnatts == 0) {
		return "it has no columns";
	}
	if (call([&] { return RelationGetIndexPredicate(index) != NIL; })) {
		return "the statistics are of all rows, and a partial index has some of them: use method sample or exact";
	}
	return "";
}

void estimate(Relation index, const Keys &keys, const RowCount &count, Measurement &measurement) {
	const int fillfactor = call([&] { return BTGetFillFactor(index); });
	const bool deduplicates = call([&] {
		return !index->rd_index->indisunique && BTGetDeduplicateItems(index) && _bt_allequalimage(index, false);
	});
	Extremes groups{all_different(count.rows), all_different(count.rows)};
	if (deduplicates) {
		groups = keys.statistics.size() == 1 ? groups_of(keys.statistics.front(), count.rows)
		                                     : groups_of(keys.statistics, count.rows);
	}
	const double one = pack_btree(keys.widths, groups.with, fillfactor, deduplicates);
	const double other = deduplicates ? pack_btree(keys.widths, groups.without, fillfactor, deduplicates) : one;
	const double pages = (one + other) / 2;
	std::vector<Doubt> doubts = doubts_of(count, pages);
	doubts.push_back({.below = std::abs(other - one) / 2,
	                  .above = std::abs(other - one) / 2,
	                  .reason = "how many rows have the same key is not known well enough: use method sample"});
	// The keys that tell pages apart are estimated as long as entries, one in each leaf and one above it; but they have
	// the first columns only, as many as it takes.
	const double mean_size = pages * page::size * fillfactor / 100 / count.rows;
	doubts.push_back({.below = keys.widths.size() > 1 ? 2 * mean_size / page::size * pages : 0,
	                  .above = 0,
	                  .reason = "how much of its keys its upper pages need is not known: use method sample"});
	const NullChance chance = chance_of_null(keys.widths);
	const auto is_variable = [](const ColumnStatistics &column) { return column.longest > 0; };
	const double padding = std::ranges::any_of(keys.statistics, is_variable) ? 0.02 * pages : 0;
	doubts.push_back({.below = padding,
	                  .above = padding,
	                  .reason = "the statistics have some of the lengths only: use method sample"});
	const double share = pages / 3; // 8 bytes of 24
	doubts.push_back({.below = share * (chance.independent - chance.least),
	                  .above = share * (chance.most - chance.independent),
	                  .reason = "the statistics do not say which columns are null together: use method sample"});
	conclude(pages, doubts, measurement);
}

} // namespace

Measurement measure_btree_by_statistics(Relation relation, Relation heap) {
	Measurement measurement = begin_statistics(relation);
	if (heap->rd_rel->relkind == RELKIND_TOASTVALUE) {
		measurement.withheld = "a TOAST table has no statistics: use method sample or exact";
		return measurement;
	}
	measurement.withheld = obstacle_in(relation);
	if (!measurement.withheld.empty()) {
		return measurement;
	}
	const RowCount count = count_rows(heap, measurement);
	if (!measurement.withheld.empty()) {
		return measurement;
	}
	if (count.rows + count.unsure + count.dead <= 0) {
		conclude(1, {}, measurement); // the page that says that there is no root
		return measurement;
	}
	const Keys keys = read_keys(relation, heap, measurement);
	if (measurement.withheld.empty()) {
		estimate(relation, keys, count, measurement);
	}
	return measurement;
}

} // namespace warden::bloat
