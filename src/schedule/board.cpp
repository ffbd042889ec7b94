#include "schedule/board.hpp"

#include <algorithm>
#include <ctime>

extern "C" {
#include "access/xact.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

namespace warden::schedule {

namespace {

// Set in the postmaster and inherited by every process.
constinit Board *board = nullptr;
constinit LWLock *board_lock = nullptr;
constinit shmem_request_hook_type next_request_hook = nullptr;
constinit shmem_startup_hook_type next_startup_hook = nullptr;

// Of this process: a transaction has changed jobs.
constinit bool noting = false;
constinit bool has_callback = false;

constexpr const char *tranche = "pg_warden";

// Server code, all of it.

void request_memory() {
	if (next_request_hook != nullptr) {
		next_request_hook();
	}
	RequestAddinShmemSpace(MAXALIGN(sizeof(Board)));
	RequestNamedLWLockTranche(tranche, 1);
}

void attach_memory() {
	if (next_startup_hook != nullptr) {
		next_startup_hook();
	}
	bool found = false;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	board = static_cast<Board *>(ShmemInitStruct("pg_warden", sizeof(Board), &found));
	if (!found) {
		memset(static_cast<void *>(board), 0, sizeof(Board));
	}
	board_lock = &GetNamedLWLockTranche(tranche)->lock;
	LWLockRelease(AddinShmemInitLock);
}

void at_end_of_transaction(XactEvent event, void *) {
	switch (event) {
	case XACT_EVENT_COMMIT:
		if (noting) {
			note(*lock_board(), MyDatabaseId);
			unlock_board();
		}
		noting = false;
		break;
	case XACT_EVENT_ABORT:
		noting = false;
		break;
	case XACT_EVENT_PRE_PREPARE:
		// Nobody would be told when it is committed.
		if (noting) {
			ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			        errmsg("cannot PREPARE a transaction that has changed jobs of pg_warden"));
		}
		break;
	default:
		break;
	}
}

} // namespace

static_assert(std::is_trivially_copyable_v<Board>);

bool has_board() {
	return board != nullptr;
}

void init_board() {
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}

Board *lock_board() {
	LWLockAcquire(board_lock, LW_EXCLUSIVE);
	return board;
}

void unlock_board() {
	LWLockRelease(board_lock);
}

std::vector<Run> copy_runs() {
	std::vector<Run> runs(max_runs);
	Run *const copy = runs.data();
	with_board([copy](const Board &locked) { std::ranges::copy(locked.runs, copy); });
	return runs;
}

void note_at_commit() {
	if (!has_board()) {
		return;
	}
	pg::call([] {
		if (!has_callback) {
			RegisterXactCallback(at_end_of_transaction, nullptr);
			has_callback = true;
		}
		noting = true;
	});
}

Moment steady_time() {
	timespec now{};
	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * microseconds_per_second + now.tv_nsec / 1000;
}

void note(Board &locked, Oid database) {
	bool known = locked.notes > max_notes;
	for (int i = 0; !known && i < locked.notes; ++i) {
		known = locked.noted[i] == database;
	}
	if (!known) {
		if (locked.notes < max_notes) {
			locked.noted[locked.notes] = database;
		}
		++locked.notes;
	}
	if (locked.launcher != nullptr) {
		SetLatch(locked.launcher);
	}
}

void wake_launcher() {
	with_board([](const Board &locked) {
		if (locked.launcher != nullptr) {
			SetLatch(locked.launcher);
		}
	});
}

} // namespace warden::schedule
