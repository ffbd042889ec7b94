#include "audit/log_writer.hpp"

#include "audit/event_order.hpp"
#include "audit/incarnation.hpp"
#include "audit/log_tuple.hpp"
#include "audit/session_rows.hpp"

#include "pg/index_insertion.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/toast_compression.h"
#include "access/toast_internals.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
}

namespace warden::audit {

namespace {

// All of this is server code.

// From so many bytes on, compressing a value costs less than writing what that saves.  The server itself does it for
// rows of more than 2 kB only.
constexpr std::size_t worth_compressing = 512;

/// Where rows of a moment go, and for which other moments that holds: of a default partition, the gap between others.
struct Target {
	Oid partition;
	bool is_default;
	TimestampTz lower;
	TimestampTz upper;

	bool operator==(const Target &) const = default;
};

/// The partition that this session writes to, of a part of the log.
struct Leaf {
	Oid log; ///< 0 if this one is free
	Target target;
	bool is_stale;
	bool is_plain;   ///< the index by key is its only one
	bool is_checked; ///< maintenance keeps rows of some moments out of it
	Oid key_index;
	IndexInfo *key_index_info;
	MemoryContext memory;
	FullTransactionId locked_by; ///< the partition and its index, in:
	SubTransactionId locked_in;
};
constinit Leaf leaves[4]{}; // classes are few
constinit unsigned next_leaf = 0;

void mark_stale(Datum /*unused*/, Oid table) {
	for (Leaf &leaf : leaves) {
		leaf.is_stale = leaf.is_stale || !OidIsValid(table) || table == leaf.target.partition;
	}
}

struct Bound {
	bool exists;
	bool is_default;
	TimestampTz lower;
	TimestampTz upper;
};

TimestampTz moment_of(const List *datums) {
	const auto *const datum = linitial_node(PartitionRangeDatum, datums);
	switch (datum->kind) {
	case PARTITION_RANGE_DATUM_MINVALUE:
		return DT_NOBEGIN;
	case PARTITION_RANGE_DATUM_MAXVALUE:
		return DT_NOEND;
	default:
		return DatumGetTimestampTz(castNode(Const, datum->value)->constvalue);
	}
}

// From the catalogue, as it is now.
Bound bound_of(Oid partition) {
	Bound bound{};
	const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(partition));
	if (!HeapTupleIsValid(tuple)) {
		return bound;
	}
	bool is_null = false;
	const Datum node = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relpartbound, &is_null);
	if (!is_null) {
		const auto *const spec = castNode(PartitionBoundSpec, stringToNode(TextDatumGetCString(node)));
		bound.exists = true;
		bound.is_default = spec->is_default;
		if (!spec->is_default) {
			bound.lower = moment_of(spec->lowerdatums);
			bound.upper = moment_of(spec->upperdatums);
		}
	}
	ReleaseSysCache(tuple);
	return bound;
}

// Not locked: neither the log, for which others may queue, nor the partition.
Target find_target(Oid log, TimestampTz moment) {
	Target gap{InvalidOid, true, DT_NOBEGIN, DT_NOEND};
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(log))) {
		return gap;
	}
	ListCell *cell = nullptr;
	foreach (cell, find_inheritance_children(log, NoLock)) {
		const Bound bound = bound_of(lfirst_oid(cell));
		if (!bound.exists) {
			continue;
		}
		if (bound.is_default) {
			gap.partition = lfirst_oid(cell);
		} else if (bound.upper <= moment) {
			gap.lower = Max(gap.lower, bound.upper);
		} else if (bound.lower > moment) {
			gap.upper = Min(gap.upper, bound.lower);
		} else {
			return {lfirst_oid(cell), false, bound.lower, bound.upper};
		}
	}
	return gap;
}

bool is_key_index(Relation index) {
	char *const text = pg_get_indexdef_string(RelationGetRelid(index));
	// Without the quotes that quote_all_identifiers puts there: no name in it needs any.
	const std::string_view definition(text, std::remove(text, text + std::strlen(text), '"'));
	return definition.ends_with(key_index) && !index->rd_index->indisunique && index->rd_index->indisready;
}

// What indexes it has.  If that fails, they are not taken for known.
void learn_indexes(Leaf &leaf, Relation partition) {
	List *const indexes = RelationGetIndexList(partition);
	leaf.key_index = InvalidOid;
	leaf.is_plain = indexes == NIL;
	if (list_length(indexes) != 1) {
		return;
	}
	const Relation index = index_open(linitial_oid(indexes), RowExclusiveLock);
	if (is_key_index(index)) {
		const MemoryContext previous = MemoryContextSwitchTo(leaf.memory);
		leaf.key_index_info = BuildIndexInfo(index);
		MemoryContextSwitchTo(previous);
		leaf.key_index = RelationGetRelid(index);
		leaf.is_plain = true;
	}
	index_close(index, NoLock);
}

