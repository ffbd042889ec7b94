#include "bloat/repair_run.hpp"

#include "bloat/repair_gates.hpp"
#include "bloat/repair_queue.hpp"
#include "bloat/repair_settings.hpp"
#include "bloat/repair_worker.hpp"
#include "bloat/snapshots.hpp"
#include "bloat/turns.hpp"

#include "pg/background.hpp"
#include "pg/command.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
PGDLLEXPORT void bloat_repair_run(Datum database);

#include "access/xlog.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

constexpr int most_attempts = 3; // of one that does not get its locks

/// What it needs to begin: or else the row says why it does not.
std::optional<Proposal> confirm(const Repair &repair) {
	const Oid owner = owner_of(repair.relation);
	if (!OidIsValid(owner)) {
		note_skipped(repair, "it was dropped meanwhile");
		return std::nullopt;
	}
	if (!call(has_privs_of_role, repair.role, owner)) {
		note_skipped(repair, "the role that has asked for it does not have the rights of its owner any more");
		return std::nullopt;
	}
	const auto gate = [&](std::int64_t bytes) {
		return find_closed_gate(repair.action, repair.relation, repair.table, bytes);
	};
	auto closed = gate(0); // which costs less than to measure it
	if (!closed) {
		const auto proposals = propose(
			{.relation = repair.relation, .rewrites = repair.action == Action::Rewrite, .forces = repair.forced});
		const auto found = std::ranges::find_if(proposals, [&](const Proposal &proposal) {
			return proposal.relation == repair.relation && proposal.action == repair.action;
		});
		if (found == proposals.end()) {
			const auto other = std::ranges::find(proposals, repair.relation, &Proposal::relation);
			note_skipped(repair, "not recommended any more" + (other == proposals.end() ? "" : ": " + other->reason));
			return std::nullopt;
		}
		if (!found->obstacle.empty() || (makes_files(repair.action) && found->filenode != repair.filenode)) {
			note_skipped(repair, found->obstacle.empty() ? "it was rewritten meanwhile" : found->obstacle);
			return std::nullopt;
		}
		closed = gate(found->needed);
		if (!closed) {
			return *found;
		}
	}
	note_waiting(repair, *closed);
	return std::nullopt;
}

Order order_for(const Repair &repair, const Proposal &proposal) {
	return {.role = owner_of(repair.relation),
	        .subjects = {repair.table, repair.relation},
	        .statement = proposal.command,
	        .lock_timeout_ms = repair.action == Action::Reindex ? max_wait_ms() : lock_timeout_ms(),
	        .statement_timeout_ms = 0};
}

/// Returns the relation that was repaired, if it was.
std::optional<Oid> conclude(const Repair &repair, const Report &report) {
	if (!report.started) {
		note_waiting(repair, "a background worker process: none is free");
		return std::nullopt;
	}
	if (report.done && !report.error) {
		return note_done(repair);
	}
	const Error error = report.error.value_or(Error(ERRCODE_ADMIN_SHUTDOWN, "the background worker was terminated"));
	const bool is_canceled = error.sqlstate == ERRCODE_QUERY_CANCELED || error.sqlstate == ERRCODE_ADMIN_SHUTDOWN;
	const bool is_late = is_blocked(error) && repair.attempts + 1 < most_attempts;
	note_failed(repair, is_late ? "waiting" : is_canceled ? "canceled" : "failed", error);
	return std::nullopt;
}

class Runner {
public:
	explicit Runner(const Procedure &procedure) : procedure_(procedure) {}

	/// Whether there is a worker for the next one too.
	bool repair(const Repair &repair) {
		Order order{};
		step("could not begin a repair", [&] {
			if (const auto proposal = confirm(repair)) {
				if (makes_files(repair.action)) {
					take_snapshot(repair.relation);
				}
				const Order next = order_for(repair, *proposal);
				if (note_running(repair, *proposal)) {
					order = next;
				}
			}
		});
		if (!OidIsValid(order.role)) {
			return true;
		}
		const Report report = run_in_background(call(describe_repair), order);
		procedure_.commit();
		std::optional<Oid> repaired;
		step("could not note the end of a repair", [&] { repaired = conclude(repair, report); });
		if (repaired && makes_files(repair.action)) {
			step("could not measure after a repair", [&] {
				tidy_history();
				take_snapshot(*repaired);
			});
		}
		return report.started;
	}

