#include "audit/concern.hpp"

#include "audit/capture_plan.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
}

namespace warden::audit {

namespace {

// All of this is server code.

/// What is audited: our tables, open.
struct Declarations {
	Oid space;
	Relation relations;
	Relation schemas;
	AttrNumber until;
	Snapshot snapshot;
};

enum class State : std::uint8_t {
	Nothing, ///< is audited
	Going,   ///< with the extension
	Locked,  ///< by somebody who will let go
	Open
};

Relation open_if_free(const char *name, Oid space) {
	const Oid table = get_relname_relid(name, space);
	if (!OidIsValid(table) || !ConditionalLockRelationOid(table, AccessShareLock)) {
		return nullptr;
	}
	return try_table_open(table, NoLock);
}

constexpr int most_tries = 10; // of a millisecond each

// Until the end of the transaction: that we are in nobody's way who drops the extension, and he not in ours.
bool keep_extension() {
	LOCKTAG tag;
	const Oid extension = get_extension_oid("pg_warden", true);
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, 0);
	if (!OidIsValid(extension)) {
		return false;
	}
	// Anybody can wait for that lock, also who may not drop anything: that must not stop us.
	int holders = 0;
	for (int tries = 0; tries < most_tries; ++tries) {
		if (LockAcquire(&tag, AccessShareLock, false, true) != LOCKACQUIRE_NOT_AVAIL) {
			return true;
		}
		GetLockConflicts(&tag, AccessShareLock, &holders);
		if (holders == 0) {
			return true;
		}
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000); // or he has it just until he is told that he may not
	}
	return false;
}

void close(const Declarations &declarations) {
	for (const Relation table : {declarations.relations, declarations.schemas}) {
		if (table != nullptr) {
			table_close(table, AccessShareLock);
		}
	}
	if (declarations.snapshot != nullptr) {
		UnregisterSnapshot(declarations.snapshot);
	}
}

// A row that fits the key, if there is one; of what is still declared, or of all.
bool has_row(const Declarations &declarations, Relation table, Oid index, ScanKey key, bool is_open) {
	const SysScanDesc scan =
		systable_beginscan(table, index, OidIsValid(index), declarations.snapshot, key == nullptr ? 0 : 1, key);
	bool found = false;
	for (HeapTuple row; !found && HeapTupleIsValid(row = systable_getnext(scan));) {
		found = !is_open || heap_attisnull(row, declarations.until, RelationGetDescr(table));
	}
	systable_endscan(scan);
	return found;
}

bool is_anything_audited(const Declarations &declarations) {
	return (RelationGetNumberOfBlocks(declarations.relations) > 0 &&
	        has_row(declarations, declarations.relations, InvalidOid, nullptr, true)) ||
	       (RelationGetNumberOfBlocks(declarations.schemas) > 0 &&
	        has_row(declarations, declarations.schemas, InvalidOid, nullptr, false));
}

State open_declarations(Declarations &declarations) {
	declarations = {};
	declarations.space = get_namespace_oid("warden", true);
	if (!OidIsValid(declarations.space)) {
		return State::Nothing;
	}
	declarations.relations = open_if_free("audit_relations", declarations.space);
	declarations.schemas = open_if_free("audit_schemas", declarations.space);
	if (declarations.relations == nullptr || declarations.schemas == nullptr) {
		close(declarations);
		return keep_extension() ? State::Locked : State::Going;
	}
	declarations.until = get_attnum(RelationGetRelid(declarations.relations), "until");
	declarations.snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (!is_anything_audited(declarations)) {
		close(declarations);
		return State::Nothing;
	}
	return State::Open;
}

// Now, or (is_open false) at any time.
bool is_declared(const Declarations &declarations, Oid table, bool is_open) {
	ScanKeyData key;
	ScanKeyInit(&key, get_attnum(RelationGetRelid(declarations.relations), "relation"), BTEqualStrategyNumber, F_OIDEQ,
	            ObjectIdGetDatum(table));
	return has_row(declarations, declarations.relations,
	               get_relname_relid("audit_relations_relation", declarations.space), &key, is_open);
}

