#include "audit/log_class.hpp"

#include "audit/audit.hpp"
#include "audit/log_writer.hpp"

#include "partition/bounds.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <vector>

namespace warden::audit {

using namespace pg;

namespace {

constinit Statement find_class{R"(
SELECT id::integer FROM warden.audit_classes WHERE keep IS NOT DISTINCT FROM $1)"};

constinit Statement insert_class{R"(
INSERT INTO warden.audit_classes (id, log, keep) VALUES ($1::integer::smallint, $2, $3))"};

constinit Statement next_class{"SELECT coalesce(max(id), 0) + 1 FROM warden.audit_classes"};

// Those without an index by key, as long as they are empty: later, writers would wait for it.
constinit Statement find_bare{R"(
SELECT t.relid::oid, c.relname::text
FROM warden.audit_classes l, pg_partition_tree(l.log::regclass) t JOIN pg_class c ON c.oid = t.relid
WHERE t.isleaf AND pg_relation_size(t.relid) = 0 AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.relid))"};

// What default privileges have granted. $1 the table; partitions made later have the same privileges as it.
constinit Statement select_revocations{R"(
SELECT format('REVOKE ALL ON %s FROM %s', c.oid::regclass, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.oid IN ($1::regclass, ($1 || '_default')::regclass) AND a.grantee <> c.relowner
GROUP BY 1)"};

constinit Statement declare_set{R"(
SELECT count(*) FROM warden.partition_by_time($1::oid::regclass, '1 day', keep => $2, timezone => 'UTC'))"};

Oid table_oid(const std::string &table) {
	return std::get<0>(Spi().query_latest<Oid>("SELECT $1::regclass::oid", table).front());
}

/// Declared as a set first, as what is a partition itself cannot be.
void make_part(std::int32_t id, const std::optional<partition::Span> &keep) {
	const std::string name = format("audit_log_%d", id);
	const std::string table = "warden." + name;
	Spi spi;
	for (const std::string &statement : {"CREATE TABLE " + table + " (LIKE warden.audit_log) PARTITION BY RANGE (at)",
	                                     "CREATE TABLE " + table + "_default PARTITION OF " + table + " DEFAULT"}) {
		spi.execute(statement.c_str());
	}
	for (const auto &[statement] : spi.query_latest<std::string_view>(select_revocations, table)) {
		Spi().execute(std::string(statement).c_str());
	}
	spi.query<int64>(declare_set, table_oid(table), keep);
	spi.execute(("ALTER TABLE warden.audit_log ATTACH PARTITION " + table + format(" FOR VALUES IN (%d)", id)).c_str());
}

constinit Statement select_logs{"SELECT log::oid FROM warden.audit_classes"};
constinit Statement find_old{R"(
SELECT 1 FROM (SELECT at FROM warden.audit_sessions UNION ALL SELECT at FROM warden.audit_contexts) row WHERE at < $1
LIMIT 1)"};
constinit Statement delete_sessions{"DELETE FROM warden.audit_sessions WHERE at < $1"};
constinit Statement delete_contexts{"DELETE FROM warden.audit_contexts WHERE at < $1"};

/// Where the oldest partition of any part begins; no session is named in it that is older by more than a partition.
Moment oldest_event() {
	Moment oldest = end;
	Spi spi;
	for (const auto &[log] : spi.query_latest<Oid>(select_logs)) {
		const partition::Bounds bounds = partition::read_bounds(OpenRelation(log, AccessShareLock), std::nullopt);
		oldest = std::min(oldest, bounds.ranges.empty() ? beginning : bounds.ranges.front().lower);
	}
	return oldest;
}

} // namespace

void delete_old_sessions() {
	const AsExtension owner;
	const Moment oldest = oldest_event();
	if (!is_finite(oldest)) {
		return;
	}
	const Timestamptz limit{oldest - microseconds_per_day};
	Spi spi;
	if (!spi.query_latest<int32>(find_old, limit).empty()) {
		spi.execute(delete_sessions, limit);
		spi.execute(delete_contexts, limit);
	}
}

void index_partitions() {
	const AsExtension owner;
	Spi spi;
	std::vector<std::string> statements;
	for (const auto &[table, name] : spi.query_latest<Oid, std::string_view>(find_bare)) {
		statements.push_back("CREATE INDEX ON " + qualified_name(table) + ' ' + key_index);
	}
	for (const std::string &statement : statements) {
		spi.execute(statement.c_str());
	}
}

std::int16_t class_for(const std::optional<partition::Span> &keep) {
	const AsExtension owner;
	Spi spi;
	const auto found = spi.query_latest<int32>(find_class, keep);
	if (!found.empty()) {
		return static_cast<std::int16_t>(std::get<0>(found.front()));
	}
	const auto id = std::get<0>(spi.query_latest<int32>(next_class).front());
	make_part(id, keep);
	const Oid log = table_oid("warden." + format("audit_log_%d", id));
	spi.execute(insert_class, id, log, keep);
	index_partitions();
	return static_cast<std::int16_t>(id);
}

void maintain_log(const Procedure &procedure) {
	for (void (*const step)() : {index_partitions, delete_old_sessions}) {
		if (const auto error = attempt(step)) {
			report(WARNING, Error(error->sqlstate, format("could not maintain the audit log: %s", error->what())));
		}
		procedure.commit();
	}
}

} // namespace warden::audit
