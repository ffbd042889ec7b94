#include "partition/references.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "miscadmin.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
}

namespace warden::partition {

using namespace pg;

namespace {

// Server code.
List *find_referenced(Relation parent) {
	List *tables = NIL;
	ListCell *cell = nullptr;
	foreach (cell, RelationGetFKeyList(parent)) {
		tables = list_append_unique_oid(tables, lfirst_node(ForeignKeyCacheInfo, cell)->confrelid);
	}
	return tables;
}

// Server code.
List *find_referencing(Relation parent) {
	List *tables = NIL;
	for (int i = 0; parent->trigdesc != nullptr && i < parent->trigdesc->numtriggers; ++i) {
		const Trigger &trigger = parent->trigdesc->triggers[i];
		if (RI_FKey_trigger_type(trigger.tgfoid) == RI_TRIGGER_PK) {
			tables = list_append_unique_oid(tables, trigger.tgconstrrelid);
		}
	}
	return tables;
}

// $1 the partition.  By what depends on it: the constraints have no index by the table that is referred to.
constinit Statement find_reference{R"(
SELECT 1
FROM pg_depend d JOIN pg_constraint f ON f.oid = d.objid
WHERE d.classid = 'pg_constraint'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1
  AND f.contype = 'f' AND f.confrelid = $1 AND f.conrelid <> $1
LIMIT 1)"};

// $1 the partition.  The foreign keys to it from other tables, the search for rows that refer to its rows, and what the
// current user lacks for that.
constinit Statement find_foreign_keys{R"(
SELECT f.conname::text, f.conrelid,
       CASE WHEN NOT has_schema_privilege(c.relnamespace, 'USAGE') THEN format('USAGE ON SCHEMA %I', s.nspname)
            WHEN NOT has_table_privilege(f.conrelid, 'SELECT')
                 AND NOT (SELECT bool_and(has_column_privilege(f.conrelid, k, 'SELECT')) FROM unnest(f.conkey) k)
            THEN format('SELECT ON %s', f.conrelid::regclass) END,
       format('SELECT 1 FROM %s r JOIN %s p ON (%s) LIMIT 1', f.conrelid::regclass, f.confrelid::regclass,
              (SELECT string_agg(format('p.%I OPERATOR(%I.%s) r.%I', p.attname, n.nspname, o.oprname, r.attname), ' AND ')
               FROM unnest(f.conkey, f.confkey, f.conpfeqop) k (referring, referred, equals)
               JOIN pg_attribute r ON r.attrelid = f.conrelid AND r.attnum = k.referring
               JOIN pg_attribute p ON p.attrelid = f.confrelid AND p.attnum = k.referred
               JOIN pg_operator o ON o.oid = k.equals
               JOIN pg_namespace n ON n.oid = o.oprnamespace))
FROM pg_constraint f
JOIN pg_class c ON c.oid = f.conrelid
JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE f.contype = 'f' AND f.confrelid = $1 AND f.conrelid <> $1)"};

Error missing_privilege(Oid partition, const std::string &privilege) {
	const std::string role = call([] { return quote_identifier(GetUserNameFromId(GetUserId(), false)); });
	return Error(ERRCODE_INSUFFICIENT_PRIVILEGE, format("role %s may not look for rows that refer to %s", role.c_str(),
	                                                    qualified_name(partition).c_str()))
	    .with_detail("It has no privilege " + privilege + ".")
	    .with_hint("Use GRANT " + privilege + " TO " + role + ".");
}

} // namespace

std::vector<Peer> find_peers(const OpenRelation &parent) {
	std::vector<Peer> peers;
	const List *const referenced = call(find_referenced, parent.get());
	for (int i = 0; referenced != nullptr && i < referenced->length; ++i) {
		peers.push_back({referenced->elements[i].oid_value, false});
	}
	const List *const referencing = call(find_referencing, parent.get());
	for (int i = 0; referencing != nullptr && i < referencing->length; ++i) {
		peers.push_back({referencing->elements[i].oid_value, true});
	}
	return peers;
}

bool refers_to_others(Oid table) {
	const auto refers = [](const Peer &peer) { return !peer.refers_to_us; };
	return std::ranges::any_of(find_peers(OpenRelation(table, NoLock)), refers);
}

bool is_referred_to(Oid table) {
	return std::ranges::any_of(find_peers(OpenRelation(table, NoLock)), &Peer::refers_to_us);
}

bool is_referenced(Oid partition) {
	Spi spi;
	return !spi.query_latest<int32>(find_reference, partition).empty();
}

void check_references(Oid partition) {
	Spi spi;
	for (const auto &[name, table, lacking, search] :
	     spi.query_latest<std::string_view, Oid, std::optional<std::string_view>, std::string_view>(find_foreign_keys,
	                                                                                                partition)) {
		if (lacking) {
			throw missing_privilege(partition, std::string(*lacking));
		}
		const TimestampTz start = call(GetCurrentTimestamp);
		const bool is_referenced = !Spi().query<int32>(std::string(search).c_str()).empty();
		const auto milliseconds = call([&] { return TimestampDifferenceMilliseconds(start, GetCurrentTimestamp()); });
		const std::string from = qualified_name(table);
		if (is_referenced) {
			throw Error(ERRCODE_FOREIGN_KEY_VIOLATION, format("cannot detach %s because rows of table %s refer to it",
			                                                  qualified_name(partition).c_str(), from.c_str()))
				.with_detail("The foreign key is \"" + std::string(name) + "\".")
				.with_hint("Delete those rows first, or give their table a retention that is shorter.");
		}
		if (milliseconds > lock_timeout_ms()) {
			throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			            format("to detach %s would lock it for long", qualified_name(partition).c_str()))
				.with_detail(
					format("To search table %s for rows that refer to it took %ld ms.", from.c_str(), milliseconds))
				.with_hint("Create an index on the columns of the foreign key, or set warden.lock_timeout higher.");
		}
	}
}

} // namespace warden::partition
