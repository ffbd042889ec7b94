#include "bloat/repair_gates.hpp"

#include "bloat/repair_settings.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/zone.hpp"

#include <algorithm>
#include <sys/stat.h>
#include <sys/statvfs.h>

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_tablespace_d.h"
#include "utils/timestamp.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

using Closed = std::optional<std::string>;

constexpr double disk_factor = 1.2;              // of the predicted size: it is an estimate
constexpr double usual_speed = 20 * 1024 * 1024; // bytes a second, until some were measured

constinit Statement select_speed{R"(
SELECT sum(bytes_before) / sum(extract(epoch FROM ended - started))::float8
FROM (SELECT * FROM warden.bloat_repair_log
      WHERE status = 'done' AND action IN ('reindex', 'rewrite') AND ended > started + interval '1 second'
      ORDER BY ended DESC LIMIT 20) latest)"};

constinit Statement find_lag{R"(
SELECT format('standby "%s" is behind', application_name) FROM pg_stat_replication
WHERE pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(replay_lsn, flush_lsn, write_lsn)) > $1
UNION ALL
SELECT format('replication slot "%s" is behind', slot_name) FROM pg_replication_slots
WHERE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) > $1 ORDER BY 1 LIMIT 1)"};

// $1 the table, $2 milliseconds.  REINDEX CONCURRENTLY waits for every transaction that has a lock on the table, and
// for every one of the database that has an older snapshot.
constinit Statement find_transaction{R"(
WITH holder AS (
    SELECT pid, virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = $1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
SELECT who FROM (
    SELECT xact_start, format('process %s', pid) FROM pg_stat_activity a
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker'
      AND (backend_xmin IS NOT NULL OR pid IN (SELECT pid FROM holder))
    UNION ALL
    SELECT prepared, format('prepared transaction "%s"', gid)
    FROM pg_prepared_xacts p JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = p.transaction
    WHERE l.pid IS NULL AND l.virtualtransaction IN (SELECT virtualtransaction FROM holder WHERE pid IS NULL))
    open (since, who)
WHERE since < clock_timestamp() - make_interval(secs => $2 / 1000.0)
ORDER BY since, who LIMIT 1)"};

constinit Statement find_build{R"(
SELECT 1 FROM pg_stat_progress_create_index
WHERE relid IN ($1, (SELECT reltoastrelid FROM pg_class WHERE oid = $1)))"};

constexpr double longest_seconds = 8 * 24 * 3600; // hours of a window come again each week

constinit Statement find_tablespace{"SELECT reltablespace FROM pg_class WHERE oid = $1"};

/// Whether it is open for so long without a break.  No break is shorter than the minutes of its clock.
bool stays_open(const Window &window, const Zone &zone, Moment begin, double seconds) {
	const Moment end = begin + static_cast<Moment>(std::min(seconds, longest_seconds)) * microseconds_per_second;
	for (Moment moment = begin; moment < end; moment += 60 * microseconds_per_second) {
		if (!contains(window, zone, moment)) {
			return false;
		}
	}
	return contains(window, zone, end);
}

Closed closed_window(Action action, std::int64_t bytes) {
	const Window window = repair_window();
	if (window.empty()) {
		return action == Action::Rewrite ? Closed("warden.bloat_window, which a rewrite that locks needs")
		                                 : std::nullopt;
	}
	double speed = usual_speed;
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[measured] : spi.query_latest<std::optional<double>>(select_speed)) {
			speed = measured.value_or(usual_speed);
		}
	}
	const Zone zone = server_zone(call([] { return GetConfigOption("timezone", false, false); }));
	const Moment now = call(GetCurrentTimestamp);
	if (!contains(window, zone, now)) {
		return "warden.bloat_window";
	}
	if (makes_files(action) && !stays_open(window, zone, now, static_cast<double>(bytes) / speed)) {
		return "the begin of warden.bloat_window: it would not end inside";
	}
	return std::nullopt;
}

Closed closed_by_lag() {
	if (max_lag_bytes() < 0 || call(RecoveryInProgress)) { // a standby says only what it would do
		return std::nullopt;
	}
	const AsExtension owner;
	Spi spi;
	for (const auto &[text] : spi.query_latest<std::string_view>(find_lag, int64{max_lag_bytes()})) {
		return std::string(text);
	}
	return std::nullopt;
}

Closed closed_by_transactions(Oid table) {
	const AsExtension owner;
	Spi spi;
	for (const auto &[who] : spi.query_latest<std::string_view>(find_transaction, table, int32{max_wait_ms()})) {
		return "the transaction of " + std::string(who);
	}
	return std::nullopt;
}

Closed closed_by_build(Oid table) {
	const AsExtension owner;
	Spi spi;
	return spi.query_latest<int32>(find_build, table).empty() ? std::nullopt
	                                                          : Closed("an index of the table is being made");
}

struct Disk {
	dev_t device;
	double free;
};

std::optional<Disk> disk_of(const std::string &path) {
	struct stat file{};
	struct statvfs disk{};
	if (stat(path.c_str(), &file) != 0 || statvfs(path.c_str(), &disk) != 0) {
		return std::nullopt;
	}
	return Disk{file.st_dev, static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize)};
}

// By paths in the data directory, which is the working directory of every process of the server.
Closed closed_by_disk(Oid relation, std::int64_t bytes) {
	Oid tablespace = InvalidOid;
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[oid] : spi.query_latest<Oid>(find_tablespace, relation)) {
			tablespace = OidIsValid(oid) ? oid : MyDatabaseTableSpace;
		}
	}
	const bool is_default = !OidIsValid(tablespace) || tablespace == DEFAULTTABLESPACE_OID;
	const std::optional<Disk> files = disk_of(is_default ? "base" : format("pg_tblspc/%u", tablespace));
	const std::optional<Disk> wal = disk_of("pg_wal");
	const double needed = disk_factor * static_cast<double>(bytes);
	const bool is_same = files && wal && files->device == wal->device;
	if (files && files->free < (is_same ? 2 : 1) * needed) {
		return format("free disk space: %.0f MB", (is_same ? 2 : 1) * needed / (1024 * 1024) + 0.5);
	}
	if (wal && wal->free < needed) {
		return format("free disk space for WAL: %.0f MB", needed / (1024 * 1024) + 0.5);
	}
	return std::nullopt;
}

} // namespace

std::optional<std::string> find_closed_gate(Action action, Oid relation, Oid table, std::int64_t bytes) {
	Closed closed = closed_window(action, bytes);
	if (closed || !makes_files(action)) {
		return closed; // VACUUM is what autovacuum does at any time
	}
	call(pgstat_clear_backend_activity_snapshot); // measuring, before which this was asked too, may have taken long
	closed = closed_by_lag();
	closed = closed ? closed : closed_by_transactions(table);
	closed = closed ? closed : closed_by_build(table);
	return closed ? closed : closed_by_disk(relation, bytes);
}

} // namespace warden::bloat
