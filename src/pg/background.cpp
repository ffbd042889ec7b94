#include "pg/background.hpp"

#include "pg/lock.hpp"
#include "pg/scoped.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "mb/pg_wchar.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "utils/guc_tables.h"
}

namespace warden::pg {

namespace {

constexpr size_t most_text = 1000; // of each part of an error

// In shared memory.  The caller writes the order before the worker exists, the worker what follows, and the caller
// reads that when the worker is gone.
struct Shared {
	Oid database;
	Oid role;
	Oid subjects[2];
	int lock_timeout_ms;
	int statement_timeout_ms;
	int our_lock_timeout_ms; // the caller's warden.lock_timeout
	bool arrived;
	bool done;
	bool finished; // done, or with an error
	int sqlstate;  // of an error, else 0
	char message[most_text];
	char detail[most_text];
	char hint[most_text];
	char statement[FLEXIBLE_ARRAY_MEMBER];
};

// The rest of this namespace is server code, where nothing else is said.

Shared *shared_in(dsm_segment *segment) {
	return static_cast<Shared *>(dsm_segment_address(segment));
}

dsm_segment *make_segment(const Order &order) {
	const size_t size = offsetof(Shared, statement) + order.statement.size() + 1;
	dsm_segment *const segment = dsm_create(size, 0);
	Shared *const shared = shared_in(segment);
	memset(shared, 0, size);
	shared->database = MyDatabaseId;
	shared->role = order.role;
	std::ranges::copy(order.subjects, shared->subjects);
	shared->lock_timeout_ms = order.lock_timeout_ms;
	shared->statement_timeout_ms = order.statement_timeout_ms;
	shared->our_lock_timeout_ms = lock_timeout_ms();
	memcpy(shared->statement, order.statement.c_str(), order.statement.size());
	return segment;
}

// When the caller's transaction is rolled back, or the caller's process ends.
void terminate(dsm_segment *, Datum handle) {
	TerminateBackgroundWorker(reinterpret_cast<BackgroundWorkerHandle *>(DatumGetPointer(handle)));
}

void run_and_wait(BackgroundWorker &worker, dsm_segment *segment) {
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	worker.bgw_notify_pid = MyProcPid;
	const MemoryContext memory = MemoryContextSwitchTo(TopTransactionContext); // outlives an error
	BackgroundWorkerHandle *handle = nullptr;
	if (RegisterDynamicBackgroundWorker(&worker, &handle)) {
		on_dsm_detach(segment, terminate, PointerGetDatum(handle));
		WaitForBackgroundWorkerShutdown(handle);
		cancel_on_dsm_detach(segment, terminate, PointerGetDatum(handle));
		pfree(handle);
	}
	MemoryContextSwitchTo(memory);
}

// No server code.
std::optional<Error> error_in(const Shared &shared) {
	if (!shared.finished) {
		return Error(ERRCODE_ADMIN_SHUTDOWN, "the background worker was terminated");
	}
	if (shared.sqlstate == 0) {
		return std::nullopt;
	}
	Error error(shared.sqlstate, shared.message);
	error.detail = shared.detail;
	error.hint = shared.hint;
	return error;
}

void put(char (&target)[most_text], const std::string &text) {
	const int length = static_cast<int>(text.size());
	memcpy(target, text.data(), static_cast<size_t>(pg_mbcliplen(text.data(), length, most_text - 1)));
}

void set(const char *name, const char *value) {
	SetConfigOption(name, value, PGC_SUSET, PGC_S_SESSION);
}

void set_milliseconds(const char *name, int value) {
	char text[16];
	snprintf(text, sizeof text, "%d", value);
	set(name, text);
}

// The session's user is a superuser, as others may not be able to log in, until it is made the role.  SET SESSION
// AUTHORIZATION would make it a superuser again, and the restricted operation that forbids it elsewhere would not last:
// the statement commits, and a transaction must begin without.  So the parameter is made one that nobody can set.
void become(Oid role) {
	StartTransactionCommand();
	set("session_authorization", GetUserNameFromId(role, false));
	CommitTransactionCommand();
#if PG_VERSION_NUM >= 160000
	find_option("session_authorization", false, false, ERROR)->context = PGC_INTERNAL;
#else
	config_generic **const parameters = get_guc_variables();
	int found = 0;
	while (strcmp(parameters[found]->name, "session_authorization") != 0) {
		++found;
	}
	parameters[found]->context = PGC_INTERNAL;
#endif
}

void settle(const Shared &shared) {
	ignore_given_settings();
	set_milliseconds("lock_timeout", shared.lock_timeout_ms);
	set_milliseconds("statement_timeout", shared.statement_timeout_ms);
	set_milliseconds("warden.lock_timeout", shared.our_lock_timeout_ms);
	become(shared.role);
}

// No server code.
void perform(Shared &shared, Work work) {
	call([&] { BackgroundWorkerInitializeConnectionByOid(shared.database, InvalidOid, BGWORKER_BYPASS_ALLOWCONN); });
	shared.arrived = true;
	const MemoryScope memory(TopMemoryContext);
	std::optional<Error> told;
	const auto raised = survive([&] {
		call([&] { settle(shared); });
		told = work({.role = shared.role,
		             .subjects = {shared.subjects[0], shared.subjects[1]},
		             .statement = shared.statement,
		             .lock_timeout_ms = shared.lock_timeout_ms,
		             .statement_timeout_ms = shared.statement_timeout_ms});
		shared.done = true;
	});
	if (const auto &error = raised ? raised : told) {
		call([&] {
			put(shared.message, error->message);
			put(shared.detail, error->detail);
			put(shared.hint, error->hint);
		});
		shared.sqlstate = error->sqlstate;
	}
	shared.finished = true;
}

} // namespace

Report run_in_background(BackgroundWorker worker, const Order &order) {
	dsm_segment *const segment = call([&] {
		if (HaveRegisteredOrActiveSnapshot()) {
			elog(ERROR, "a background worker would wait for the snapshot of who waits for it");
		}
		InvalidateCatalogSnapshot();
		return make_segment(order);
	});
	call([&] { run_and_wait(worker, segment); });
	const Shared &shared = *call(shared_in, segment);
	Report report{.started = shared.arrived, .done = shared.done, .error = {}};
	if (report.started) {
		report.error = error_in(shared);
	}
	call(dsm_detach, segment);
	return report;
}

void serve(Datum argument, Work work) {
	accept_signals();
	dsm_segment *const segment = dsm_attach(DatumGetUInt32(argument));
	if (segment == nullptr) {
		proc_exit(0); // who ordered it has gone
	}
	entry([&] { perform(*shared_in(segment), work); });
	proc_exit(0);
}

} // namespace warden::pg
