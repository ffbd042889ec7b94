#include "pg/early_snapshot.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
}

namespace warden::pg {

namespace {

// $1 our oldest transaction id.  The others of this database whose snapshots are as old, but for vacuum, which never
// looks at what has been detached: the server does not wait for it.
constinit Statement select_snapshots{R"(
SELECT string_agg(who, '; ' ORDER BY who), max(extract(epoch FROM age) * 1000)::bigint
FROM (SELECT clock_timestamp() - a.xact_start AS age,
             CASE WHEN a.usename IS NULL THEN format('process %s (%s)', a.pid, a.backend_type)
                  ELSE format('process %s (user "%s"%s, %s, transaction open for %s s)', a.pid, a.usename,
                              ', application "' || nullif(a.application_name, '') || '"', a.state,
                              extract(epoch FROM clock_timestamp() - a.xact_start)::bigint)
             END AS who
      FROM pg_stat_activity a
      WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type <> 'autovacuum worker'
        AND age(a.backend_xmin) >= age($1::xid)
        AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)) holder)"};

// Server code: as the server itself asks, in DETACH PARTITION ... FINALIZE.
bool is_alone(TransactionId oldest) {
	int count = 0;
	pfree(GetCurrentVirtualXIDs(oldest, true, false, PROC_IS_AUTOVACUUM | PROC_IN_VACUUM | PROC_IN_SAFE_IC, &count));
	return count == 0;
}

} // namespace

EarlySnapshot::EarlySnapshot() : snapshot_(call([] { return RegisterSnapshot(GetLatestSnapshot()); })) {}

std::optional<Refusal> EarlySnapshot::find_long_holder() const {
	const AsExtension owner;
	Spi spi;
	const auto rows = spi.query<std::optional<std::string_view>, std::optional<int64>>(select_snapshots,
	                                                                                   format("%u", snapshot_->xmin));
	const auto &[who, longest] = rows.front();
	if (!who || longest.value_or(0) <= int64{10} * lock_timeout_ms()) {
		return std::nullopt;
	}
	return Refusal{Error(ERRCODE_LOCK_NOT_AVAILABLE, "a long transaction may still see what is to be detached")
	                   .with_detail("Older snapshots: " + std::string(*who) + "."),
	               true};
}

void EarlySnapshot::outlast_others(int milliseconds) const {
	call([&] {
		const TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
		while (!is_alone(snapshot_->xmin) && GetCurrentTimestamp() < until) {
			CHECK_FOR_INTERRUPTS();
			WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
		}
	});
}

void EarlySnapshot::execute(const std::string &command) const {
	call([&] {
		SPI_connect();
		const SPIPlanPtr plan = SPI_prepare(command.c_str(), 0, nullptr);
		if (plan == nullptr ||
		    SPI_execute_snapshot(plan, nullptr, nullptr, snapshot_, InvalidSnapshot, false, true, 0) < 0) {
			elog(ERROR, "could not execute command: %s", SPI_result_code_string(SPI_result));
		}
		SPI_finish();
	});
}

} // namespace warden::pg