	/// Removes invalid indexes that repairs have left.  What cannot be removed now stays for the next run.
	void clean() {
		std::vector<Leftover> leftovers;
		step("could not look for what repairs have left", [&] { leftovers = find_leftovers(); });
		for (const Leftover &leftover : leftovers) {
			drop(leftover);
		}
		step("could not look for what repairs have left", forget_leftovers);
	}

	/// One after the other, each once; also what is queued meanwhile.
	void repair_all() {
		step("could not look at the queue of repairs", note_interrupted);
		clean();
		for (std::optional<Repair> next = find_next(); next; next = find_next()) {
			tried_.push_back(next->id);
			const bool has_room = repair(*next);
			clean();
			if (!has_room) {
				break;
			}
		}
	}

	std::optional<Repair> find_next() {
		std::optional<Repair> next;
		step("could not look at the queue of repairs", [&] {
			for (const Repair &repair : pending_repairs()) {
				if (!next && std::ranges::find(tried_, repair.id) == tried_.end()) {
					next = repair;
				}
			}
		});
		return next;
	}

private:
	// One transaction.
	template <class F>
	void step(const char *failure, F &&body) {
		if (const auto error = attempt(std::forward<F>(body))) {
			report(WARNING, Error(error->sqlstate, format("%s: %s", failure, error->what())));
		}
		procedure_.commit();
	}

	void drop(const Leftover &leftover) {
		Order order{};
		step("could not remove what a repair has left", [&] {
			order = {.role = owner_of(leftover.index),
			         .subjects = {leftover.heap, leftover.index},
			         .statement = drop_command(leftover.index),
			         .lock_timeout_ms = max_wait_ms(),
			         .statement_timeout_ms = 0};
		});
		if (!OidIsValid(order.role)) {
			return;
		}
		const Report result = run_in_background(call(describe_repair), order);
		procedure_.commit();
		if (result.error && !is_blocked(*result.error)) {
			report(WARNING, Error(result.error->sqlstate,
			                      format("could not remove what a repair has left: %s", result.error->what())));
		}
	}

	const Procedure &procedure_;
	std::vector<std::int64_t> tried_;
};

// Who does not get the turn leaves what he has queued to who has, who therefore looks once more when he has let go.
void run(const Procedure &procedure) {
	Runner runner(procedure);
	while (const auto turn = take_turn(Turn::Repairs)) {
		procedure.commit();
		runner.repair_all();
		end_turn(*turn);
		if (!runner.find_next()) {
			break;
		}
	}
}

// The process that is started for it: waits for the end of the transaction that has queued, and does what a client
// does.
void serve_queue(Oid database, TransactionId queued_by) {
	call([&] { BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, BGWORKER_BYPASS_ALLOWCONN); });
	const MemoryScope memory(TopMemoryContext);
	const auto error = survive([&] {
		call(ignore_given_settings);
		if (TransactionIdIsValid(queued_by)) {
			begin_transaction("waiting for the commit of who has asked for repairs");
			call([&] { XactLockTableWait(queued_by, nullptr, nullptr, XLTW_None); });
			commit_transaction();
		}
		Command("CALL warden.bloat_run_repairs()").run(0, [](uint64) {});
	});
	if (error) {
		report(LOG, *error);
	}
}

} // namespace

void run_repairs(const Procedure &procedure) {
	if (!call(RecoveryInProgress)) {
		run(procedure);
	}
}

bool start_runner() {
	// The process waits for the end of the transaction: one does for all that it queues.
	static constinit TransactionId started_by = InvalidTransactionId;
	return call([] {
		const TransactionId transaction = GetTopTransactionIdIfAny();
		if (TransactionIdIsValid(transaction) && transaction == started_by) {
			return true;
		}
		BackgroundWorker worker = describe_worker("pg_warden worker");
		strlcpy(worker.bgw_function_name, "bloat_repair_run", BGW_MAXLEN);
		worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
		memcpy(worker.bgw_extra, &transaction, sizeof transaction);
		const bool has_room = RegisterDynamicBackgroundWorker(&worker, nullptr);
		started_by = has_room ? transaction : InvalidTransactionId;
		return has_room;
	});
}

} // namespace warden::bloat

/// The process that runs the queue of a database.
void bloat_repair_run(Datum database) {
	TransactionId queued_by = InvalidTransactionId;
	memcpy(&queued_by, MyBgworkerEntry->bgw_extra, sizeof queued_by);
	warden::pg::accept_signals();
	warden::pg::entry([&] { warden::bloat::serve_queue(DatumGetObjectId(database), queued_by); });
	proc_exit(0);
}
