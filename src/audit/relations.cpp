#include "audit/relations.hpp"

#include "audit/incarnation.hpp"
#include "audit/version.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "catalog/pg_inherits.h"
#include "utils/inval.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constinit Statement select_relation{"SELECT id FROM warden.audit_relations WHERE relation = $1 AND until IS NULL"};

// What is of another audit goes: but for what bears our name, which is replaced.
constinit Statement select_mending{R"(
SELECT command FROM warden.audit_gaps($1, $2) WHERE command IS NOT NULL
UNION ALL
SELECT command FROM warden.audit_strays($1, $2) WHERE trigger NOT IN ('!pg_warden_audit', '!pg_warden_audit_truncate'))"};

constinit Statement select_strays{"SELECT command FROM warden.audit_strays($1, NULL)"};

constinit Statement select_incomplete{R"(
SELECT relation_name, gaps[1], (count(*) OVER ())::integer
FROM warden.audit_tables WHERE gaps IS NOT NULL ORDER BY relation_name COLLATE "C" LIMIT 1)"};

// Of partitions that have a trigger of rows already, from the table that they were attached to.
constinit Statement select_following{R"(
SELECT g.command FROM warden.audit_gaps($1, $2) g
WHERE NOT g.is_row AND g.command IS NOT NULL AND g.problem LIKE '% is missing' AND g.target <> $1
  AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = g.target AND tgfoid = 'warden.audit_capture()'::regprocedure))"};

// A partition that was a table before.
constinit Statement find_audited_partition{R"(
SELECT t.oid FROM warden.audit_tree($1) t (oid) JOIN warden.audit_relations r ON r.relation = t.oid AND r.until IS NULL
WHERE t.oid <> $1 LIMIT 1)"};

// Event triggers were off.
constinit Statement select_gone{R"(
SELECT relation::oid FROM warden.audit_relations r
WHERE until IS NULL AND relation::oid <> 0 AND NOT EXISTS (SELECT FROM pg_class WHERE oid = r.relation::oid))"};

constinit Statement select_dropping{"SELECT * FROM warden.audit_drop_triggers($1, $2, $3)"};

// $1 the incarnation: tables whose columns have other numbers than when they were last noted.
constinit Statement select_unnoted{R"(
SELECT r.relation::oid FROM warden.audit_relations r JOIN pg_class t ON t.oid = r.relation::oid
CROSS JOIN LATERAL (SELECT * FROM warden.audit_versions v WHERE v.relation = r.id ORDER BY v.id DESC LIMIT 1) v
WHERE r.until IS NULL AND v.transaction >> 52 <> $1 AND v.columns <> warden.audit_columns(t.oid))"};

constinit Statement select_name{"SELECT name FROM warden.audit_relations WHERE id = $1"};
constinit Statement update_name{"UPDATE warden.audit_relations SET name = $2 WHERE id = $1 AND name <> $2"};

// $1 the number of the relation, $2 and $3 its versions before and after: what was said of a column holds for it by its
// new name as well.  In a restored table, columns have other numbers, and the same places.
constinit Statement follow_names{R"(
WITH renamed AS (
    SELECT o.value ->> 'name' AS old, n.value ->> 'name' AS new
    FROM warden.audit_versions b, jsonb_array_elements(b.columns) WITH ORDINALITY o,
         warden.audit_versions a, jsonb_array_elements(a.columns) WITH ORDINALITY n
    WHERE b.id = $2 AND a.id = $3 AND o.value -> 'name' <> n.value -> 'name'
      AND CASE WHEN b.transaction >> 52 = a.transaction >> 52 THEN o.value -> 'number' = n.value -> 'number'
               ELSE o.ordinality = n.ordinality AND jsonb_array_length(b.columns) = jsonb_array_length(a.columns) END)
UPDATE warden.audit_relations r
SET columns = coalesce((SELECT array_agg(coalesce(new::name, name) ORDER BY place)
                        FROM unnest(r.columns) WITH ORDINALITY u (name, place) LEFT JOIN renamed ON old = name), r.columns),
    except_columns = coalesce((SELECT array_agg(coalesce(new::name, name) ORDER BY place)
                               FROM unnest(r.except_columns) WITH ORDINALITY u (name, place) LEFT JOIN renamed ON old = name),
                              r.except_columns)
WHERE id = $1 AND EXISTS (SELECT FROM renamed WHERE old = ANY (r.columns || r.except_columns)))"};

