// heap_measure.cpp - A heap by each of the three methods, of which the exact one is here.
#include "bloat/heap_notes.hpp"
#include "bloat/heap_sample.hpp"
#include "bloat/heap_scan.hpp"
#include "bloat/statistics_basis.hpp"
#include "bloat/subject.hpp"

#include <algorithm>
#include <cmath>

extern "C" {
#include "storage/bufmgr.h"
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
	const TableOfToast of = open_table_of_toast(toast);
	if (of.table == nullptr) {
		return {.pages = 0, .obstacle = of.obstacle};
	}
	moved.pages = scan_heap(of.table, cost_delay_ms).moved;
	relation_close(of.table, AccessShareLock);
	return moved;
}

// Versions of a row that are kept together are written together, wherever they are now: their values come in another
// order, and leave more or less empty at the ends of pages.
Prediction doubt_order(Prediction rewritten) {
	constexpr double ends = 0.02;
	const auto doubt =
		static_cast<std::int64_t>(std::ceil(ends * static_cast<double>(rewritten.bytes) / BLCKSZ)) * BLCKSZ;
	return {.bytes = rewritten.bytes,
	        .low = rewritten.bytes - std::min(doubt, rewritten.bytes),
	        .high = rewritten.bytes + doubt};
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
	if (moved.obstacle != nullptr) {
		measurement.withheld = moved.obstacle;
	} else if (totals.account.blocked == 0) {
		measurement.rewritten = exact(moved.pages);
	} else {
		measurement.rewritten = doubt_order(exact(moved.pages));
		measurement.caveats.emplace_back(
			"the values of rows that are dead but may still be seen are written in an order that is not known");
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
