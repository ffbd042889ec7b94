#include "audit/session_rows.hpp"

#include "audit/context.hpp"
#include "audit/incarnation.hpp"
#include "audit/written.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

namespace warden::audit {

namespace {

// All of this is server code.

struct Session {
	Oid session_role;
	Oid active_role;
	char application[NAMEDATALEN];
	TimestampTz end; ///< of the partition of the log that it was written with
	std::int64_t id; ///< 0: none
	Written row;
};

// Who changes roles with every transaction, as connection poolers do, finds his row again.
constinit Session sessions[8]{};
constinit unsigned next_session = 0;

// What was written of the current context.
constinit struct {
	std::int64_t transaction;
	char *text;
	Written row;
} context_row{};

bool is_current(const Session &session, TimestampTz end) {
	return session.id != 0 && is_there(session.row) && session.session_role == GetSessionUserId() &&
	       session.active_role == GetOuterUserId() && session.end == end &&
	       strcmp(session.application, application_name) == 0;
}

// The other end of the connection; nothing of one by a socket.
NullableDatum client_address() {
	LOCAL_FCINFO(call, 0);
	InitFunctionCallInfoData(*call, nullptr, 0, InvalidOid, nullptr, nullptr);
	const Datum address = inet_client_addr(call);
	return {address, call->isnull};
}

Datum name_of_role(Oid role) {
	auto *const name = static_cast<Name>(palloc0(NAMEDATALEN));
	namestrcpy(name, GetUserNameFromId(role, true) != nullptr ? GetUserNameFromId(role, true) : "");
	return NameGetDatum(name);
}

// Into a table's one partition, as audit_enable() has made it.
void insert_row(const char *partition, Datum *values, bool *nulls) {
	const Oid oid = get_relname_relid(partition, get_namespace_oid("warden", false));
	if (!OidIsValid(oid)) {
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		        errmsg("table \"warden.%s\" of the audit log is missing", partition),
		        errhint("Use warden.audit_enable() of any audited table again, which makes it."));
	}
	const Relation table = table_open(oid, RowExclusiveLock);
	CatalogTupleInsert(table, heap_form_tuple(RelationGetDescr(table), values, nulls));
	table_close(table, NoLock);
}

void write_session(Session &session, TimestampTz end) {
	session.id = 0; // until it is complete: what comes may fail
	session.session_role = GetSessionUserId();
	session.active_role = GetOuterUserId();
	strlcpy(session.application, application_name, sizeof session.application);
	session.end = end;
	const std::int64_t id = next_id();
	const NullableDatum client = client_address();
	Datum values[] = {Int64GetDatum(id),
	                  TimestampTzGetDatum(GetCurrentTimestamp()),
	                  name_of_role(session.session_role),
	                  name_of_role(session.active_role),
	                  CStringGetTextDatum(session.application),
	                  client.value,
	                  Int32GetDatum(MyProcPid)};
	bool nulls[] = {false, false, false, false, false, client.isnull, false};
	note_written(session.row);
	insert_row("audit_sessions_all", values, nulls);
	session.id = id;
}

bool is_written(std::int64_t transaction, const char *text) {
	return context_row.transaction == transaction && is_there(context_row.row) && strcmp(context_row.text, text) == 0;
}

} // namespace

std::int64_t session_id(TimestampTz end_of_partition) {
	for (const Session &session : sessions) {
		if (is_current(session, end_of_partition)) {
			return session.id;
		}
	}
	Session &session = sessions[next_session++ % lengthof(sessions)];
	write_session(session, end_of_partition);
	return session.id;
}

TimestampTz end_of_day(TimestampTz moment) {
	return (moment / USECS_PER_DAY + 1) * USECS_PER_DAY;
}

void write_context(bool is_required, const char *table) {
	const char *const text = current_context();
	if (text[0] == '\0') {
		if (is_required) {
			ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			        errmsg("table \"%s\" is changed only with a context for its audit", table),
			        errhint("Use SELECT warden.audit_set_context('{...}') first, in the same transaction."));
		}
		return;
	}
	const std::int64_t transaction = transaction_id();
	if (is_written(transaction, text)) {
		return;
	}
	char *const copy = MemoryContextStrdup(TopMemoryContext, text);
	if (context_row.text != nullptr) {
		pfree(context_row.text);
	}
	context_row.text = copy;
	context_row.transaction = 0; // until it is written
	Datum values[] = {Int64GetDatum(transaction), Int64GetDatum(next_id()), TimestampTzGetDatum(GetCurrentTimestamp()),
	                  DirectFunctionCall1(jsonb_in, CStringGetDatum(text))};
	bool nulls[] = {false, false, false, false};
	note_written(context_row.row);
	insert_row("audit_contexts_all", values, nulls);
	context_row.transaction = transaction;
}

} // namespace warden::audit