constinit Statement close_relation{R"(
UPDATE warden.audit_relations SET until = clock_timestamp() WHERE id = $1)"};

// Its OID may become another table's.
constinit Statement close_dropped{R"(
UPDATE warden.audit_relations r SET until = coalesce(r.until, clock_timestamp()), relation = 0::oid
FROM (SELECT id, until FROM warden.audit_relations WHERE relation = $1) before WHERE before.id = r.id
RETURNING r.id, before.until IS NULL)"};

// A change of values that no trigger has seen; with partitions, one for all of them.
constinit Statement find_rewrite{R"(
SELECT 1 FROM warden.audit_changes
WHERE relation = $1 AND transaction = $2 AND command = $3 AND after = warden.audit_columns($4))"};

/// While our own statements run, event triggers have nothing to follow.
constinit bool running = false;

class Running {
public:
	Running() { running = true; }
	Running(const Running &) = delete;
	Running &operator=(const Running &) = delete;
	~Running() { running = false; }
};

template <class... Arguments>
std::vector<std::string> read_statements(Statement &select, const Arguments &...arguments) {
	const AsExtension owner;
	std::vector<std::string> statements;
	Spi spi;
	for (const auto &[command] : spi.query_latest<std::string_view>(select, arguments...)) {
		statements.emplace_back(command);
	}
	return statements;
}

void warn_of_gaps(Oid root, const std::string &gaps) {
	report(WARNING,
	       Error(ERRCODE_WARNING, format("not all changes of table %s are audited", qualified_name(root).c_str()))
	           .with_detail("The " + gaps + ".")
	           .with_hint("Use warden.audit_enable() again, or warden.audit_disable()."));
}

std::string known_name(std::int32_t relation) {
	const AsExtension owner;
	Spi spi;
	return std::string(std::get<0>(spi.query_latest<std::string_view>(select_name, relation).front()));
}

// CREATE OR REPLACE TRIGGER would make its trigger that of the root.
void check_partitions(Oid table) {
	const AsExtension owner;
	Spi spi;
	for (const auto &[partition] : spi.query_latest<Oid>(find_audited_partition, table)) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("partition %s is audited by itself", qualified_name(partition).c_str()))
			.with_hint("Use warden.audit_disable() for it before: it is audited with the table at the root.");
	}
}

/// Name, columns, and gaps that begin or end.
void note_change(std::int32_t relation, Oid root, const std::string &command) {
	const std::int32_t before = latest_version(relation);
	const std::int32_t version = current_version(relation, root, command).id;
	const std::string old_name = known_name(relation);
	const std::string name = qualified_name(root);
	const auto gaps = gaps_of(relation, root);
	if (name != old_name || gaps != known_gaps(relation)) {
		write_change({.relation = relation,
		              .command = command,
		              .old_name = old_name,
		              .new_name = name,
		              .before = version,
		              .after = version,
		              .gaps = gaps});
	}
	if (name != old_name) {
		const AsExtension owner;
		Spi().execute_latest(update_name, relation, name);
	}
	if (version != before) {
		forget_plans(root);
	}
	if (gaps) {
		warn_of_gaps(root, *gaps);
	}
}

} // namespace

std::optional<std::int32_t> find_relation(Oid table) {
	const AsExtension owner;
	Spi spi;
	const auto found = spi.query_latest<int32>(select_relation, table);
	return found.empty() ? std::nullopt : std::optional(std::int32_t{std::get<0>(found.front())});
}

std::vector<std::string> mending_statements(Oid table, std::int32_t relation) {
	return read_statements(select_mending, table, relation);
}

std::vector<std::string> following_statements(Oid table, std::int32_t relation) {
	return read_statements(select_following, table, relation);
}

std::vector<std::string> dropping_statements(Oid table, std::int32_t relation, bool is_all) {
	return read_statements(select_dropping, table, relation, is_all);
}

bool is_running() {
	return running;
}

void run(const std::vector<std::string> &statements) {
	const Running scope;
	const AsExtension owner;
	Spi spi;
	for (const std::string &statement : statements) {
		spi.execute(statement.c_str());
	}
}