void learn(Leaf &leaf, const Target &target) {
	if (leaf.memory == nullptr) {
		leaf.memory = AllocSetContextCreate(TopMemoryContext, "pg_warden audit log", ALLOCSET_SMALL_SIZES);
	}
	MemoryContextReset(leaf.memory);
	leaf.target = target;
	leaf.locked_in = InvalidSubTransactionId;
	// Before it is looked at, so that what changes meanwhile is noticed.
	leaf.is_stale = false;
	const Relation table = table_open(target.partition, NoLock);
	const TupleConstr *const constraints = RelationGetDescr(table)->constr;
	leaf.is_checked = target.is_default && constraints != nullptr && constraints->num_check > 0;
	learn_indexes(leaf, table);
	table_close(table, NoLock);
}

// The partition for a moment, locked and with its indexes known.
void choose_partition(Leaf &leaf, TimestampTz moment) {
	for (;;) {
		CHECK_FOR_INTERRUPTS();
		const Target target = find_target(leaf.log, moment);
		if (!OidIsValid(target.partition)) {
			ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			        errmsg("a part of the audit log, or its default partition, is missing"),
			        errhint("Use warden.audit_enable() again: the tables are in warden.audit_tables."));
		}
		LockRelationOid(target.partition, RowExclusiveLock);
		// It may have gone, or got another sibling, before it was locked.
		if (find_target(leaf.log, moment) == target) {
			learn(leaf, target);
			if (!leaf.is_stale) {
				return;
			}
		}
		UnlockRelationOid(target.partition, RowExclusiveLock);
	}
}

// What a subtransaction has locked is locked as long as it is the current one.
bool is_locked(const Leaf &leaf) {
	return leaf.locked_in == GetCurrentSubTransactionId() &&
	       FullTransactionIdEquals(leaf.locked_by, GetTopFullTransactionId());
}

void note_locks(Leaf &leaf) {
	leaf.locked_by = GetTopFullTransactionId();
	leaf.locked_in = GetCurrentSubTransactionId();
}

// Up to when a session that an event of a moment names may be named by others: who deletes old sessions counts on it.
TimestampTz end_of_session(const Target &target, TimestampTz moment) {
	return target.is_default ? Min(target.upper, end_of_day(moment)) : target.upper;
}

// The same, if it is still that of the event before.
bool is_same_partition(const Leaf &leaf, TimestampTz moment) {
	const auto serves = [&] { return !leaf.is_stale && leaf.target.lower <= moment && moment < leaf.target.upper; };
	if (!OidIsValid(leaf.target.partition) || !serves()) {
		return false;
	}
	if (is_locked(leaf)) {
		return true;
	}
	LockRelationOid(leaf.target.partition, RowExclusiveLock);
	if (!serves()) {
		UnlockRelationOid(leaf.target.partition, RowExclusiveLock);
		return false;
	}
	return true;
}

// Whether the CHECKs of a partition let in a row of a moment.
bool lets_in(Oid partition, TimestampTz moment) {
	const Relation table = table_open(partition, NoLock);
	const TupleConstr *const constraints = RelationGetDescr(table)->constr;
	EState *const state = CreateExecutorState();
	TupleTableSlot *const row = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsVirtual);
	ExecStoreAllNullTuple(row);
	row->tts_values[at_column - 1] = TimestampTzGetDatum(moment);
	row->tts_isnull[at_column - 1] = false;
	ExprContext *const context = GetPerTupleExprContext(state);
	context->ecxt_scantuple = row;
	bool is_let_in = true;
	for (int i = 0; i < constraints->num_check && is_let_in; ++i) {
		auto *const check = static_cast<Expr *>(stringToNode(constraints->check[i].ccbin));
		is_let_in = ExecCheck(ExecPrepareExpr(check, state), context);
	}
	ExecDropSingleTupleTableSlot(row);
	FreeExecutorState(state);
	table_close(table, NoLock);
	return is_let_in;
}

// Chooses the partition for an event of now, and returns the moment that the event is to have.
//
// While maintenance makes partitions beside a default one that is large, a CHECK keeps their rows out of that one, so
// that ATTACH need not read it.  It is for moments of the future, which may come before the partitions do.  A row that
// got in nevertheless would be where no query looks for it; so it is of a moment before, which is milliseconds off if
// maintenance is late by milliseconds.  The order of events is that of their numbers.
TimestampTz settle(Leaf &leaf, TimestampTz now) {
	constexpr std::int64_t most = USECS_PER_DAY * 1024;
	for (std::int64_t before = 0; before < most; before = before == 0 ? 1 : before * 2) {
		const TimestampTz moment = now - before;
		if (!is_same_partition(leaf, moment)) {
			choose_partition(leaf, moment);
		}
		if (!leaf.is_checked || lets_in(leaf.target.partition, moment)) {
			return moment;
		}
	}
	return now; // not a CHECK of ours
}

