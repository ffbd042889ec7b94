#include "partition/archive.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constinit Statement insert_move{R"(
INSERT INTO warden.partition_departures (partition, parent, action) VALUES ($1, $2, 'move')
ON CONFLICT (partition) DO UPDATE SET (parent, action, since) = (excluded.parent, excluded.action, excluded.since))"};
constinit Statement select_moves{
	"SELECT partition::oid FROM warden.partition_departures WHERE parent = $1 AND action = 'move' ORDER BY since"};
constinit Statement delete_move{"DELETE FROM warden.partition_departures WHERE partition = $1 AND action = 'move'"};

// $1 the table, $2 tablespace, $3 access method: the statements that have it, and what is below it, there.  Which of
// them does not exist is for the server to say.
constinit Statement select_statements{R"(
WITH tree AS (SELECT relid::oid AS oid FROM pg_partition_tree($1) UNION SELECT $1),
     place AS (
         SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name,
                $2 IS NOT NULL AND coalesce(nullif(c.reltablespace, 0), d.dattablespace)
                    IS DISTINCT FROM (SELECT oid FROM pg_tablespace WHERE spcname = $2) AS is_elsewhere,
                $3 IS NOT NULL AND c.relam IS DISTINCT FROM (SELECT oid FROM pg_am WHERE amname = $3) AS is_otherwise
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_database d
         WHERE d.datname = current_database())
SELECT 1, 'ALTER TABLE ' || name || ' '
       || concat_ws(', ', CASE WHEN is_otherwise THEN format('SET ACCESS METHOD %I', $3) END,
                    CASE WHEN is_elsewhere THEN format('SET TABLESPACE %I', $2) END)
FROM tree JOIN place USING (oid)
WHERE relkind = 'r' AND (is_elsewhere OR is_otherwise)
UNION ALL
SELECT 2, format('ALTER INDEX %s SET TABLESPACE %I', name, $2)
FROM tree JOIN pg_index i ON i.indrelid = tree.oid JOIN place ON place.oid = i.indexrelid
WHERE relkind = 'i' AND is_elsewhere
ORDER BY 1, 2)"};

std::vector<std::string> statements_of(const Policy &policy, Oid table) {
	std::vector<std::string> statements;
	Spi spi;
	for (const auto &[order, statement] : spi.query_latest<int32, std::string_view>(
			 select_statements, table, policy.retention.tablespace, policy.retention.access_method)) {
		statements.emplace_back(statement);
	}
	return statements;
}

/// Whether it is still where it was put, and whose it was.
bool is_in_archive(const Policy &policy, Oid table) {
	const Oid archive = call(get_namespace_oid, policy.retention.schema.value_or("").c_str(), true);
	return relation_exists(table) && !call(get_rel_relispartition, table) &&
	       policy.retention.way == Retention::Way::Archive && call(get_rel_namespace, table) == archive &&
	       call(has_privs_of_role, owner_of(policy.parent), owner_of(table));
}

} // namespace

void note_move(const Policy &policy, Oid table) {
	const Retention &retention = policy.retention;
	if (retention.way == Retention::Way::Archive && (retention.tablespace || retention.access_method)) {
		const AsExtension owner;
		Spi().execute(insert_move, table, policy.parent);
	}
}

std::vector<Oid> tables_to_move(Oid parent) {
	const AsExtension owner;
	Spi spi;
	std::vector<Oid> tables;
	for (const auto &[table] : spi.query_latest<Oid>(select_moves, parent)) {
		tables.push_back(table);
	}
	return tables;
}

Done plan_move(const Policy &policy, Oid table) {
	const PinnedSettings settings;
	return {qualified_name(table), join(statements_of(policy, table))};
}

std::optional<Done> move_table(const Policy &policy, Oid table) {
	const PinnedSettings settings;
	std::optional<Done> done;
	if (is_unchanged(policy) && is_in_archive(policy, table)) {
		const std::vector<std::string> statements = statements_of(policy, table);
		done = Done{qualified_name(table), join(statements)};
		{
			const AsOwner owner(owner_of(policy.parent));
			Spi spi;
			for (const std::string &statement : statements) {
				spi.execute(statement.c_str());
			}
		}
		log_step(policy.parent, done->partition, "move", done->command);
	}
	const AsExtension owner;
	Spi().execute(delete_move, table);
	return done;
}

} // namespace warden::partition
