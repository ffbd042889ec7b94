// ddl.cpp - What changes the definition of audited tables: versions of their columns, triggers of new partitions, and
// tables that are new in a schema which is audited.
//
// The invariants: what is found out is found in the catalogue, never in the text of a command, so that no password is
// in the log; whatever goes wrong here, the command of the user's does not fail for it, but for want of memory, locks
// or stack, or because rows that it makes are refused as those of an INSERT would be: a WARNING says what is missing,
// and so does warden.audit_tables; and a command that concerns no audited table costs microseconds.
#include "audit/audit.hpp"

#include "audit/concern.hpp"
#include "audit/enrolment.hpp"
#include "audit/incarnation.hpp"
#include "audit/relations.hpp"

#include "pg/datum.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <vector>

extern "C" {
#include "commands/event_trigger.h"
}

namespace warden::audit {

using namespace pg;

namespace {

// Audited tables that a command was about: it names them, or a partition or parent of theirs, a trigger that is or
// bears the name of one of ours, their schema, or a type that columns may be of.
constinit Statement select_changed{R"(
WITH RECURSIVE command AS (SELECT classid, objid, command_tag FROM pg_event_trigger_ddl_commands()),
named (oid) AS (
    SELECT objid FROM command WHERE classid = 'pg_class'::regclass
    UNION
    SELECT g.tgrelid FROM command JOIN pg_trigger g ON classid = 'pg_trigger'::regclass AND g.oid = objid
    WHERE command_tag = 'ALTER TRIGGER' OR g.tgname IN ('!pg_warden_audit', '!pg_warden_audit_truncate')),
tree (oid) AS (
    SELECT oid FROM named
    UNION
    SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)
SELECT t.oid FROM warden.audit_relations r JOIN pg_class t ON t.oid = r.relation::oid
WHERE r.until IS NULL
  AND (t.oid IN (SELECT oid FROM tree UNION ALL SELECT pg_partition_root(oid)::oid FROM tree)
       OR t.relnamespace IN (SELECT objid FROM command WHERE classid = 'pg_namespace'::regclass)
       OR EXISTS (SELECT FROM command WHERE classid = 'pg_type'::regclass AND command_tag LIKE 'ALTER%'
                                         OR command_tag = 'ALTER TYPE')) -- of an attribute, which typed tables have
ORDER BY t.oid)"};

constinit Statement select_dropped{R"(
SELECT objid FROM pg_event_trigger_dropped_objects()
WHERE classid = 'pg_class'::regclass AND object_type = 'table' AND objsubid = 0 AND NOT is_temporary)"};

// Audited tables that have lost something.  What table an index was of, is known no more.
constinit Statement select_bereft{R"(
WITH lost AS (SELECT object_type, address_names FROM pg_event_trigger_dropped_objects() WHERE NOT is_temporary),
tables (oid) AS (
    SELECT to_regclass(format('%I.%I', address_names[1], address_names[2]))::oid FROM lost
    WHERE object_type IN ('trigger', 'table column', 'table constraint'))
SELECT t.oid FROM warden.audit_relations r JOIN pg_class t ON t.oid = r.relation::oid
WHERE r.until IS NULL
  AND (t.oid IN (SELECT oid FROM tables UNION ALL SELECT pg_partition_root(oid)::oid FROM tables)
       OR t.relreplident = 'i' AND EXISTS (SELECT FROM lost WHERE object_type = 'index'))
ORDER BY t.oid)"};

constinit Statement select_rewritten{R"(
SELECT t.oid FROM (SELECT pg_event_trigger_table_rewrite_oid()) t (oid)
UNION SELECT pg_partition_root(t.oid)::oid FROM (SELECT pg_event_trigger_table_rewrite_oid()) t (oid)
WHERE pg_partition_root(t.oid) IS NOT NULL)"};

std::vector<Oid> read_tables(Statement &select) {
	const AsExtension owner;
	std::vector<Oid> tables;
	Spi spi;
	for (const auto &[table] : spi.query_latest<Oid>(select)) {
		tables.push_back(table);
	}
	return tables;
}

void warn(const Error &error) {
	Error warning(error.sqlstate, format("the audit of a table could not follow its change: %s", error.what()));
	warning.detail = error.detail;
	warning.hint = "What is missing is in warden.audit_tables.";
	report(WARNING, warning);
}

// Memory, places for locks, the stack: whoever takes so much that nobody can work any more must not be unobserved.
bool is_want_of_resources(int sqlstate) {
	return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INSUFFICIENT_RESOURCES || sqlstate == ERRCODE_STATEMENT_TOO_COMPLEX;
}

/// Nothing of ours keeps a user from his DDL, but what would not let him do anything.
template <class F>
void do_or_warn(F &&body) {
	if (const auto error = attempt(std::forward<F>(body))) {
		if (is_want_of_resources(error->sqlstate)) {
			throw Error(*error);
		}
		warn(*error);
	}
}

/// One by one: what is written of it does not depend on locks of tables, which others may keep.
void follow_or_warn(Oid table, const std::string &tag) {
	do_or_warn([&] { follow_attached(table); });
	do_or_warn([&] { follow_change(table, tag); });
	do_or_warn([&] { follow_detached(table); });
}

/// Whether there is something to do.
bool is_concerned(Concern (*look)()) {
	const Concern concern = is_running() ? Concern::None : call(look);
	if (concern == Concern::Blocked) {
		warn({ERRCODE_LOCK_NOT_AVAILABLE, "another session is dropping pg_warden"});
	}
	return concern == Concern::Some;
}

void check_called(FunctionCallInfo fcinfo) {
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo)) {
		throw Error(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED, "the function was not fired by an event trigger");
	}
}

