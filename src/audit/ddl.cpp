// ddl.cpp - What changes the definition of audited tables: versions of their columns, triggers of new partitions, and
// tables that are new in a schema which is audited.
//
// The invariants: what is found out is found in the catalogue, never in the text of a command, so that no password is
// in the log; and whatever goes wrong here, the command of the user's does not fail for it: a WARNING says what is
// missing, and so does warden.audit_tables.
#include "audit/audit.hpp"

#include "audit/relations.hpp"

#include "pg/datum.hpp"
#include "pg/names.hpp"
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

// Tables and partitions that a command was about, with the root of each.
constinit Statement select_changed{R"(
SELECT DISTINCT t.oid, coalesce(pg_partition_root(t.oid)::oid, t.oid)
FROM pg_event_trigger_ddl_commands() c JOIN pg_class t ON t.oid = c.objid
WHERE c.classid = 'pg_class'::regclass AND t.relkind IN ('r', 'p') AND t.relpersistence <> 't')"};

constinit Statement select_dropped{R"(
SELECT objid FROM pg_event_trigger_dropped_objects()
WHERE classid = 'pg_class'::regclass AND object_type = 'table' AND objsubid = 0)"};

struct Changed {
	Oid table;
	Oid root;
};

std::vector<Changed> read_changed() {
	const AsExtension owner;
	std::vector<Changed> changed;
	Spi spi;
	for (const auto &[table, root] : spi.query_latest<Oid, Oid>(select_changed)) {
		changed.push_back({table, root});
	}
	return changed;
}

/// Nothing of ours keeps a user from his DDL.
template <class F>
void do_or_warn(F &&body) {
	if (const auto error = attempt(std::forward<F>(body))) {
		Error warning(error->sqlstate, format("the audit of a table could not follow its change: %s", error->what()));
		warning.detail = error->detail;
		warning.hint = "What is missing is in warden.audit_tables.";
		report(WARNING, warning);
	}
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

/// audit_follow_change() returns event_trigger
PG_FUNCTION(audit_follow_change) {
	check_called(fcinfo);
	if (is_running()) {
		return 0;
	}
	const std::string tag = tag_of(fcinfo);
	do_or_warn([&] {
		for (const auto &[table, root] : read_changed()) {
			follow_change(table, root, tag);
		}
	});
	return 0;
}

/// audit_follow_drop() returns event_trigger
PG_FUNCTION(audit_follow_drop) {
	check_called(fcinfo);
	const std::string tag = tag_of(fcinfo);
	do_or_warn([&] {
		const AsExtension owner;
		std::vector<Oid> dropped;
		Spi spi;
		for (const auto &[table] : spi.query_latest<Oid>(select_dropped)) {
			dropped.push_back(table);
		}
		for (const Oid table : dropped) {
			follow_drop(table, tag);
		}
	});
	return 0;
}

} // namespace warden::audit
