#include "bloat/heap_scan.hpp"

#include "bloat/heap_order.hpp"
#include "bloat/page_reader.hpp"

#include <cmath>

extern "C" {
#include "access/parallel.h"
#include "optimizer/cost.h"
#include "optimizer/paths.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/shm_toc.h"

PGDLLEXPORT void bloat_scan_heap(dsm_segment *segment, shm_toc *contents);
}

namespace warden::bloat {

namespace {

// A process reads so many pages in one go, and packs them by themselves.  The fewer parts, the less is lost at their
// ends; the more, the sooner all are done at the same time.
constexpr BlockNumber part_pages = 1024;

// For less than so many times what the server thinks worth a worker in a query, it is not worth its start: a page is
// looked at in a microsecond.
constexpr BlockNumber reluctance = 16;

constexpr uint64 key_of_scan = 1;

constexpr int most_workers = 32;

/// What the processes share, in dynamic shared memory.
struct SharedScan {
	Oid relation;
	TransactionId horizon;               ///< the leader's, for all
	BlockNumber blocks;                  ///< of the file, when the leader looked
	pg_atomic_uint64 next;               ///< the first page that nobody has taken yet
	HeapTotals totals[most_workers + 1]; ///< of each worker by his number, and the leader's
};

struct Scan {
	PageReader reader;
	HeapExaminer examiner;
	HeapTotals totals;
};

Scan begin_scan(Relation relation, TransactionId horizon, int cost_delay_ms) {
	return {
		.reader = begin_reading(relation, cost_delay_ms), .examiner = begin_examining(relation, horizon), .totals = {}};
}

HeapPacking packing_of(const Scan &scan) {
	return HeapPacking(RelationGetFillFactor(scan.reader.relation, HEAP_DEFAULT_FILLFACTOR));
}

// Always full; its fill factor cannot be set.
HeapPacking packing_of_toast() {
	return HeapPacking(HEAP_DEFAULT_FILLFACTOR);
}

void finish(Scan &scan) {
	scan.totals.pages_read = scan.reader.pages_read;
	scan.totals.filled = scan.examiner.reform.filled;
	end_reading(scan.reader);
}

void scan_pages(Scan &scan, BlockNumber from, BlockNumber until, HeapPacking &packing) {
	HeapPage found;
	HeapOrder order = begin_order(scan.examiner.fates.horizon(), packing);
	for (BlockNumber block = from; block < until; ++block) {
		const Page page = read_next_heads(scan.reader, block);
		examine_heads(scan.examiner, page, bodies_of(scan.reader), block, found);
		add_in_order(order, page, block, found);
		scan.totals.account += found.account;
		if (found.kept > 0) {
			scan.totals.with_rows = block + 1;
		}
	}
	finish_order(order);
}

HeapTotals scan_alone(Relation relation, int cost_delay_ms) {
	Scan scan = begin_scan(relation, horizon_of(relation), cost_delay_ms);
	HeapPacking packing = packing_of(scan);
	HeapPacking moved = packing_of_toast();
	scan.examiner.reform.moved = &moved;
	scan_pages(scan, 0, scan.reader.blocks, packing);
	finish(scan);
	scan.totals.blocks = scan.reader.blocks;
	scan.totals.packed = static_cast<double>(packing.pages());
	scan.totals.moved = static_cast<double>(moved.pages());
	return scan.totals;
}

/// One process's share.
HeapTotals scan_parts(Relation relation, SharedScan &shared) {
	Scan scan = begin_scan(relation, shared.horizon, 0);
	for (;;) {
		const uint64 from = pg_atomic_fetch_add_u64(&shared.next, part_pages);
		if (from >= shared.blocks) {
			break;
		}
		HeapPacking packing = packing_of(scan);
		HeapPacking moved = packing_of_toast();
		scan.examiner.reform.moved = &moved;
		const uint64 until = Min(from + part_pages, static_cast<uint64>(shared.blocks));
		scan_pages(scan, static_cast<BlockNumber>(from), static_cast<BlockNumber>(until), packing);
		scan.totals.packed += packing.pages_filled();
		scan.totals.moved += moved.pages_filled();
	}
	finish(scan);
	return scan.totals;
}

double whole_pages(double pages) {
	constexpr double lost_by_adding = 1e-6;
	return ceil(pages - lost_by_adding);
}

HeapTotals sum_of(const SharedScan &shared) {
	HeapTotals sum{};
	for (const HeapTotals &totals : shared.totals) {
		sum.account += totals.account;
		sum.pages_read += totals.pages_read;
		sum.filled += totals.filled;
		sum.with_rows = Max(sum.with_rows, totals.with_rows);
		sum.packed += totals.packed;
		sum.moved += totals.moved;
	}
	sum.blocks = shared.blocks;
	sum.packed = whole_pages(sum.packed);
	sum.moved = whole_pages(sum.moved);
	return sum;
}

/// 0: the caller reads alone.
int workers_for(Relation relation, BlockNumber blocks, int cost_delay_ms) {
	if (cost_delay_ms > 0 || RelationUsesLocalBuffers(relation) || IsInParallelMode() || IsParallelWorker()) {
		return 0;
	}
	const BlockNumber share = Max(static_cast<BlockNumber>(min_parallel_table_scan_size) * reluctance, part_pages);
	const auto processes = static_cast<int>(Min(blocks / share, static_cast<BlockNumber>(most_workers)));
	const int wished = RelationGetParallelWorkers(relation, -1); // by the table's parallel_workers
	const int most = wished < 0 ? max_parallel_workers_per_gather : Min(wished, max_parallel_workers_per_gather);
	return Min(processes - 1, most);
}

HeapTotals scan_together(Relation relation, BlockNumber blocks, int workers) {
	EnterParallelMode();
	ParallelContext *const context = CreateParallelContext("pg_warden", "bloat_scan_heap", workers);
	shm_toc_estimate_chunk(&context->estimator, sizeof(SharedScan));
	shm_toc_estimate_keys(&context->estimator, 1);
	InitializeParallelDSM(context);
	auto *const shared = static_cast<SharedScan *>(shm_toc_allocate(context->toc, sizeof(SharedScan)));
	shared->relation = RelationGetRelid(relation);
	shared->horizon = horizon_of(relation);
	shared->blocks = blocks;
	pg_atomic_init_u64(&shared->next, 0);
	for (HeapTotals &totals : shared->totals) {
		totals = {};
	}
	shm_toc_insert(context->toc, key_of_scan, shared);
	LaunchParallelWorkers(context);
	// Where no worker was to be had, the leader does it all.
	shared->totals[most_workers] = scan_parts(relation, *shared);
	WaitForParallelWorkersToFinish(context);
	const HeapTotals sum = sum_of(*shared);
	DestroyParallelContext(context);
	ExitParallelMode();
	return sum;
}

} // namespace

HeapTotals scan_heap(Relation relation, int cost_delay_ms) {
	const BlockNumber blocks = RelationGetNumberOfBlocks(relation);
	const int workers = workers_for(relation, blocks, cost_delay_ms);
	return workers > 0 ? scan_together(relation, blocks, workers) : scan_alone(relation, cost_delay_ms);
}

} // namespace warden::bloat

/// A worker that helps with a scan.
void bloat_scan_heap(dsm_segment * /*segment*/, shm_toc *contents) {
	using namespace warden::bloat;
	auto *const shared = static_cast<SharedScan *>(shm_toc_lookup(contents, key_of_scan, false));
	const Relation relation = relation_open(shared->relation, AccessShareLock);
	shared->totals[ParallelWorkerNumber] = scan_parts(relation, *shared);
	relation_close(relation, AccessShareLock);
}
