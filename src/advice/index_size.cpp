#include "advice/index_size.hpp"

#include "advice/btree_estimate.hpp"
#include "advice/gin_size.hpp"
#include "advice/index_columns.hpp"
#include "advice/index_sample.hpp"
#include "advice/method_size.hpp"
#include "advice/table_tree.hpp"

#include "pg/gin_pages.hpp"
#include "pg/scoped.hpp"

#include <algorithm>
#include <cmath>

extern "C" {
#include "access/gist.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
}

namespace warden::advice {

using namespace pg;

namespace {

constexpr std::uint32_t line_pointer = 4;
constexpr std::uint32_t entry_header = 8;
constexpr std::size_t most_sampled = 6; // partitions: the others are taken to be like them

/// As the planner takes a table to have them.
struct TableEstimate {
	double rows;
	double pages;
};

// Server code ---------------------------------------------------------------------------------------------------------

TableEstimate estimate_table(Relation table) {
	BlockNumber pages = 0;
	double rows = 0;
	double all_visible = 0;
	table_relation_estimate_size(table, nullptr, &pages, &rows, &all_visible);
	return {rows, static_cast<double>(pages)};
}

bool has_sort_support(const IndexKey &key) {
	return OidIsValid(get_opfamily_proc(key.family, key.input_type, key.input_type, GIST_SORTSUPPORT_PROC));
}

int32 usual_width(const IndexShape &shape, const IndexKey &key) {
	if (!key.is_expression()) {
		const int32 width = get_attavgwidth(shape.table, key.column);
		if (width > 0) {
			return width;
		}
	}
	return get_typavgwidth(key.input_type, -1);
}

bool are_by_value(const IndexShape &shape, Relation table) {
	for (const IndexKey &key : shape.keys) {
		if (key.is_expression() || !stored_type(table, key.column, nullptr, key.opclass).is_by_value) {
			return false;
		}
	}
	return true;
}

/// Whether rows have values so long that they are kept elsewhere, and those could be the index's.
bool has_long_values(const IndexShape &shape, Relation table) {
	const auto may_be_long = [&](std::int16_t column) {
		const FormData_pg_attribute *const attribute = TupleDescAttr(RelationGetDescr(table), column - 1);
		return attribute->attlen == -1 && attribute->attstorage != TYPSTORAGE_PLAIN;
	};
	if (shape.method != BTREE_AM_OID || !OidIsValid(table->rd_rel->reltoastrelid) ||
	    std::ranges::none_of(shape.columns, may_be_long)) {
		return false;
	}
	const Relation toast = table_open(table->rd_rel->reltoastrelid, AccessShareLock);
	const bool has_any = RelationGetNumberOfBlocks(toast) > 0;
	table_close(toast, AccessShareLock);
	return has_any;
}

// C++ -----------------------------------------------------------------------------------------------------------------

/// A column of such lengths, as if all of an entry were one.
bloat::ColumnWidth width_of(std::vector<std::uint32_t> sizes) {
	for (std::uint32_t &size : sizes) {
		size -= entry_header;
	}
	return {.null_fraction = 0, .alignment = 8, .is_packable = false, .lengths = std::move(sizes)};
}

double mean_length(const std::vector<SeenKey> &keys) {
	double sum = 0;
	for (const SeenKey &key : keys) {
		sum += key.size + line_pointer;
	}
	return keys.empty() ? entry_header + line_pointer : sum / static_cast<double>(keys.size());
}

/// Pages of entries of a hash index that are beside those of other keys, because there are so many of the key.
double pages_of_frequent(const KeyPopulation &population) {
	constexpr double of_page = 407;
	double pages = 0;
	for (const auto &key : population.frequent) {
		pages += std::floor(key.entries / of_page);
	}
	return pages;
}

void set_tree(IndexSize &size, const BtreeEntries &entries) {
	const BtreeSize tree = size_of_btree(entries);
	size.pages = static_cast<std::int64_t>(tree.pages);
	size.height = tree.height;
}

void set_btree(IndexSize &size, const IndexShape &shape, Relation table, const IndexSample &sample, double times) {
	BtreeEntries entries{.deduplicates = deduplicates(shape)};
	std::vector<std::uint32_t> sizes;
	if (entries.deduplicates) {
		KeyPopulation population = estimate_population(sample.keys, times);
		sizes = std::move(population.rest_sizes);
		population.rest_keys = std::min(population.rest_keys, most_keys(shape, table, size.entries));
		entries.kinds.push_back({population.rest_entries, population.rest_keys});
		for (const auto &key : population.frequent) {
			entries.kinds.push_back({key.entries, 1});
			sizes.push_back(key.size);
		}
		entries.kinds = merge_kinds(std::move(entries.kinds));
	} else {
		entries.kinds.push_back({size.entries, size.entries});
		for (const SeenKey &key : sample.keys) {
			sizes.push_back(key.size);
		}
	}
	if (!sizes.empty()) {
		entries.keys.push_back(width_of(std::move(sizes)));
		set_tree(size, entries);
	} else {
		size.pages = 1;
	}
}

double pages_of_gin(const IndexShape &shape, Relation table, const IndexSample &sample, const TableEstimate &of,
                    double times) {
	const bloat::GinBuild build{.memory = static_cast<std::uint64_t>(maintenance_work_mem) * 1024,
	                            .keys_are_values = call(are_by_value, shape, table),
	                            .sorts = call(would_build_in_parallel, table),
	                            .pause = check_for_interrupts};
	return gin_pages(estimate_population(sample.keys, times), of.pages, build);
}

/// By some rows.
IndexSize by_sample(const IndexShape &shape, Relation table, const TableEstimate &of, SampleExtent extent) {
	IndexSample sample = sample_index(shape, table, of.pages, of.rows, extent);
	const double times = std::max(1.0, of.rows / std::max(sample.rows, 1.0));
	IndexSize size{.entries = sample.held * times};
	size.obstacle = std::move(sample.obstacle);
	size.may_be_too_long = extent == SampleExtent::Most && sample.pages < of.pages;
	size.statistics = std::move(sample.statistics);
	double pages = 0;
	switch (shape.method) {
	case BTREE_AM_OID:
		set_btree(size, shape, table, sample, times);
		return size;
	case GIN_AM_OID:
		pages = pages_of_gin(shape, table, sample, of, times);
		break;
	case HASH_AM_OID:
		pages = hash_pages(of.rows, size.entries, pages_of_frequent(estimate_population(sample.keys, times)));
		break;
	case GIST_AM_OID:
		pages = gist_pages_of(
			size.entries, mean_length(sample.keys),
			std::ranges::all_of(shape.keys, [](const IndexKey &key) { return call(has_sort_support, key); }));
		break;
	default: // like SP-GiST, what is not known
		pages = spgist_pages(size.entries, mean_length(sample.keys) + entry_header);
		break;
	}
	size.pages = static_cast<std::int64_t>(pages);
	return size;
}

IndexSize size_of_brin(const IndexShape &shape, const TableEstimate &of) {
	std::uint32_t summary = entry_header;
	for (const IndexKey &key : shape.keys) {
		summary += 2 * static_cast<std::uint32_t>(call(usual_width, shape, key));
	}
	return {.entries = of.rows, .pages = static_cast<std::int64_t>(brin_pages(of.pages, summary))};
}

bool is_of_columns_only(const IndexShape &shape) {
	return shape.predicate.empty() && std::ranges::none_of(shape.keys, &IndexKey::is_expression);
}

IndexSize size_in(const IndexShape &shape, bool is_quick) {
	const OpenRelation table(shape.table, AccessShareLock);
	const TableEstimate of = call(estimate_table, table.get());
	if (shape.method == BRIN_AM_OID) {
		return size_of_brin(shape, of);
	}
	// What a statistic does not know of, one row among many, would be found out when the index is built.
	const bool is_long = !is_quick && call(has_long_values, shape, table.get());
	if (shape.method == BTREE_AM_OID && is_of_columns_only(shape) && !is_long) {
		if (const auto entries = btree_entries(shape, table.get(), of.rows, is_quick)) {
			IndexSize size{.entries = of.rows};
			set_tree(size, *entries);
			return size;
		}
	}
	return by_sample(shape, table.get(), of, is_long ? SampleExtent::Most : SampleExtent::Some);
}

void add(IndexSize &sum, IndexSize part) {
	sum.entries += part.entries;
	sum.pages += part.pages;
	sum.height = std::max(sum.height, part.height);
	sum.may_be_too_long |= part.may_be_too_long;
	if (part.obstacle) {
		sum.obstacle = std::move(part.obstacle);
	}
	if (sum.statistics.empty()) {
		sum.statistics = std::move(part.statistics);
	}
}

double pages_of(Oid table_id) {
	const OpenRelation table(table_id, AccessShareLock);
	return call([&] { return RelationGetNumberOfBlocks(table.get()); });
}

/// Of many partitions whose rows have to be looked at, some: and so many times as many pages all of them have.
double leave_out(std::vector<Oid> &leaves) {
	const std::size_t step = (leaves.size() + most_sampled - 1) / most_sampled;
	double all = 0;
	double kept = 0;
	std::vector<Oid> some;
	for (std::size_t i = 0; i < leaves.size(); ++i) {
		const double pages = pages_of(leaves[i]);
		all += pages;
		if (i % step == 0) {
			kept += pages;
			some.push_back(leaves[i]);
		}
	}
	leaves = std::move(some);
	return kept > 0 ? all / kept : 1;
}

IndexSize size_of(const IndexShape &shape, bool is_quick) {
	std::vector<Oid> leaves = leaves_of(shape.table);
	const bool looks_at_rows =
		shape.method != BRIN_AM_OID && !(shape.method == BTREE_AM_OID && is_of_columns_only(shape));
	const double times = looks_at_rows && leaves.size() > most_sampled ? leave_out(leaves) : 1;
	IndexSize sum;
	for (const Oid leaf : leaves) {
		check_for_interrupts();
		add(sum, size_in(shape_in(shape, leaf), is_quick));
	}
	sum.entries *= times;
	sum.pages = static_cast<std::int64_t>(static_cast<double>(sum.pages) * times);
	return sum;
}

} // namespace

IndexSize estimate_size(const IndexShape &shape) {
	return size_of(shape, false);
}

IndexSize quick_size(const IndexShape &shape) {
	return size_of(shape, true);
}

} // namespace warden::advice
