// heap_measure.cpp - A heap by each of the three methods, of which the exact one is here.
#include "bloat/heap_notes.hpp"
#include "bloat/heap_sample.hpp"
#include "bloat/heap_scan.hpp"
#include "bloat/statistics_basis.hpp"
#include "bloat/subject.hpp"

extern "C" {
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
}

namespace warden::bloat {

namespace {

Prediction exact(double pages) {
	const auto bytes = static_cast<std::int64_t>(pages) * BLCKSZ;
	return {.bytes = bytes, .low = bytes, .high = bytes};
}

/// What the rows of a table take of its TOAST table after a rewrite, or why that is not known.
struct Moved {
	double pages;
	const char *obstacle;
};

// Server code.  The rewrite of a table writes its TOAST table from its rows, in their order.  Where chunks are now says
// nothing of it, nor does their number: values may be moved in and out, and of dropped columns they are left out.
Moved find_moved(Relation toast, int cost_delay_ms) {
	const Oid oid = table_of_toast(toast);
	if (!OidIsValid(oid)) {
		return {.pages = 0, .obstacle = "it belongs to no table"};
	}
	if (!ConditionalLockRelationOid(oid, AccessShareLock)) {
		return {.pages = 0, .obstacle = "another session has locked its table"};
	}
	const Relation table = try_relation_open(oid, NoLock);
	if (table == nullptr || table->rd_rel->reltoastrelid != RelationGetRelid(toast)) {
		return {.pages = 0, .obstacle = "its table was rewritten meanwhile"};
	}
	const double pages = scan_heap(table, cost_delay_ms).moved;
	relation_close(table, AccessShareLock);
	return {.pages = pages, .obstacle = nullptr};
}

Measurement measure_exactly(Relation relation, const Effort &effort) {
	const HeapTotals totals = pg::call([&] { return scan_heap(relation, effort.cost_delay_ms); });
	Measurement measurement;
	measurement.method = Method::Exact;
	measurement.bytes = static_cast<std::int64_t>(totals.blocks) * BLCKSZ;
	measurement.pages_read = totals.pages_read;
	measurement.account = totals.account;
	measurement.truncatable = pg::call([&] { return truncatable_bytes(relation, totals.blocks, totals.with_rows); });
	if (relation->rd_rel->relkind != RELKIND_TOASTVALUE) {
		measurement.rewritten = exact(totals.packed);
		add_caveats(totals.filled > 0, measurement);
		return measurement;
	}
	const Moved moved = pg::call([&] { return find_moved(relation, effort.cost_delay_ms); });
	if (moved.obstacle == nullptr) {
		measurement.rewritten = exact(moved.pages);
	} else {
		measurement.withheld = moved.obstacle;
	}
	return measurement;
}

} // namespace

Measurement measure_heap(Relation relation, Relation /*heap*/, Method method, const Effort &effort) {
	switch (method) {
	case Method::Statistics:
		return measure_heap_by_statistics(relation);
	case Method::Sample:
		if (auto sampled = sample_heap(relation, effort)) {
			return *std::move(sampled);
		}
		break; // a sample would be most of it
	case Method::Exact:
		break;
	}
	return measure_exactly(relation, effort);
}

} // namespace warden::bloat
