// dating.cpp - Headers of rows, changed in place, with a generic record in the log of the server.
#include "move/dating.hpp"

#include <algorithm>
#include <tuple>

extern "C" {
#include "access/generic_xlog.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "storage/bufmgr.h"
}

namespace warden::move {

namespace {

// Server code.  What nobody's snapshot is older than need not have an id that the table's age does not allow for:
// VACUUM has never moved that beyond what some snapshot may still ask for.
void set_began(HeapTupleHeader row, TransactionId began, TransactionId frozen_before) {
	const bool is_frozen = !TransactionIdIsNormal(began) || TransactionIdPrecedes(began, frozen_before);
	row->t_infomask &= static_cast<std::uint16_t>(~HEAP_XMIN_FROZEN);
	HeapTupleHeaderSetXmin(row, began);
	row->t_infomask |= is_frozen ? HEAP_XMIN_FROZEN : HEAP_XMIN_COMMITTED;
}

// Server code.  One that nobody sees any more is dead, however old the id is, as it is known to have committed.
void set_ended(HeapTupleHeader row, TransactionId ended) {
	HeapTupleHeaderSetXmax(row, ended);
	row->t_infomask |= HEAP_XMAX_COMMITTED;
}

// Server code.  False if there is nothing to do: VACUUM has been there, as everybody sees what the replay has done.
bool date_row(Page page, const Dated &copy, TransactionId written_by, TransactionId frozen_before) {
	const OffsetNumber offset = ItemPointerGetOffsetNumber(&copy.place);
	if (offset > PageGetMaxOffsetNumber(page) || !ItemIdIsNormal(PageGetItemId(page, offset))) {
		return false;
	}
	auto *const row = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, PageGetItemId(page, offset)));
	const bool begins = TransactionIdIsValid(copy.life.began) && !HeapTupleHeaderXminFrozen(row) &&
	                    HeapTupleHeaderGetRawXmin(row) == written_by;
	const bool ends = TransactionIdIsValid(copy.life.ended) &&
	                  (row->t_infomask & (HEAP_XMAX_INVALID | HEAP_XMAX_IS_MULTI)) == 0 &&
	                  HeapTupleHeaderGetRawXmax(row) == written_by;
	if (begins || ends) {
		HeapTupleHeaderSetCmin(row, FirstCommandId);
	}
	if (begins) {
		set_began(row, copy.life.began, frozen_before);
	}
	if (ends) {
		set_ended(row, copy.life.ended);
	}
	return begins || ends;
}

BlockNumber block_of(const Dated &copy) {
	return ItemPointerGetBlockNumber(&copy.place);
}

} // namespace

void sort(Dating &dating) {
	std::ranges::sort(dating.copies, {}, [](const Dated &copy) { return std::tuple(copy.side, block_of(copy)); });
}

void date_copies(Oid relation, TransactionId written_by, const Dated *copies, std::size_t count) {
	const Relation table = table_open(relation, NoLock);
	const BlockNumber blocks = RelationGetNumberOfBlocks(table);
	const TransactionId frozen_before = table->rd_rel->relfrozenxid;
	for (std::size_t i = 0; i < count;) {
		const BlockNumber block = block_of(copies[i]);
		if (block >= blocks) {
			break; // VACUUM has cut off the end
		}
		const Buffer buffer = ReadBuffer(table, block);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		GenericXLogState *const state = GenericXLogStart(table);
		const Page page = GenericXLogRegisterBuffer(state, buffer, 0);
		bool is_changed = false;
		for (; i < count && block_of(copies[i]) == block; ++i) {
			is_changed = date_row(page, copies[i], written_by, frozen_before) || is_changed;
		}
		if (is_changed) {
			GenericXLogFinish(state);
		} else {
			GenericXLogAbort(state);
		}
		UnlockReleaseBuffer(buffer);
	}
	table_close(table, NoLock);
}

} // namespace warden::move
