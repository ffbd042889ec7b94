#include "advice/index_size.hpp"

#include "advice/btree_estimate.hpp"
#include "advice/table_tree.hpp"

#include "pg/scoped.hpp"

#include <algorithm>

extern "C" {
#include "access/tableam.h"
#include "catalog/pg_am_d.h"
}

namespace warden::advice {

using namespace pg;

namespace {

/// As the planner takes a table to have them.
struct TableEstimate {
	double rows;
	double pages;
};

// Server code.
TableEstimate estimate_table(Relation table) {
	BlockNumber pages = 0;
	double rows = 0;
	double all_visible = 0;
	table_relation_estimate_size(table, nullptr, &pages, &rows, &all_visible);
	return {rows, static_cast<double>(pages)};
}

IndexSize size_in(const IndexShape &shape) {
	const OpenRelation table(shape.table, AccessShareLock);
	const TableEstimate estimate = call(estimate_table, table.get());
	IndexSize size{.entries = estimate.rows};
	if (const auto entries = btree_entries(shape, table.get(), estimate.rows)) {
		const BtreeSize tree = size_of_btree(*entries);
		size.pages = static_cast<std::int64_t>(tree.pages);
		size.height = tree.height;
	}
	return size;
}

} // namespace

IndexSize estimate_size(const IndexShape &shape) {
	IndexSize sum;
	for (const Oid leaf : leaves_of(shape.table)) {
		check_for_interrupts();
		const IndexSize size = size_in(shape_in(shape, leaf));
		sum.entries += size.entries;
		sum.pages += size.pages;
		sum.height = std::max(sum.height, size.height);
	}
	return sum;
}

} // namespace warden::advice
