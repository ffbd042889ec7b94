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
SELECT id::integer FROM warden.audit_classes WHERE interval_send(keep) IS NOT DISTINCT FROM interval_send($1))"};

constinit Statement insert_class{R"(
INSERT INTO warden.audit_classes (id, log, keep) VALUES ($1::integer::smallint, $2, $3))"};

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

std::optional<std::int16_t> find(const std::optional<partition::Span> &keep) {
	Spi spi;
	const auto found = spi.query_latest<int32>(find_class, keep);
	return found.empty() ? std::nullopt : std::optional(static_cast<std::int16_t>(std::get<0>(found.front())));
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
	if (const auto known = find(keep)) {
		return *known;
	}
	lock_classes();
	if (const auto known = find(keep)) {
		return *known;
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
