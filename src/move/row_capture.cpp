// row_capture.cpp - The trigger, made and taken away as a trigger of the system, and its function.
#include "move/row_capture.hpp"

#include "move/change_log.hpp"

#include "pg/call.hpp"
#include "pg/scoped.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_func.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/reltrigger.h"
}

namespace warden::move {

using namespace pg;

namespace {

// All of this is server code.

constexpr char trigger_name[] = "warden_move"; // the server appends its OID
constexpr char function_name[] = "partition_move_capture";
constexpr int arguments = 2; // the log's OID and the source's number

String *text_of(unsigned number) {
	return makeString(psprintf("%u", number));
}

Oid create_trigger(Oid log, std::int16_t number, Oid relation) {
	auto *const statement = makeNode(CreateTrigStmt);
	statement->trigname = pstrdup(trigger_name);
	statement->args = list_make2(text_of(log), text_of(static_cast<unsigned>(number)));
	statement->row = true;
	statement->timing = TRIGGER_TYPE_AFTER;
	statement->events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE;
	List *const name = list_make2(makeString(pstrdup("warden")), makeString(pstrdup(function_name)));
	const ObjectAddress trigger = CreateTriggerFiringOn(statement, nullptr, relation, InvalidOid, InvalidOid,
	                                                    InvalidOid, LookupFuncName(name, 0, nullptr, false), InvalidOid,
	                                                    nullptr, true, false, TRIGGER_FIRES_ALWAYS);
	CommandCounterIncrement();
	return trigger.objectId;
}

// RemoveTriggerById() would ask for ACCESS EXCLUSIVE, and so stop readers, whom no trigger concerns.
void drop_trigger(Oid relation, Oid oid) {
	const Relation triggers = table_open(TriggerRelationId, RowExclusiveLock);
	ScanKeyData key;
	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
	const SysScanDesc scan = systable_beginscan(triggers, TriggerOidIndexId, true, nullptr, 1, &key);
	const HeapTuple tuple = systable_getnext(scan);
	// An OID that is somebody else's by now is not ours to drop.
	if (HeapTupleIsValid(tuple)) {
		const auto *const form = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
		if (form->tgrelid == relation && form->tgisinternal) {
			CatalogTupleDelete(triggers, &tuple->t_self);
			deleteDependencyRecordsFor(TriggerRelationId, oid, false);
			CacheInvalidateRelcacheByRelid(relation);
		}
	}
	systable_endscan(scan);
	table_close(triggers, RowExclusiveLock);
	CommandCounterIncrement();
}

bool has_trigger(Oid oid, Oid trigger) {
	const Relation relation = try_relation_open(oid, AccessShareLock);
	if (relation == nullptr) {
		return false;
	}
	const TriggerDesc *const triggers = relation->trigdesc;
	bool is_there = false;
	for (int i = 0; triggers != nullptr && i < triggers->numtriggers && !is_there; ++i) {
		const Trigger &one = triggers->triggers[i];
		is_there = one.tgoid == trigger && one.tgenabled == TRIGGER_FIRES_ALWAYS;
	}
	relation_close(relation, NoLock);
	return is_there;
}

[[noreturn]] void refuse() {
	ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
	        errmsg("function \"%s\" is not for triggers that are created by hand", function_name),
	        errhint("Use warden.partition_drain(), warden.partition_convert() or warden.partition_revert()."));
	pg_unreachable();
}

const TriggerData &trigger_data(FunctionCallInfo fcinfo) {
	if (!CALLED_AS_TRIGGER(fcinfo)) {
		refuse();
	}
	const auto *const data = reinterpret_cast<const TriggerData *>(fcinfo->context);
	if (!data->tg_trigger->tgisinternal || data->tg_trigger->tgnargs != arguments ||
	    !TRIGGER_FIRED_AFTER(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event)) {
		refuse();
	}
	return *data;
}

} // namespace

Oid create_capture(const Job &job, const Source &source) {
	return call(create_trigger, job.log, source.number, source.relation);
}

void drop_capture(const Source &source) {
	if (OidIsValid(source.trigger)) {
		call(drop_trigger, source.relation, source.trigger);
	}
}

bool is_captured(const Source &source) {
	return OidIsValid(source.trigger) && call(has_trigger, source.relation, source.trigger);
}

/// partition_move_capture() returns trigger.  Server code as a whole: it is run for each row that is written.
PG_FUNCTION(partition_move_capture) {
	const TriggerData &data = trigger_data(fcinfo);
	char **const texts = data.tg_trigger->tgargs;
	const auto log_oid = static_cast<Oid>(strtoul(texts[0], nullptr, 10));
	const auto number = static_cast<std::int16_t>(strtoul(texts[1], nullptr, 10));
	const Relation log = try_relation_open(log_oid, RowExclusiveLock);
	if (log == nullptr) {
		return PointerGetDatum(nullptr); // of a job that is no more
	}
	if (!is_log(log)) {
		relation_close(log, RowExclusiveLock);
		return PointerGetDatum(nullptr);
	}
	const ItemPointerData *const place = &data.tg_trigtuple->t_self;
	if (TRIGGER_FIRED_BY_INSERT(data.tg_event)) {
		append_change(log, number, nullptr, place);
	} else {
		append_change(log, number, place, TRIGGER_FIRED_BY_UPDATE(data.tg_event) ? &data.tg_newtuple->t_self : nullptr);
	}
	relation_close(log, NoLock);
	return PointerGetDatum(nullptr);
}

} // namespace warden::move