bool is_schema_audited(const Declarations &declarations, Oid schema) {
	NameData name;
	const char *const text = get_namespace_name(schema);
	if (text == nullptr) {
		return false;
	}
	namestrcpy(&name, text);
	ScanKeyData key;
	ScanKeyInit(&key, get_attnum(RelationGetRelid(declarations.schemas), "schema"), BTEqualStrategyNumber, F_NAMEEQ,
	            NameGetDatum(&name));
	return has_row(declarations, declarations.schemas, get_relname_relid("audit_schemas_pkey", declarations.space),
	               &key, false);
}

// Audited itself or with its root; in a schema that is; or children may be.
bool is_concerned(const Declarations &declarations, Oid oid) {
	const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple)) {
		return false;
	}
	const FormData_pg_class table = *reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
	ReleaseSysCache(tuple);
	if ((table.relkind != RELKIND_RELATION && table.relkind != RELKIND_PARTITIONED_TABLE) ||
	    table.relpersistence == RELPERSISTENCE_TEMP) {
		return false;
	}
	if (table.relhassubclass || is_declared(declarations, oid, true) ||
	    is_schema_audited(declarations, table.relnamespace)) {
		return true;
	}
	bool found = false;
	ListCell *cell = nullptr;
	foreach (cell, table.relispartition ? get_partition_ancestors(oid) : NIL) {
		found = found || is_declared(declarations, lfirst_oid(cell), true);
	}
	return found;
}

// Runs one of the server's functions for event triggers, and something for each row.
template <int columns, class F>
void for_each_row(Oid function, F &&body) {
	FmgrInfo info;
	fmgr_info(function, &info);
	ReturnSetInfo result{};
	result.type = T_ReturnSetInfo;
	result.econtext = CreateStandaloneExprContext();
	result.allowedModes = SFRM_Materialize;
	LOCAL_FCINFO(call, 0);
	InitFunctionCallInfoData(*call, &info, 0, InvalidOid, nullptr, reinterpret_cast<fmNodePtr>(&result));
	FunctionCallInvoke(call);
	TupleTableSlot *const row = MakeSingleTupleTableSlot(result.setDesc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(result.setResult, true, false, row)) {
		slot_getsomeattrs(row, columns);
		body(row->tts_values, row->tts_isnull);
	}
	ExecDropSingleTupleTableSlot(row);
	tuplestore_end(result.setResult);
	FreeExprContext(result.econtext, true);
}

struct Command {
	Oid class_id;
	Oid object;
	bool is_alter;
};

template <class F>
bool any_command(F &&test) {
	bool found = false;
	for_each_row<9>(F_PG_EVENT_TRIGGER_DDL_COMMANDS, [&](const Datum *values, const bool *nulls) {
		if (!found && !nulls[0] && !nulls[1]) {
			const text *const tag = DatumGetTextPP(values[3]);
			const bool is_alter = VARSIZE_ANY_EXHDR(tag) > 5 && memcmp(VARDATA_ANY(tag), "ALTER", 5) == 0;
			found = test(Command{DatumGetObjectId(values[0]), DatumGetObjectId(values[1]), is_alter});
		}
	});
	return found;
}

bool is_concerned(const Declarations &declarations, const Command &command) {
	switch (command.class_id) {
	case RelationRelationId: // a composite type is one as well, and tables may be of it
		return is_concerned(declarations, command.object) ||
		       (command.is_alter && get_rel_relkind(command.object) == RELKIND_COMPOSITE_TYPE);
	case TriggerRelationId:
		return true;
	case NamespaceRelationId:
	case TypeRelationId:
		return command.is_alter;
	default:
		return false;
	}
}

// Of a table that the command has locked.
bool has_capture_trigger(Oid oid) {
	const Relation table = OidIsValid(oid) ? try_relation_open(oid, NoLock) : nullptr;
	if (table == nullptr) {
		return false;
	}
	const bool found = capture_trigger(table) != nullptr;
	relation_close(table, NoLock);
	return found;
}

