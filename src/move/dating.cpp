// dating.cpp - Headers of rows, changed in place, with a generic record in the log of the server.
#include "move/dating.hpp"

#include "pg/call.hpp"
#include "pg/commit_action.hpp"

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

BlockNumber block_of(const Dated &copy) {
	return ItemPointerGetBlockNumber(&copy.place);
}

// Server code.  What nobody's snapshot is older than need not have an id that the table's age does not allow for:
// VACUUM has never moved that beyond what some snapshot may still ask for.
void set_began(HeapTupleHeader row, TransactionId began, TransactionId frozen_before) {
	const bool is_frozen = !TransactionIdIsNormal(began) || TransactionIdPrecedes(began, frozen_before);
	row->t_infomask &= static_cast<std::uint16_t>(~HEAP_XMIN_FROZEN);
	HeapTupleHeaderSetXmin(row, began);
	row->t_infomask |= is_frozen ? HEAP_XMIN_FROZEN : HEAP_XMIN_COMMITTED;
}

// Server code.  The same: it is known to have committed.  What nobody can see any more is a row that never was: there
// is no id that ended rows before all others, as VACUUM compares what is not normal with what is in two ways.
void set_ended(HeapTupleHeader row, TransactionId ended, TransactionId frozen_before) {
	if (TransactionIdPrecedes(ended, frozen_before)) {
		row->t_infomask &= static_cast<std::uint16_t>(~HEAP_XMIN_FROZEN);
		row->t_infomask |= HEAP_XMIN_INVALID;
		HeapTupleHeaderSetXmin(row, frozen_before);
		return;
	}
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
		set_ended(row, copy.life.ended, frozen_before);
	}
	return begins || ends;
}

// What is to be dated in one relation.
struct Part {
	Relation table;
	const Dated *copies;
	std::size_t count;
};

// What a commit has to date.
struct Parts {
	Part *parts;
	std::size_t count;
	TransactionId written_by;
};

// Server code.  With the table open.
void date(Relation table, TransactionId written_by, const Dated *copies, std::size_t count) {
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
}

// Server code, at the commit.
void date_parts(void *argument) {
	const auto &parts = *static_cast<const Parts *>(argument);
	for (std::size_t i = 0; i < parts.count; ++i) {
		const Part &part = parts.parts[i];
		date(part.table, parts.written_by, part.copies, part.count);
		table_close(part.table, NoLock);
	}
}

} // namespace

void sort(Dating &dating) {
	std::ranges::sort(dating.copies, {}, [](const Dated &copy) { return std::tuple(copy.side, block_of(copy)); });
}

void date_copies(Oid relation, TransactionId written_by, const Dated *copies, std::size_t count) {
	const Relation table = table_open(relation, NoLock);
	date(table, written_by, copies, count);
	table_close(table, NoLock);
}

void for_each_side(const Dating &dating,
                   const std::function<void(std::int16_t side, const Dated *copies, std::size_t count)> &body) {
	for (auto at = dating.copies.begin(); at != dating.copies.end();) {
		const std::int16_t number = at->side;
		const auto end = std::find_if(at, dating.copies.end(), [&](const Dated &copy) { return copy.side != number; });
		body(number, &*at, static_cast<std::size_t>(end - at));
		at = end;
	}
}

void commit_dated(const Dating &dating, const std::function<Oid(std::int16_t side)> &relation_of) {
	std::vector<Part> parts;
	for_each_side(dating, [&](std::int16_t side, const Dated *copies, std::size_t count) {
		const Oid relation = relation_of(side);
		parts.push_back({.table = pg::call(table_open, relation, NoLock), .copies = copies, .count = count});
	});
	Parts all = {.parts = parts.data(), .count = parts.size(), .written_by = dating.written_by};
	pg::call(pg::commit_and, date_parts, &all);
}

} // namespace warden::move