void forget_plans(Oid table) {
	const List *const tree = call(find_all_inheritors, table, NoLock, static_cast<List **>(nullptr));
	for (int i = 0; i < tree->length; ++i) {
		call(CacheInvalidateRelcacheByRelid, tree->elements[i].oid_value);
	}
}

std::vector<std::string> begin_audit(Oid table, std::int32_t relation, const std::string &command) {
	check_partitions(table);
	std::vector<std::string> statements = mending_statements(table, relation);
	run(statements);
	note_change(relation, table, command);
	forget_plans(table);
	return statements;
}

void end_audit(Oid table, std::int32_t relation) {
	run(dropping_statements(table, relation, true));
	const AsExtension owner;
	Spi().execute_latest(close_relation, relation);
	forget_plans(table);
}

bool end_unknown_audit(Oid table) {
	const std::vector<std::string> statements = read_statements(select_strays, table);
	run(statements);
	forget_plans(table);
	return !statements.empty();
}

void warn_of_all_gaps() {
	const AsExtension owner;
	Spi spi;
	for (const auto &[table, problem, count] :
	     spi.query_latest<std::string_view, std::string_view, int32>(select_incomplete)) {
		const std::string first(table);
		const std::string what(problem);
		report(WARNING, Error(ERRCODE_WARNING, format("audited tables whose changes are not all logged: %d", count))
		                    .with_detail(format("Of %s, the first of them: %s.", first.c_str(), what.c_str()))
		                    .with_hint("They are in warden.audit_tables. Use warden.audit_enable() again, or "
		                               "warden.audit_disable()."));
	}
}

void follow_change(Oid root, const std::string &command) {
	const auto relation = find_relation(root);
	if (!relation) {
		return;
	}
	const std::int32_t before = latest_version(*relation);
	note_change(*relation, root, command);
	const std::int32_t after = latest_version(*relation);
	if (after != before) {
		const AsExtension owner;
		Spi().execute_latest(follow_names, *relation, before, after);
	}
}

void note_columns(Oid root) {
	if (const auto relation = find_relation(root)) {
		current_version(*relation, root, "unknown");
	}
}

void note_columns_of_all() {
	const std::int32_t incarnation = call(known_incarnation);
	std::vector<Oid> tables;
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[table] : spi.query_latest<Oid>(select_unnoted, incarnation)) {
			tables.push_back(table);
		}
	}
	for (const Oid table : tables) {
		if (lock_if_free(table, AccessShareLock)) {
			note_columns(table);
		}
	}
}

void follow_attached(Oid root) {
	if (const auto relation = find_relation(root)) {
		run(following_statements(root, *relation));
	}
}

void follow_detached(Oid root) {
	if (const auto relation = find_relation(root)) {
		run(dropping_statements(root, *relation, false));
	}
}

void follow_rewrite(Oid root, const std::string &command) {
	const auto relation = find_relation(root);
	if (!relation) {
		return;
	}
	const std::string what = command + ", table rewrite";
	const std::int32_t before = latest_version(*relation);
	const std::int64_t transaction = call(transaction_id);
	{
		const AsExtension owner;
		Spi spi;
		if (!spi.query_latest<int32>(find_rewrite, *relation, int64{transaction}, what, root).empty()) {
			return;
		}
	}
	const std::string name = qualified_name(root);
	const std::int32_t after = current_version(*relation, root, command).id;
	write_change({.relation = *relation,
	              .command = what,
	              .old_name = name,
	              .new_name = name,
	              .before = before,
	              .after = after,
	              .gaps = known_gaps(*relation)});
}

void close_gone() {
	std::vector<Oid> gone;
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[table] : spi.query_latest<Oid>(select_gone)) {
			gone.push_back(table);
		}
	}
	for (const Oid table : gone) {
		follow_drop(table, "unknown");
	}
}

void follow_drop(Oid table, const std::string &command) {
	std::vector<std::int32_t> ended;
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[relation, was_audited] : spi.change_latest<int32, bool>(close_dropped, table)) {
			if (was_audited) {
				ended.push_back(relation);
			}
		}
	}
	for (const std::int32_t relation : ended) {
		write_change({.relation = relation,
		              .command = command,
		              .old_name = known_name(relation),
		              .new_name = std::nullopt,
		              .before = latest_version(relation),
		              .after = 0,
		              .gaps = std::nullopt});
	}
}

} // namespace warden::audit
