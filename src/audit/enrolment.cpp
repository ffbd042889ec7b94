#include "audit/enrolment.hpp"

#include "audit/event.hpp"
#include "audit/incarnation.hpp"
#include "audit/log_class.hpp"
#include "audit/options.hpp"
#include "audit/relations.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "storage/lmgr.h"
}

namespace warden::audit {

using namespace pg;

namespace {

using Rows = ResultSet<Oid, std::string, std::string, std::optional<std::string>, std::optional<std::string>>;

// Not a table that audit_disable() was told of, which any ALTER TABLE would bring back.  One that was detached has the
// other trigger of its former root.
constinit Statement select_new{R"(
WITH command AS (
    SELECT objid, command_tag FROM pg_event_trigger_ddl_commands()
    WHERE classid = 'pg_class'::regclass AND NOT in_extension
      AND command_tag IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')),
found (oid, has_rows) AS (
    SELECT objid, bool_or(command_tag IN ('CREATE TABLE AS', 'SELECT INTO')) FROM command GROUP BY objid
    UNION ALL
    SELECT tgrelid, false FROM pg_trigger
    WHERE tgfoid = 'warden.audit_capture_truncate()'::regprocedure AND EXISTS (SELECT FROM command WHERE command_tag = 'ALTER TABLE'))
SELECT t.oid, bool_or(f.has_rows)
FROM found f JOIN pg_class t ON t.oid = f.oid JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN warden.audit_schemas s ON s.schema = n.nspname
WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM warden.audit_relations r WHERE r.relation::oid = t.oid AND NOT r.attached)
GROUP BY t.oid ORDER BY t.oid)"};

// $1 a table that is audited, or a partition of one; $2 a table that its schema has taken in.
constinit Statement select_joining{R"(
SELECT c.id FROM warden.audit_relations c
WHERE c.relation::oid = $2 AND c.until IS NULL AND c.by_schema
  AND EXISTS (SELECT FROM warden.audit_relations p
              WHERE p.until IS NULL AND p.relation::oid = coalesce(pg_partition_root($1)::oid, $1)))"};
constinit Statement note_attached{"UPDATE warden.audit_relations SET attached = true WHERE id = $1"};

// $1 the table, $2 its name.
constinit Statement update_relation{R"(
UPDATE warden.audit_relations r
SET (name, class, columns, except_columns, require_context, on_truncate, keep_dropped)
    = ($2, s.class, s.columns, s.except_columns, s.require_context, s.on_truncate, s.keep_dropped)
FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace JOIN warden.audit_schemas s ON s.schema = n.nspname
WHERE t.oid = $1 AND r.relation::oid = $1 AND r.until IS NULL AND r.by_schema RETURNING r.id)"};
constinit Statement insert_relation{R"(
INSERT INTO warden.audit_relations
    (relation, name, class, columns, except_columns, require_context, on_truncate, keep_dropped, by_schema)
SELECT $1, $2, s.class, s.columns, s.except_columns, s.require_context, s.on_truncate, s.keep_dropped, true
FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace JOIN warden.audit_schemas s ON s.schema = n.nspname
WHERE t.oid = $1 RETURNING id)"};

constinit Statement select_schema{"SELECT oid, pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = $1"};

constinit Statement write_schema{R"(
INSERT INTO warden.audit_schemas (schema, class, columns, except_columns, require_context, on_truncate, keep_dropped)
VALUES ($1::name, $2::integer::smallint, $3::name[], $4::name[], $5, $6, $7)
ON CONFLICT (schema) DO UPDATE
SET (class, columns, except_columns, require_context, on_truncate, keep_dropped)
    = (excluded.class, excluded.columns, excluded.except_columns, excluded.require_context, excluded.on_truncate,
       excluded.keep_dropped))"};
constinit Statement delete_schema{"DELETE FROM warden.audit_schemas WHERE schema = $1::name"};
constinit Statement find_schema{"SELECT 1 FROM warden.audit_schemas WHERE schema = $1::name"};

// All tables of a schema, with their number if they are audited, and whether that is by the schema.
constinit Statement select_tables{R"(
SELECT t.oid, coalesce(r.id, 0), coalesce(r.by_schema, false)
FROM pg_class t LEFT JOIN warden.audit_relations r ON r.relation::oid = t.oid AND r.until IS NULL
WHERE t.relnamespace = $1 AND t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = t.oid AND deptype = 'e')
ORDER BY t.oid)"};

constinit Statement select_next_number{"SELECT coalesce(max(id), 0) + 1 FROM warden.audit_relations"};

struct Table {
	Oid oid;
	std::int32_t relation; ///< 0: it is not audited
	bool is_by_schema;
};

std::vector<Table> tables_in(Oid schema) {
	const AsExtension owner;
	std::vector<Table> tables;
	Spi spi;
	for (const auto &[oid, relation, is_by_schema] : spi.query_latest<Oid, int32, bool>(select_tables, schema)) {
		tables.push_back({oid, relation, is_by_schema});
	}
	return tables;
}

std::string schema_argument(FunctionCallInfo fcinfo) {
	const char *const name = call([&] { return PG_ARGISNULL(0) ? nullptr : pstrdup(NameStr(*PG_GETARG_NAME(0))); });
	if (name == nullptr) {
		throw Error(ERRCODE_NULL_VALUE_NOT_ALLOWED, "\"schema\" must not be null")
			.with_hint("Type schema => with the name of one.");
	}
	return name;
}

/// Whose tables the caller may drop, and so may audit what comes into it.
Oid owned_schema(const std::string &name) {
	const PinnedSettings settings;
	Spi spi;
	const auto found = spi.query_latest<Oid, bool>(select_schema, name);
	if (found.empty()) {
		throw Error(ERRCODE_UNDEFINED_SCHEMA, format("schema \"%s\" does not exist", name.c_str()))
			.with_hint("Name it as it is, in lower and upper case.");
	}
	const auto [schema, is_owned] = found.front();
	if (!is_owned) {
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE, format("must be owner of schema %s", name.c_str()))
			.with_hint("Use SET ROLE, or have a member of its owner do it.");
	}
	if (is_system_schema(schema)) {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, format("cannot audit schema %s", name.c_str()))
			.with_detail("It is one of the system's or of pg_warden's own.");
	}
	return schema;
}

