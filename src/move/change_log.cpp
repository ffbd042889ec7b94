// change_log.cpp - The table of places: appended to without an index, taken by a scan that deletes what it takes.
#include "move/change_log.hpp"

#include "move/job_table.hpp"

#include "pg/scoped.hpp"

#include <algorithm>
#include <array>

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "executor/tuptable.h"
}

namespace warden::move {

using namespace pg;

namespace {

enum Column : AttrNumber { SourceNumber = 1, Before, After };
constexpr int columns = After;

constexpr std::size_t rows_at_once = 1000;
constexpr std::size_t few = std::size_t{1} << 20;

// By source, block and offset.
std::uint64_t order_of(const Change &change) {
	return static_cast<std::uint64_t>(static_cast<std::uint16_t>(change.source)) << 48U |
	       static_cast<std::uint64_t>(ItemPointerGetBlockNumberNoCheck(&change.tid)) << 16U |
	       ItemPointerGetOffsetNumberNoCheck(&change.tid);
}

// The row that was there first is what a copy may be of.  Its place is used again only when everybody sees that it is
// gone: by a transaction that is younger than the one that has ended it.
TransactionId older_of(TransactionId one, TransactionId other) {
	if (!TransactionIdIsValid(one) || !TransactionIdIsValid(other)) {
		return TransactionIdIsValid(one) ? one : other;
	}
	return TransactionIdPrecedes(other, one) ? other : one;
}

void make_distinct(std::vector<Change> &changes) {
	std::ranges::sort(changes, {}, order_of);
	auto last = changes.begin();
	for (auto change = last; change != changes.end(); ++change) {
		if (change == last) {
			continue;
		}
		if (order_of(*change) == order_of(*last)) {
			last->ended_by = older_of(last->ended_by, change->ended_by);
			last->has_begun = last->has_begun || change->has_begun;
		} else {
			*++last = *change;
		}
	}
	changes.erase(last == changes.end() ? last : last + 1, changes.end());
}

// What one call to the server has brought.
struct Taken {
	std::array<Change, 2 * rows_at_once> changes;
	std::size_t count;
	std::size_t rows;
	bool has_ended; ///< to ask a scan that has ended for more would begin it anew
};

// Server code.
void take(TableScanDesc scan, TupleTableSlot *row, std::size_t limit, Taken &taken) {
	taken.count = 0;
	for (taken.rows = 0; taken.rows < Min(limit, rows_at_once); ++taken.rows) {
		if (!table_scan_getnextslot(scan, ForwardScanDirection, row)) {
			taken.has_ended = true;
			return;
		}
		slot_getallattrs(row);
		// Who has logged it has done it; frozen if nobody needs to know.
		const TransactionId by = HeapTupleHeaderGetXmin(ExecFetchSlotHeapTuple(row, false, nullptr)->t_data);
		for (const Column column : {Before, After}) {
			if (!row->tts_isnull[column - 1]) {
				taken.changes[taken.count++] = {
					DatumGetInt16(row->tts_values[SourceNumber - 1]),
					*reinterpret_cast<ItemPointer>(DatumGetPointer(row->tts_values[column - 1])),
					column == Before ? by : InvalidTransactionId, column == After};
			}
		}
		simple_heap_delete(scan->rs_rd, &row->tts_tid);
	}
	CHECK_FOR_INTERRUPTS();
}

// A scan of the log, from its begin.
class LogScan : Scoped {
public:
	LogScan(Relation log, Snapshot snapshot)
		: scan_(call([&] { return table_beginscan_strat(log, snapshot, 0, nullptr, true, false); })),
		  row_(call([&] { return table_slot_create(log, nullptr); })) {}
	~LogScan() {
		release([this] {
			ExecDropSingleTupleTableSlot(row_);
			table_endscan(scan_);
		});
	}
	TableScanDesc get() const { return scan_; }
	TupleTableSlot *row() const { return row_; }

private:
	const TableScanDesc scan_;
	TupleTableSlot *const row_;
};

} // namespace

Oid create_log(std::int64_t job) {
	return create_job_table(format("partition_move_log_%lld", static_cast<long long>(job)),
	                        "(source smallint NOT NULL, before tid, after tid)");
}

bool is_log(Relation relation) {
	const TupleDesc row = RelationGetDescr(relation);
	return relation->rd_rel->relkind == RELKIND_RELATION && row->natts == columns &&
	       TupleDescAttr(row, SourceNumber - 1)->atttypid == INT2OID &&
	       TupleDescAttr(row, Before - 1)->atttypid == TIDOID && TupleDescAttr(row, After - 1)->atttypid == TIDOID;
}

void append_change(Relation log, std::int16_t source, const ItemPointerData *before, const ItemPointerData *after) {
	Datum values[] = {Int16GetDatum(source), PointerGetDatum(before), PointerGetDatum(after)};
	bool nulls[] = {false, before == nullptr, after == nullptr};
	const HeapTuple tuple = heap_form_tuple(RelationGetDescr(log), values, nulls);
	heap_insert(log, tuple, GetCurrentCommandId(true), HEAP_INSERT_NO_LOGICAL, nullptr);
	heap_freetuple(tuple);
}

Changes take_changes(Oid log, Snapshot snapshot, std::size_t limit) {
	const ScratchMemory memory;
	const OpenRelation relation(log, RowExclusiveLock);
	const LogScan scan(relation.get(), snapshot);
	Changes changes{.places = {}, .is_all = false};
	std::vector<Change> &places = changes.places;
	// A row that changes often is there often: memory is for places, not for changes.
	std::size_t enough = few;
	Taken taken = {};
	while (limit > 0 && !taken.has_ended) {
		call(take, scan.get(), scan.row(), limit, taken);
		limit -= taken.rows;
		places.insert(places.end(), taken.changes.begin(), taken.changes.begin() + taken.count);
		if (places.size() > enough) {
			make_distinct(places);
			enough = std::max(few, 2 * places.size());
		}
	}
	make_distinct(places);
	changes.is_all = taken.has_ended;
	return changes;
}

std::int64_t count_changes(Oid log, std::int64_t limit) {
	const ScratchMemory memory;
	const SnapshotScope snapshot(GetLatestSnapshot);
	const OpenRelation relation(log, AccessShareLock);
	const LogScan scan(relation.get(), call(GetActiveSnapshot));
	return call([&] {
		std::int64_t count = 0;
		while (count < limit && table_scan_getnextslot(scan.get(), ForwardScanDirection, scan.row())) {
			++count;
		}
		return count;
	});
}

} // namespace warden::move
