#include "audit/log_purge.hpp"

#include "audit/audit.hpp"
#include "audit/log_class.hpp"
#include "audit/relations.hpp"
#include "audit/transaction_index.hpp"

#include "partition/bounds.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "access/xlog.h"
}

namespace warden::audit {

using namespace pg;

namespace {

// The moment before which events of a part are over; null if never. Not of a part that was dropped by hand.
constinit Statement select_logs{R"(
SELECT log::oid, date_trunc('day', clock_timestamp() - keep, 'UTC') FROM warden.audit_classes
WHERE EXISTS (SELECT FROM pg_class WHERE oid = log::oid))"};

// Days that are over and have stayed, because something depends on them.  What is held was told to stay.
constinit Statement select_stayed{R"(
SELECT p.partition::oid
FROM warden.audit_classes c
JOIN warden.partition_policies s ON s.parent = c.log AND s.on_expiry = 'drop'
JOIN warden.partitions p ON p.parent = c.log AND p.kind = 'range' AND p.held IS NULL
WHERE p.expires_at < clock_timestamp() AND pg_relation_size(p.partition) > 0)"};

// $1 a moment.  By the index: the first numbers are the oldest rows, so that mostly there is nothing to read.  A
// context may be as much older than the events of its transaction as that took, and is looked for by the transaction.
constinit Statement find_old{R"(
SELECT 1
FROM (SELECT (SELECT at FROM warden.audit_sessions ORDER BY id LIMIT 1)
      UNION ALL
      SELECT (SELECT at FROM warden.audit_contexts ORDER BY transaction, id LIMIT 1)
      UNION ALL
      SELECT (SELECT at FROM warden.audit_changes ORDER BY id LIMIT 1)
      UNION ALL
      SELECT (SELECT min(until) FROM warden.audit_relations WHERE relation = 0::oid)) oldest (at)
WHERE at < $1)"};

// $1 the same.  In this order: what names others goes before them.
constinit Statement deletions[] = {
	{"DELETE FROM warden.audit_contexts WHERE at < $1"},
	{"DELETE FROM warden.audit_changes WHERE at < $1"},
	{"DELETE FROM warden.audit_sessions WHERE at < $1"},
	// Those that others followed before.
	{R"(
DELETE FROM warden.audit_versions v
WHERE EXISTS (SELECT FROM warden.audit_versions w WHERE w.relation = v.relation AND w.id > v.id AND w.at < $1))"},
	// Of what still exists it is remembered that its audit was ended.
	{R"(
DELETE FROM warden.audit_versions
WHERE relation IN (SELECT id FROM warden.audit_relations WHERE until < $1 AND relation = 0::oid))"},
	{"DELETE FROM warden.audit_relations WHERE until < $1 AND relation = 0::oid"},
};

bool has_rows(Spi &spi, Oid table) {
	return !spi.query_latest<int32>(("SELECT 1 FROM " + qualified_name(table) + " LIMIT 1").c_str()).empty();
}

/// Where the first partition begins; those that are over are passed over if they were emptied.
Moment first_day(Spi &spi, const partition::Bounds &bounds, Moment kept) {
	std::size_t i = 0;
	while (i + 1 < bounds.ranges.size() && bounds.ranges[i].upper <= kept && !has_rows(spi, bounds.oids[i])) {
		++i;
	}
	return bounds.ranges[i].lower;
}

/// Where the oldest partition of any part begins; no session is named in it that is older by more than a partition.
/// What the default partition has may be as old as is kept at all.
Moment oldest_event() {
	Moment oldest = end;
	Spi spi;
	for (const auto &[log, limit] : spi.query_latest<Oid, std::optional<Timestamptz>>(select_logs)) {
		const partition::Bounds bounds = partition::read_bounds(OpenRelation(log, AccessShareLock), std::nullopt);
		const Moment kept = limit ? limit->value : beginning;
		oldest = std::min(oldest, bounds.ranges.empty() ? beginning : first_day(spi, bounds, kept));
		if (OidIsValid(bounds.default_partition) && has_rows(spi, bounds.default_partition)) {
			oldest = std::min(oldest, kept);
		}
	}
	return oldest;
}

Oid default_of(Oid log) {
	return partition::read_bounds(OpenRelation(log, AccessShareLock), std::nullopt).default_partition;
}

} // namespace

void delete_strays() {
	const AsExtension owner;
	Spi spi;
	for (const auto &[log, limit] : spi.query_latest<Oid, std::optional<Timestamptz>>(select_logs)) {
		if (!limit) {
			continue;
		}
		const Oid table = default_of(log);
		if (!OidIsValid(table)) {
			continue;
		}
		const std::string name = qualified_name(table);
		// The first row is the oldest, as long as none was deleted; then it soon will be.
		const std::string look = "SELECT 1 FROM (SELECT at FROM " + name + " LIMIT 1) first WHERE at < $1";
		if (!spi.query_latest<int32>(look.c_str(), *limit).empty()) {
			spi.execute(("DELETE FROM " + name + " WHERE at < $1").c_str(), *limit);
		}
	}
}

/// Whoever names a day in a view, for which he needs no right on it, keeps the table from being dropped, not its rows.
bool empty_stayed() {
	const AsExtension owner;
	Spi spi;
	for (const auto &[table] : spi.query_latest<Oid>(select_stayed)) {
		if (lock_if_free(table, AccessExclusiveLock)) {
			spi.execute(("TRUNCATE " + qualified_name(table)).c_str());
			return true;
		}
	}
	return false;
}

void delete_unnamed() {
	const AsExtension owner;
	const Moment oldest = oldest_event();
	if (!is_finite(oldest)) {
		return;
	}
	const Timestamptz limit{oldest - microseconds_per_day};
	Spi spi;
	if (!spi.query_latest<int32>(find_old, limit).empty()) {
		for (Statement &deletion : deletions) {
			spi.execute(deletion, limit);
		}
	}
}

namespace {

void report_failure(const std::optional<Error> &error) {
	if (error) {
		report(WARNING, Error(error->sqlstate, format("could not maintain the audit log: %s", error->what())));
	}
}

// A transaction for each step, until there is nothing more to do, or it fails.
void repeat(const Procedure &procedure, bool (*step)()) {
	for (bool is_done = true; is_done;) {
		is_done = false;
		report_failure(attempt([&] { is_done = step(); }));
		procedure.commit();
	}
}

} // namespace

void maintain_log(const Procedure &procedure) {
	if (call(RecoveryInProgress)) {
		return;
	}
	repeat(procedure, empty_stayed);
	for (void (*const step)() : {index_partitions, close_gone, delete_strays, delete_unnamed, warn_of_all_gaps}) {
		report_failure(attempt(step));
		procedure.commit();
	}
	repeat(procedure, index_closed_partition);
}

} // namespace warden::audit
