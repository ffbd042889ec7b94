// log_freeze.cpp - Partitions of the log that are over, frozen: while they are small and in memory, and not all at once
// years later, when the age of their rows forces it.
//
// VACUUM cannot run in a procedure, so a background worker does it, for one partition after the other.  The invariant:
// it is done once.  Whether it was, is seen in the partition's visibility map, so nothing is written down; what a
// VACUUM after its end has left as it is, is not tried again.
#include "audit/audit.hpp"

#include "partition/bounds.hpp"

#include "pg/background.hpp"
#include "pg/command.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <vector>

extern "C" {
PGDLLEXPORT void audit_freeze(Datum argument);

#include "access/visibilitymap.h"
#include "access/xlog.h"
#include "storage/bufmgr.h"
}

namespace warden::audit {

using namespace pg;

namespace {

// Not one that was dropped by hand.
constinit Statement select_logs{
	"SELECT log::oid FROM warden.audit_classes WHERE EXISTS (SELECT FROM pg_class WHERE oid = log::oid)"};

// Since when somebody may see, or is writing, what others cannot yet rely on: until then rows cannot be frozen.
constinit Statement select_horizon{R"(
SELECT least(clock_timestamp(), min(since))
FROM (SELECT xact_start FROM pg_stat_activity
      WHERE (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL) AND pid <> pg_backend_pid()
        AND coalesce(datid = (SELECT oid FROM pg_database WHERE datname = current_database()), true)
      UNION ALL
      SELECT prepared FROM pg_prepared_xacts WHERE database = current_database()) transaction (since))"};

// $1 a partition, $2 its end.  Another time would do no more.
constinit Statement find_vacuum{"SELECT 1 WHERE pg_stat_get_last_vacuum_time($1) > $2"};

// Server code.
bool is_frozen(Oid table) {
	const Relation relation = try_relation_open(table, AccessShareLock);
	if (relation == nullptr) {
		return true;
	}
	BlockNumber visible = 0;
	BlockNumber frozen = 0;
	visibilitymap_count(relation, &visible, &frozen);
	const bool all = frozen >= RelationGetNumberOfBlocks(relation);
	const Oid toast = relation->rd_rel->reltoastrelid;
	relation_close(relation, AccessShareLock);
	return all && (!OidIsValid(toast) || is_frozen(toast));
}

/// Partitions that are over for everybody, and not frozen.
std::vector<Oid> find_due() {
	const AsExtension owner;
	Spi spi;
	const Moment horizon = std::get<0>(spi.query_latest<Timestamptz>(select_horizon).front()).value;
	std::vector<Oid> due;
	for (const auto &[log] : spi.query_latest<Oid>(select_logs)) {
		const partition::Bounds bounds = partition::read_bounds(OpenRelation(log, AccessShareLock), std::nullopt);
		for (std::size_t i = 0; i < bounds.oids.size() && bounds.ranges[i].upper < horizon; ++i) {
			check_for_interrupts();
			const Oid table = bounds.oids[i];
			if (!call(is_frozen, table) &&
			    spi.query_latest<int32>(find_vacuum, table, Timestamptz{bounds.ranges[i].upper}).empty()) {
				due.push_back(table);
			}
		}
	}
	return due;
}

// Server code.
BackgroundWorker describe_freeze() {
	BackgroundWorker worker = describe_worker("pg_warden worker");
	strlcpy(worker.bgw_function_name, "audit_freeze", BGW_MAXLEN);
	return worker;
}

std::optional<Error> freeze(const Order &order) {
	call(be_gentle);
	Command(order.statement).run(0, [](uint64) {});
	return std::nullopt;
}

Order order_for(Oid table) {
	return {.role = owner_of(table),
	        .subjects = {table, InvalidOid},
	        .statement = "VACUUM (FREEZE, TRUNCATE false) " + qualified_name(table),
	        .lock_timeout_ms = lock_timeout_ms(),
	        .statement_timeout_ms = 0};
}

void report_full() {
	report(LOG, Error(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
	                  "no background worker process is free to freeze a partition of the audit log")
	                .with_detail("The next maintenance tries again.")
	                .with_hint("Consider increasing max_worker_processes."));
}

/// Whether there is a worker for the next one too.
bool freeze(const Procedure &procedure, Oid table) {
	Order order{};
	const auto gone = attempt([&] { order = order_for(table); });
	procedure.commit();
	if (gone) {
		return true;
	}
	const Report result = run_in_background(call(describe_freeze), order);
	procedure.commit();
	if (!result.started) {
		report_full();
		return false;
	}
	if (result.error && !is_blocked(*result.error) && relation_exists(table)) {
		report(WARNING, Error(result.error->sqlstate,
		                      format("could not freeze a partition of the audit log: %s", result.error->what())));
	}
	return true;
}

} // namespace

void freeze_log(const Procedure &procedure) {
	if (call(RecoveryInProgress)) {
		return;
	}
	std::vector<Oid> due;
	if (const auto error = attempt([&] { due = find_due(); })) {
		report(WARNING, Error(error->sqlstate, format("could not look at the audit log: %s", error->what())));
	}
	procedure.commit();
	for (const Oid table : due) {
		if (!freeze(procedure, table)) {
			break;
		}
	}
}

} // namespace warden::audit

/// The worker that freezes a partition.
void audit_freeze(Datum argument) {
	warden::pg::serve(argument, warden::audit::freeze);
}