// Of any table: who may not change it, is not to wait for it.
bool is_own_and_audited(Oid oid) {
	if (!OidIsValid(oid) || !object_ownercheck(RelationRelationId, oid, GetUserId())) {
		return false;
	}
	const Relation table = try_relation_open(oid, AccessShareLock);
	if (table == nullptr) {
		return false;
	}
	const bool found = capture_trigger(table) != nullptr;
	relation_close(table, AccessShareLock);
	return found;
}

struct Drop {
	Oid class_id;
	Oid object;
	int part;
	bool is_original;
	std::string_view type;
	Datum names; ///< of its table and itself
};

template <class F>
bool any_drop(F &&test) {
	bool found = false;
	for_each_row<11>(F_PG_EVENT_TRIGGER_DROPPED_OBJECTS, [&](const Datum *values, const bool *nulls) {
		if (!found && !DatumGetBool(values[5]) && !nulls[6]) {
			const text *const type = DatumGetTextPP(values[6]);
			found = test(Drop{DatumGetObjectId(values[0]),
			                  DatumGetObjectId(values[1]),
			                  DatumGetInt32(values[2]),
			                  DatumGetBool(values[3]),
			                  {VARDATA_ANY(type), VARSIZE_ANY_EXHDR(type)},
			                  nulls[10] ? 0 : values[10]});
		}
	});
	return found;
}

// Of which something was dropped, by the first two names.
Oid table_of(const Drop &drop) {
	Datum *names = nullptr;
	bool *nulls = nullptr;
	int count = 0;
	if (drop.names != 0) {
		deconstruct_array(DatumGetArrayTypeP(drop.names), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &count);
	}
	if (count < 2 || nulls[0] || nulls[1]) {
		return InvalidOid;
	}
	const Oid space = get_namespace_oid(TextDatumGetCString(names[0]), true);
	return OidIsValid(space) ? get_relname_relid(TextDatumGetCString(names[1]), space) : InvalidOid;
}

bool is_table(const Drop &drop) {
	return drop.class_id == RelationRelationId && drop.part == 0 && drop.type == "table";
}

bool is_concerned(const Declarations &declarations, const Drop &drop, bool has_tables) {
	if (is_table(drop)) {
		return is_declared(declarations, drop.object, false);
	}
	// What table it was of, is known no more; as a rule it goes with that.
	if (drop.type == "index") {
		return drop.is_original || !has_tables;
	}
	if (drop.type == "trigger" || drop.type == "table column" || drop.type == "table constraint") {
		const Oid table = table_of(drop);
		return OidIsValid(table) && is_concerned(declarations, table);
	}
	return false;
}

// If the extension is going, what has our trigger is audited still: who drops that has to wait for us.
template <class F, class G>
Concern concern(F &&is_concerned, G &&has_trigger) {
	Declarations declarations;
	switch (open_declarations(declarations)) {
	case State::Nothing:
		return Concern::None;
	case State::Locked:
		return Concern::Some;
	case State::Going:
		break;
	case State::Open: {
		const bool found = is_concerned(declarations);
		close(declarations);
		if (!found) {
			return Concern::None;
		}
		if (keep_extension()) {
			return Concern::Some;
		}
	}
	}
	return has_trigger() ? Concern::Blocked : Concern::None;
}

} // namespace

Concern concern_of_command() {
	return concern(
		[](const Declarations &declarations) {
			return any_command([&](const Command &command) { return is_concerned(declarations, command); });
		},
		[] {
			return any_command([](const Command &command) {
				return command.class_id == RelationRelationId && has_capture_trigger(command.object);
			});
		});
}

Concern concern_of_drop() {
	return concern(
		[](const Declarations &declarations) {
			const bool has_tables = any_drop(is_table);
			return any_drop([&](const Drop &drop) { return is_concerned(declarations, drop, has_tables); });
		},
		[] { return any_drop([](const Drop &drop) { return has_capture_trigger(table_of(drop)); }); });
}