std::int32_t next_number() {
	const AsExtension owner;
	return std::get<0>(Spi().query_latest<int32>(select_next_number).front());
}

std::vector<std::string> audit_table(Oid table) {
	const std::string name = qualified_name(table);
	std::int32_t relation = 0;
	{
		const AsExtension owner;
		Spi spi;
		const auto known = spi.change_latest<int32>(update_relation, table, name);
		relation = std::get<0>(known.empty() ? spi.query<int32>(insert_relation, table, name).front() : known.front());
	}
	return begin_audit(table, relation, "audit_enable_schema");
}

/// Does it to one table, and says what became of it.  Only the first may wait for a lock, as others may wait for those
/// that are held already.
template <class F>
void add_row(Rows &rows, Oid table, const char *action, bool dry_run, LOCKMODE mode, bool &is_first, F &&body) {
	std::vector<std::string> statements;
	const auto error = attempt([&] {
		check_owner(table);
		if (!dry_run) {
			is_first ? lock(table, mode) : lock_now(table, mode);
			is_first = false;
			check_owner(table);
		}
		statements = body();
	});
	if (error) {
		rows.add(table, action, is_blocked(*error) ? "blocked" : "failed", std::nullopt, error->message);
	} else {
		rows.add(table, action, dry_run ? "planned" : "done", join(statements), std::nullopt);
	}
}

std::optional<std::int32_t> find_joining(Oid parent, Oid table) {
	if (!owns(parent) || !owns(table)) { // then the command is refused
		return std::nullopt;
	}
	const AsExtension owner;
	Spi spi;
	const auto found = spi.query_latest<int32>(select_joining, parent, table);
	return found.empty() ? std::nullopt : std::optional(std::int32_t{std::get<0>(found.front())});
}

} // namespace

