#include "audit/log_class.hpp"

#include "audit/log_writer.hpp"
#include "audit/confidential.hpp"
#include "audit/relations.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <vector>

namespace warden::audit {

using namespace pg;

namespace {

// As they are written: a year equals 360 days, but is longer.
constinit Statement find_class{R"(
SELECT id::integer, log::oid, warden.audit_is_part(log::oid)
FROM warden.audit_classes WHERE interval_send(keep) IS NOT DISTINCT FROM interval_send($1))"};

constinit Statement insert_class{R"(
INSERT INTO warden.audit_classes (id, log, keep) VALUES ($1::integer::smallint, $2, $3))"};

constinit Statement update_class{"UPDATE warden.audit_classes SET log = $2 WHERE id = $1::integer::smallint"};

// $1 a part: sessions know it.
constinit Statement select_writers{R"(
SELECT t.oid FROM warden.audit_relations r JOIN pg_class t ON t.oid = r.relation::oid
WHERE r.class = $1::integer::smallint AND r.until IS NULL)"};

// What is missing of a part that is there.
constinit Statement select_repairs{R"(
SELECT format('CREATE TABLE %1$I.%2$I PARTITION OF %1$I.%3$I DEFAULT', n.nspname, c.relname || '_default', c.relname), 1
FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.partrelid = $1 AND p.partdefid = 0
UNION ALL
SELECT format('ALTER TABLE warden.audit_log ATTACH PARTITION %I.%I FOR VALUES IN (%s)', n.nspname, c.relname, $2), 2
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = $1 AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid)
ORDER BY 2)"};

constinit Statement select_default{
	"SELECT partdefid FROM pg_partitioned_table WHERE partrelid = $1 AND partdefid <> 0"};

// A dump without data has the tables, and does not say what they were for.
constinit Statement next_class{R"(
SELECT max(id) + 1
FROM (SELECT 0 UNION ALL SELECT id FROM warden.audit_classes
      UNION ALL SELECT substring(relname FROM '^audit_log_(\d+)$')::integer FROM pg_class
      WHERE relnamespace = 'warden'::regnamespace AND relname ~ '^audit_log_\d{1,4}$') known (id))"};

// Those without an index by key, as long as they are empty: later, writers would wait for it.
constinit Statement find_bare{R"(
SELECT t.relid::oid FROM warden.audit_classes l, pg_partition_tree(l.log::regclass) t
WHERE t.isleaf AND pg_relation_size(t.relid) = 0 AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.relid))"};

// Rows are never changed, so they are frozen whenever autovacuum passes. Two fit on a page before one is put out of
// line.
constinit Statement declare_set{R"(
SELECT count(*) FROM warden.partition_by_time($1::oid::regclass, '1 day', keep => $2, timezone => 'UTC',
    storage_parameters => '{autovacuum_freeze_min_age=0,toast_tuple_target=4064}'))"};

constinit Statement find_lz4{
	"SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"};

Oid table_oid(const std::string &table) {
	return std::get<0>(Spi().query_latest<Oid>("SELECT $1::regclass::oid", table).front());
}

struct Class {
	std::int32_t id;
	Oid log;
	bool is_whole;
};

std::optional<Class> find(const std::optional<partition::Span> &keep) {
	Spi spi;
	for (const auto &[id, log, is_whole] : spi.query_latest<int32, Oid, bool>(find_class, keep)) {
		return Class{id, log, is_whole};
	}
	return std::nullopt;
}

/// Of the default partition rows are deleted, also where all tables are published.
std::string identify_rows(const std::string &table) {
	return "ALTER TABLE " + table + " REPLICA IDENTITY FULL";
}

/// Declared as a set first, as what is a partition itself cannot be.
void make_part(std::int32_t id, const std::optional<partition::Span> &keep) {
	const std::string name = format("audit_log_%d", id);
	const std::string table = "warden." + name;
	Spi spi;
	spi.execute(("CREATE TABLE " + table + " (LIKE warden.audit_log) PARTITION BY RANGE (at)").c_str());
	if (!spi.query_latest<int32>(find_lz4).empty()) {
		spi.execute(("ALTER TABLE " + table +
		             " ALTER key SET COMPRESSION lz4, ALTER before SET COMPRESSION lz4, "
		             "ALTER after SET COMPRESSION lz4")
		                .c_str());
	}
	spi.execute(("CREATE TABLE " + table + "_default PARTITION OF " + table + " DEFAULT").c_str());
	spi.execute(identify_rows(table + "_default").c_str());
	revoke_default_privileges(table); // partitions made later have the same as it
	revoke_default_privileges(table + "_default");
	spi.query<int64>(declare_set, table_oid(table), keep);
	spi.execute(("ALTER TABLE warden.audit_log ATTACH PARTITION " + table + format(" FOR VALUES IN (%d)", id)).c_str());
}

std::vector<Oid> bare_partitions() {
	std::vector<Oid> bare;
	for (const auto &[table] : Spi().query_latest<Oid>(find_bare)) {
		bare.push_back(table);
	}
	return bare;
}

/// Of what somebody has dropped or detached by hand.
void repair_part(const Class &known, const std::optional<partition::Span> &keep) {
	std::vector<std::string> statements;
	std::vector<Oid> writers;
	Spi spi;
	if (!relation_exists(known.log)) {
		make_part(known.id, keep);
		spi.execute(update_class, known.id, table_oid("warden." + format("audit_log_%d", known.id)));
	}
	for (const auto &[statement, order] :
	     spi.query_latest<std::string_view, int32>(select_repairs, known.log, known.id)) {
		statements.emplace_back(statement);
	}
	run(statements);
	for (const auto &[table] : spi.query_latest<Oid>(select_default, known.log)) {
		revoke_default_privileges(qualified_name(table));
		spi.execute(identify_rows(qualified_name(table)).c_str());
	}
	for (const auto &[table] : spi.query_latest<Oid>(select_writers, known.id)) {
		writers.push_back(table);
	}
	for (const Oid table : writers) {
		forget_plans(table);
	}
	index_partitions();
}

} // namespace

void index_partitions() {
	const AsExtension owner;
	for (const Oid table : bare_partitions()) {
		// Not two at once: the other one's index is seen then.
		if (lock_if_free(table, ShareRowExclusiveLock) && std::ranges::count(bare_partitions(), table) > 0) {
			Spi().execute(("CREATE INDEX ON " + qualified_name(table) + ' ' + key_index).c_str());
		}
	}
}

std::int16_t class_for(const std::optional<partition::Span> &keep) {
	const AsExtension owner;
	make_confidential_tables();
	auto known = find(keep);
	if (!known || !known->is_whole) {
		lock_classes();
		known = find(keep);
	}
	if (known && !known->is_whole) {
		repair_part(*known, keep);
	}
	if (known) {
		return static_cast<std::int16_t>(known->id);
	}
	Spi spi;
	const auto id = std::get<0>(spi.query_latest<int32>(next_class).front());
	make_part(id, keep);
	const Oid log = table_oid("warden." + format("audit_log_%d", id));
	spi.execute(insert_class, id, log, keep);
	index_partitions();
	return static_cast<std::int16_t>(id);
}

} // namespace warden::audit
