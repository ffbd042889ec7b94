// heap_measure.cpp - A heap by each of the three methods, of which the exact one is here.
#include "bloat/heap_notes.hpp"
#include "bloat/heap_scan.hpp"
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

/// What the scan of a table has said of its TOAST table, whose turn is next: the table need not be read twice.  It is
/// good for one use, by the same statement.
struct Forecast {
	Oid toast;
	TimestampTz statement;
	CommandId command;
	double pages;
};

constinit Forecast last_forecast{};

// Server code.
void remember(Oid toast, double pages) {
	last_forecast = {.toast = toast,
	                 .statement = GetCurrentStatementStartTimestamp(),
	                 .command = GetCurrentCommandId(false),
	                 .pages = pages};
}

// Server code.
bool recall(Oid toast, Moved &moved) {
	const bool is_good = last_forecast.toast == toast &&
	                     last_forecast.statement == GetCurrentStatementStartTimestamp() &&
	                     last_forecast.command == GetCurrentCommandId(false);
	moved = {.pages = last_forecast.pages, .obstacle = nullptr};
	last_forecast.toast = InvalidOid;
	return is_good;
}

// Server code.  The rewrite of a table writes its TOAST table from its rows, in their order.  Where chunks are now says
// nothing of it, nor does their number: values may be moved in and out, and of dropped columns they are left out.
Moved find_moved(Relation toast, int cost_delay_ms) {
	Moved moved{};
	if (recall(RelationGetRelid(toast), moved)) {
		return moved;
	}
	const Oid oid = table_of_toast(toast);
	if (!OidIsValid(oid)) {
		return {.pages = 0, .obstacle = "it belongs to no table"};
	}
	if (!ConditionalLockRelationOid(oid, AccessShareLock)) {
		return {.pages = 0, .obstacle = "another session has locked its table"};
	}
	const Relation table = try_relation_open(oid, NoLock);
	if (table == nullptr) {
		UnlockRelationOid(oid, AccessShareLock);
		return {.pages = 0, .obstacle = "its table was dropped meanwhile"};
	}
	if (table->rd_rel->reltoastrelid != RelationGetRelid(toast)) {
		relation_close(table, AccessShareLock);
		return {.pages = 0, .obstacle = "its table was rewritten meanwhile"};
	}
	moved.pages = scan_heap(table, cost_delay_ms).moved;
	relation_close(table, AccessShareLock);
	return moved;
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
		pg::call([&] { remember(relation->rd_rel->reltoastrelid, totals.moved); });
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

Measurement withhold(Relation relation, Method method) {
	Measurement measurement;
	measurement.method = method;
	measurement.bytes =
		static_cast<std::int64_t>(pg::call([&] { return RelationGetNumberOfBlocks(relation); })) * BLCKSZ;
	measurement.withheld = "not built yet";
	return measurement;
}

} // namespace

Measurement measure_heap(Relation relation, Relation /*heap*/, Method method, const Effort &effort) {
	switch (method) {
	case Method::Exact:
		return measure_exactly(relation, effort);
	case Method::Sample:
	case Method::Statistics:
		break;
	}
	return withhold(relation, method);
}

} // namespace warden::bloat