void make_way(Oid parent, Oid table) {
	if (!find_joining(parent, table)) {
		return;
	}
	// As the command will, and in its order.
	call(LockRelationOid, parent, ShareUpdateExclusiveLock);
	call(LockRelationOid, table, AccessExclusiveLock);
	if (const auto relation = find_joining(parent, table)) {
		end_audit(table, *relation);
		const AsExtension owner;
		Spi().execute_latest(note_attached, *relation);
	}
}

std::vector<NewTable> new_tables() {
	const AsExtension owner;
	std::vector<NewTable> tables;
	Spi spi;
	for (const auto &[table, has_rows] : spi.query_latest<Oid, bool>(select_new)) {
		tables.push_back({table, has_rows});
	}
	return tables;
}

void enrol(Oid table) {
	std::ignore = audit_table(table);
}

void log_rows(Oid table) {
	call(capture_present_rows, table);
}

/// audit_enable_schema(schema name, columns name[], except_columns name[], keep interval, require_context boolean,
/// on_truncate text, keep_dropped boolean, dry_run boolean) returns table (relation, action, status, command, detail)
PG_FUNCTION(audit_enable_schema) {
	Rows rows(fcinfo);
	const std::string name = schema_argument(fcinfo);
	const Options options = read_options(fcinfo);
	const Oid schema = owned_schema(name);
	const PinnedSettings settings;
	std::int32_t number = next_number();
	if (!options.dry_run) {
		call(PreventCommandIfReadOnly, "warden.audit_enable_schema()");
		const std::int16_t log_class = class_for(options.keep);
		const AsExtension owner;
		Spi().execute(write_schema, name, int32{log_class}, options.columns, options.except_columns,
		              options.require_context, options.on_truncate, options.keep_dropped);
		std::ignore = call(transaction_id); // from now on event triggers have work to do
	}
	bool is_first = true;
	for (const Table &table : tables_in(schema)) {
		check_for_interrupts();
		if (table.relation != 0 && !table.is_by_schema) {
			rows.add(table.oid, "enable", "skipped", std::nullopt, "It is audited as audit_enable() was told.");
			continue;
		}
		add_row(rows, table.oid, "enable", options.dry_run, ShareRowExclusiveLock, is_first, [&] {
			return options.dry_run ? mending_statements(table.oid, table.relation != 0 ? table.relation : number++)
			                       : audit_table(table.oid);
		});
	}
	PG_RETURN_NULL();
}

/// audit_disable_schema(schema name, dry_run boolean) returns table (relation, action, status, command, detail)
PG_FUNCTION(audit_disable_schema) {
	Rows rows(fcinfo);
	const std::string name = schema_argument(fcinfo);
	const bool dry_run = required_argument<bool>(fcinfo, 1, "dry_run");
	const Oid schema = owned_schema(name);
	const PinnedSettings settings;
	std::vector<Table> tables = tables_in(schema);
	std::erase_if(tables, [](const Table &table) { return !table.is_by_schema; });
	{
		const AsExtension owner;
		Spi spi;
		if (spi.query_latest<int32>(find_schema, name).empty() && tables.empty()) {
			throw Error(ERRCODE_UNDEFINED_OBJECT, format("schema %s is not audited", name.c_str()))
				.with_hint("The schemas that are audited are in warden.audit_schemas.");
		}
		if (!dry_run) {
			call(PreventCommandIfReadOnly, "warden.audit_disable_schema()");
			spi.execute_latest(delete_schema, name);
		}
	}
	bool is_first = true;
	for (const Table &table : tables) {
		check_for_interrupts();
		add_row(rows, table.oid, "disable", dry_run, AccessExclusiveLock, is_first, [&] {
			const std::vector<std::string> statements = dropping_statements(table.oid, table.relation, true);
			if (!dry_run) {
				end_audit(table.oid, table.relation);
			}
			return statements;
		});
	}
	PG_RETURN_NULL();
}

} // namespace warden::audit