std::string tag_of(FunctionCallInfo fcinfo) {
	return call([&] { return GetCommandTagName(reinterpret_cast<EventTriggerData *>(fcinfo->context)->tag); });
}

} // namespace

/// audit_follow_begin() returns event_trigger
PG_FUNCTION(audit_follow_begin) {
	check_called(fcinfo); // that it is called, has loaded the library: see dropped_column.cpp
	const Node *const command = reinterpret_cast<EventTriggerData *>(fcinfo->context)->parsetree;
	const Attachment attachment = is_running() ? Attachment{} : call(attachment_of, command);
	if (OidIsValid(attachment.parent) && OidIsValid(attachment.table)) {
		do_or_warn([&] { make_way(attachment.parent, attachment.table); });
	}
	const Oid table = is_running() ? InvalidOid : call(table_of_columns, command);
	if (OidIsValid(table)) {
		do_or_warn([&] { note_columns(table); });
	}
	if (!is_running() && call(may_reach_far, command)) {
		do_or_warn(note_columns_of_all);
	}
	return 0;
}

/// audit_follow_change() returns event_trigger
PG_FUNCTION(audit_follow_change) {
	check_called(fcinfo);
	if (!is_concerned(concern_of_command)) {
		return 0;
	}
	const std::string tag = tag_of(fcinfo);
	std::vector<Oid> filled;
	do_or_warn([&] {
		if (!is_known_here()) {
			return;
		}
		for (const NewTable &table : new_tables()) {
			do_or_warn([&] { enrol(table.oid); });
			if (table.has_rows) {
				filled.push_back(table.oid);
			}
		}
		for (const Oid table : read_tables(select_changed)) {
			follow_or_warn(table, tag);
		}
	});
	for (const Oid table : filled) {
		log_rows(table); // as an INSERT fails where its rows cannot be logged
	}
	return 0;
}

/// audit_follow_drop() returns event_trigger
PG_FUNCTION(audit_follow_drop) {
	check_called(fcinfo);
	if (!is_concerned(concern_of_drop)) {
		return 0;
	}
	const std::string tag = tag_of(fcinfo);
	do_or_warn([&] {
		for (const Oid table : read_tables(select_dropped)) {
			follow_drop(table, tag);
		}
		if (is_known_here()) {
			for (const Oid table : read_tables(select_bereft)) {
				follow_or_warn(table, tag);
			}
		}
	});
	return 0;
}

/// audit_follow_rewrite() returns event_trigger
PG_FUNCTION(audit_follow_rewrite) {
	check_called(fcinfo);
	if (!is_concerned(concern_of_rewrite)) {
		return 0;
	}
	const std::string tag = tag_of(fcinfo);
	do_or_warn([&] {
		if (is_known_here()) {
			for (const Oid root : read_tables(select_rewritten)) {
				follow_rewrite(root, tag);
			}
		}
	});
	return 0;
}

} // namespace warden::audit