Concern concern_of_rewrite() {
	LOCAL_FCINFO(call, 0);
	InitFunctionCallInfoData(*call, nullptr, 0, InvalidOid, nullptr, nullptr);
	const int reason = DatumGetInt32(pg_event_trigger_table_rewrite_reason(call));
	if ((reason & (AT_REWRITE_DEFAULT_VAL | AT_REWRITE_COLUMN_REWRITE)) == 0) {
		return Concern::None;
	}
	const Oid table = DatumGetObjectId(pg_event_trigger_table_rewrite_oid(call));
	return concern([&](const Declarations &declarations) { return is_concerned(declarations, table); },
	               [&] { return has_capture_trigger(table); });
}

Attachment attachment_of(const Node *command) {
	if (command == nullptr || !IsA(command, AlterTableStmt)) {
		return {};
	}
	const auto *const statement = reinterpret_cast<const AlterTableStmt *>(command);
	ListCell *cell = nullptr;
	foreach (cell, statement->cmds) {
		const auto *const part = lfirst_node(AlterTableCmd, cell);
		if (statement->objtype == OBJECT_TABLE && part->subtype == AT_AttachPartition) {
			const Attachment attachment{RangeVarGetRelid(statement->relation, NoLock, true),
			                            RangeVarGetRelid(castNode(PartitionCmd, part->def)->name, NoLock, true)};
			return is_own_and_audited(attachment.parent) && is_own_and_audited(attachment.table) ? attachment
			                                                                                     : Attachment{};
		}
	}
	return {};
}

namespace {

bool drops_column(const AlterTableStmt *statement) {
	bool found = false;
	ListCell *cell = nullptr;
	foreach (cell, statement->cmds) {
		found = found || lfirst_node(AlterTableCmd, cell)->subtype == AT_DropColumn;
	}
	return found;
}

} // namespace

Oid table_of_columns(const Node *command) {
	const RangeVar *name = nullptr;
	if (command != nullptr && IsA(command, RenameStmt)) {
		const auto *const statement = reinterpret_cast<const RenameStmt *>(command);
		name = statement->renameType == OBJECT_COLUMN ? statement->relation : nullptr;
	} else if (command != nullptr && IsA(command, AlterTableStmt)) {
		const auto *const statement = reinterpret_cast<const AlterTableStmt *>(command);
		name = drops_column(statement) ? statement->relation : nullptr;
	}
	const Oid table = name == nullptr ? InvalidOid : RangeVarGetRelid(name, NoLock, true);
	return is_own_and_audited(table) ? table : InvalidOid;
}

namespace {

// Children have the columns of their parents, and typed tables those of their type.
bool hands_down(const RangeVar *name) {
	const Oid table = name == nullptr ? InvalidOid : RangeVarGetRelid(name, NoLock, true);
	const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	if (!HeapTupleIsValid(tuple)) {
		return false;
	}
	const auto *const row = reinterpret_cast<const FormData_pg_class *>(GETSTRUCT(tuple));
	const bool found = row->relhassubclass || row->relkind == RELKIND_COMPOSITE_TYPE;
	ReleaseSysCache(tuple);
	return found;
}

// A type takes the columns that are of it.  None of these commands is in a dump: what is noted here ends a restore.
bool is_cascading(const Node *command) {
	switch (nodeTag(command)) {
	case T_DropStmt:
		return reinterpret_cast<const DropStmt *>(command)->behavior == DROP_CASCADE;
	case T_DropOwnedStmt:
		return reinterpret_cast<const DropOwnedStmt *>(command)->behavior == DROP_CASCADE;
	case T_RenameStmt: {
		const auto *const statement = reinterpret_cast<const RenameStmt *>(command);
		return (statement->renameType == OBJECT_COLUMN || statement->renameType == OBJECT_ATTRIBUTE) &&
		       hands_down(statement->relation);
	}
	case T_AlterTableStmt: {
		const auto *const statement = reinterpret_cast<const AlterTableStmt *>(command);
		return drops_column(statement) && hands_down(statement->relation);
	}
	default:
		return false;
	}
}

} // namespace

bool may_reach_far(const Node *command) {
	return command != nullptr && is_cascading(command) &&
	       concern([](const Declarations &) { return true; }, [] { return false; }) == Concern::Some;
}

} // namespace warden::audit