Leaf &leaf_of(Oid log) {
	static bool is_registered = false;
	if (!is_registered) {
		CacheRegisterRelcacheCallback(mark_stale, 0);
		is_registered = true;
	}
	for (Leaf &leaf : leaves) {
		if (leaf.log == log) {
			return leaf;
		}
	}
	Leaf &leaf = leaves[next_leaf++ % lengthof(leaves)];
	const MemoryContext memory = leaf.memory;
	leaf = Leaf{};
	leaf.log = log;
	leaf.memory = memory;
	return leaf;
}

// As key_index has it.
std::int64_t place_of(std::int32_t relation, std::int64_t key_number) {
	return static_cast<std::int64_t>(static_cast<std::uint64_t>(std::int64_t{relation}) << 40U) ^ key_number;
}

void insert_into_key_index(Leaf &leaf, Relation table, HeapTuple tuple, const Event &event) {
	if (!OidIsValid(leaf.key_index) || !event.has_key) {
		return; // the index is of rows with a key
	}
	Datum keys[] = {Int64GetDatum(place_of(event.relation, event.key_number))};
	bool are_null[] = {false};
	const Relation index = index_open(leaf.key_index, is_locked(leaf) ? NoLock : RowExclusiveLock);
	note_locks(leaf);
	index_insert(index, keys, are_null, &tuple->t_self, table, UNIQUE_CHECK_NO, false, leaf.key_index_info);
	index_close(index, NoLock);
}

// Into whatever indexes there are.
void insert_into_indexes(Relation table, HeapTuple tuple) {
	EState *const state = CreateExecutorState();
	auto *const target = makeNode(ResultRelInfo);
	InitResultRelInfo(target, table, 1, nullptr, 0);
	ExecOpenIndices(target, false);
	TupleTableSlot *const slot = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);
	ExecStoreHeapTuple(tuple, slot, false);
	slot->tts_tableOid = RelationGetRelid(table);
	slot->tts_tid = tuple->t_self;
	pg::insert_index_tuples(target, slot, state);
	ExecCloseIndices(target);
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(state);
}

// What is long, where it is declared that it is done by the fast method.
const struct varlena *compressed(TupleDesc row, int column, const Jsonb *image) {
	const auto *const plain = reinterpret_cast<const struct varlena *>(image);
	if (image == nullptr || VARSIZE(image) < worth_compressing ||
	    TupleDescAttr(row, column - 1)->attcompression != TOAST_LZ4_COMPRESSION) {
		return plain;
	}
	const Datum smaller = toast_compress_datum(PointerGetDatum(image), TOAST_LZ4_COMPRESSION);
	const auto *const pointer = reinterpret_cast<const struct varlena *>(DatumGetPointer(smaller));
	return pointer == nullptr ? plain : pointer;
}

HeapTuple form_tuple(TupleDesc row, const Event &event, TimestampTz moment, std::int64_t session) {
	const auto image = [&](int i, const Jsonb *json) { return compressed(row, first_image_column + i, json); };
	return form_log_tuple({.id = event_id(event.overtaken_by),
	                       .at = moment,
	                       .transaction = transaction_id(),
	                       .session = session,
	                       .has_key = event.has_key,
	                       .key_number = event.key_number,
	                       .relation = event.relation,
	                       .version = event.version,
	                       .log_class = event.log_class,
	                       .flags = event.flags,
	                       .operation = static_cast<char>(event.operation),
	                       .images = {image(0, event.key), image(1, event.before), image(2, event.after)}});
}

} // namespace

void write_event(const Event &event) {
	Leaf &leaf = leaf_of(event.log);
	const TimestampTz moment = settle(leaf, GetCurrentTimestamp());
	const std::int64_t session = session_id(end_of_session(leaf.target, moment));
	const Relation table = table_open(leaf.target.partition, NoLock);
	// Of the transaction that has made it, with wal_level = minimal: the rows themselves would not move us on.
	if (!RelationNeedsWAL(table)) {
		advance_position();
	}
	const HeapTuple tuple = form_tuple(RelationGetDescr(table), event, moment, session);
	heap_insert(table, tuple, GetCurrentCommandId(true), 0, nullptr);
	if (leaf.is_plain) {
		insert_into_key_index(leaf, table, tuple, event);
	} else {
		insert_into_indexes(table, tuple);
	}
	table_close(table, NoLock);
}

} // namespace warden::audit
