// heap_statistics.cpp - The size of a table after a rewrite, by its statistics.
//
// What a rewrite stores does not depend on how old rows are stored: columns that were dropped are null in the new file,
// and those that were added with a default have a value in all rows.  So both are estimated as well as the rest.
//
// There is no account of the bytes: how many of them are dead, or empty, is not in the statistics.
#include "bloat/column_statistics.hpp"
#include "bloat/heap_notes.hpp"
#include "bloat/statistics_basis.hpp"

#include "pg/server.hpp"

#include <algorithm>
#include <cmath>

namespace warden::bloat {

using namespace pg;

namespace {

// What a rewrite leaves of a dropped column, and all there ever is of a generated one that is not stored.
bool is_always_null(Form_pg_attribute column) {
	return column->attisdropped || (column->attgenerated != '\0' && column->attgenerated != ATTRIBUTE_GENERATED_STORED);
}

StoredColumn column_of(TupleDesc row, int i) {
	const Form_pg_attribute column = TupleDescAttr(row, i);
	return {.length = column->attlen,
	        .alignment = column->attalign,
	        .storage = column->attstorage,
	        .type = column->atttypid,
	        .is_never_null = column->attnotnull,
	        .is_always_null = is_always_null(column),
	        .is_made_up = column->atthasmissing};
}

struct Columns {
	std::vector<ColumnWidth> widths;
	std::string unknown; ///< a column of whose lengths the mean is known only
	int unknowns = 0;    ///< how many of them there are
	int variable = 0;    ///< columns of variable length
	bool has_missing = false;
	bool has_dropped = false;
};

/// The columns of a table, or why they are not known.
Columns read_columns(Relation table, Measurement &measurement) {
	Columns columns;
	const TupleDesc row = RelationGetDescr(table);
	for (int i = 0; i < row->natts && measurement.withheld.empty(); ++i) {
		check_for_interrupts();
		const Form_pg_attribute attribute = TupleDescAttr(row, i);
		auto found = read_statistics(RelationGetRelid(table), attribute->attnum, column_of(row, i));
		if (!found) {
			measurement.withheld = format("column \"%s\" has no statistics: run ANALYZE", NameStr(attribute->attname));
			break;
		}
		if (!found->is_spread_known) {
			columns.unknown = NameStr(attribute->attname);
			++columns.unknowns;
		}
		columns.variable += attribute->attlen < 0 && !is_always_null(attribute) ? 1 : 0;
		columns.has_missing |= attribute->atthasmissing && !attribute->attisdropped;
		columns.has_dropped |= attribute->attisdropped;
		columns.widths.push_back(std::move(found->width));
	}
	return columns;
}

/// Means are known without their fraction, and rows do not come in the order in which they were made up: what the ends
/// of pages leave empty, half a row each, may be half of that, or as much again.
Doubt doubt_of_means(const Columns &columns, const HeapSize &size, double reserved) {
	if (columns.variable == 0) {
		return {0, 0, ""};
	}
	constexpr double fraction = 0.5;
	constexpr double others = 0.01;
	const double order = size.mean_length / 4 / (page::size - page::header - reserved);
	const double share = others + order + columns.variable * fraction / std::max(1.0, size.mean_length);
	return {.below = share * size.pages,
	        .above = share * size.pages,
	        .reason = "the statistics have no more than the mean of each column: use method sample"};
}

/// Of rows whose lengths differ nobody knows how much, the last of a page may leave nothing empty, or nearly a row; and
/// values that are compressed are aligned although they are short.
Doubt doubt_of_lengths(const Columns &columns, const HeapSize &size, double reserved) {
	if (columns.unknowns == 0 || size.mean_length <= 0) {
		return {0, 0, ""};
	}
	constexpr double alignment = 4;
	const double used = page::size - page::header - reserved;
	const double bytes = size.pages * std::max(1.0, std::floor(used / size.mean_length)) * size.mean_length;
	const double full = bytes / used;
	const double loose = bytes / std::max(used - size.mean_length, used / 2);
	const double padding = columns.unknowns * alignment / size.mean_length * size.pages;
	return {.below = std::max(0.0, size.pages - full) + padding,
	        .above = std::max(0.0, loose - size.pages) + padding,
	        .reason = format("the statistics say little of the lengths of column \"%s\": use method sample",
	                         columns.unknown.c_str())};
}

/// Of the rows that have a null, if it is not known which columns are null together.
Doubt doubt_of_nulls(const Columns &columns, const HeapSize &size) {
	const NullChance chance = chance_of_null(columns.widths);
	const RowHeader header = heap_header(columns.widths.size());
	const double share = (header.length_with_nulls - header.length) / std::max(1.0, size.mean_length) * size.pages;
	return {.below = share * (chance.independent - chance.least),
	        .above = share * (chance.most - chance.independent),
	        .reason = "the statistics do not say which columns are null together: use method sample"};
}

} // namespace

Measurement measure_heap_by_statistics(Relation relation) {
	Measurement measurement = begin_statistics(relation);
	if (relation->rd_rel->relkind == RELKIND_TOASTVALUE) {
		measurement.withheld = "a TOAST table has no statistics: use method sample or exact";
		return measurement;
	}
	const RowCount count = count_rows(relation, measurement);
	if (!measurement.withheld.empty()) {
		return measurement;
	}
	if (count.rows + count.unsure + count.dead <= 0) {
		conclude(0, {}, measurement);
		return measurement;
	}
	const Columns columns = read_columns(relation, measurement);
	if (!measurement.withheld.empty()) {
		return measurement;
	}
	const int fillfactor = RelationGetFillFactor(relation, HEAP_DEFAULT_FILLFACTOR);
	const HeapSize size = pack_heap(columns.widths, count.rows, fillfactor);
	std::vector<Doubt> doubts = doubts_of(count, size.pages);
	doubts.push_back(doubt_of_means(columns, size, reserve(fillfactor)));
	doubts.push_back(doubt_of_lengths(columns, size, reserve(fillfactor)));
	doubts.push_back(doubt_of_nulls(columns, size));
	conclude(size.pages, doubts, measurement);
	add_caveats(columns.has_missing, measurement);
	if (columns.has_dropped) {
		measurement.caveats.emplace_back("a rewrite removes columns that were dropped");
	}
	return measurement;
}

} // namespace warden::bloat
