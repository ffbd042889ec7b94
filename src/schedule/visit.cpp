// visit.cpp - The worker of a database: it accounts for runs that ended, claims the slots that are due, hands out those
// that wait, and leaves.
//
// It takes no lock that it would have to wait for, so it can neither be blocked nor be part of a deadlock; what it does
// not get now it comes back for.
#include "schedule/processes.hpp"

#include "pg/command.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"
#include "pg/worker.hpp"
#include "schedule/account.hpp"
#include "schedule/claims.hpp"
#include "schedule/extension_lock.hpp"

#include <algorithm>
#include <set>

extern "C" {
#include "storage/ipc.h"
#include "utils/elog.h"
}

namespace warden::schedule {

using namespace pg;

namespace {

// Which place on the board is this process's.
constinit int place = 0;
constinit uint32 token = 0;

constinit emit_log_hook_type next_hook = nullptr;

// Server code.  At the end of the process, however it comes.
void leave(int, Datum) {
	Board *const board = lock_board();
	Visit &visit = board->visits[place];
	if (visit.token == token && (visit.phase == Phase::Starting || visit.phase == Phase::Running)) {
		visit.phase = Phase::Ended;
		visit.since = steady_time();
	}
	if (board->launcher != nullptr) {
		SetLatch(board->launcher);
	}
	unlock_board();
}

// Server code.  That a database went, or was closed, while we were on the way to it is no news for the server's log.
void keep_quiet(ErrorData *error) {
	if (error->elevel == FATAL && (error->sqlerrcode == ERRCODE_UNDEFINED_DATABASE ||
	                               error->sqlerrcode == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE)) {
		error->output_to_server = false;
	}
	if (next_hook != nullptr) {
		next_hook(error);
	}
}

// The visit as the launcher has ordered it; std::nullopt if it has given it up.
std::optional<Visit> arrive() {
	const auto visit = with_board([](Board &board) {
		Visit &mine = board.visits[place];
		if (mine.token != token || mine.phase != Phase::Starting) {
			return Visit{};
		}
		mine.phase = Phase::Running;
		return mine;
	});
	return visit.phase == Phase::Running ? std::optional(visit) : std::nullopt;
}

// What of this database is on the board.
struct OnBoard {
	std::vector<Run> ended;
	std::vector<std::int64_t> present;
};

OnBoard look_at_board(Oid extension) {
	OnBoard found;
	for (const Run &run : copy_runs()) {
		if (run.phase != Phase::Free && run.database == MyDatabaseId && run.extension == extension) {
			found.present.push_back(run.run);
			if (run.phase == Phase::Ended && !run.outcome.recorded) {
				found.ended.push_back(run);
			}
		}
	}
	return found;
}

// No database takes more than half of the board, so that there is room for the others.
constexpr int most_of_a_database = max_runs / 2;

// Server code.  Whether a run keeps another one from being put up: it is that one, or of the same job, of which only
// one at a time is to run.
bool is_in_the_way(const Run &run, const Run &wanted) {
	return run.database == wanted.database && run.extension == wanted.extension &&
	       (run.run == wanted.run || (run.job == wanted.job && run.phase != Phase::Ended));
}

// Server code.  A run that can wait for its turn in the table: the latest of those that are not the only one of their
// role in their database.
Run *find_spare(Board &board) {
	Run *spare = nullptr;
	for (Run &run : board.runs) {
		const bool is_later = run.phase == Phase::Queued && (spare == nullptr || comes_before(*spare, run));
		if (is_later && std::ranges::any_of(board.runs, [&](const Run &other) {
				return &other != &run && other.phase == Phase::Queued && is_of_same_role(other, run);
			})) {
			spare = &run;
		}
	}
	return spare;
}

// Server code.  Puts a run up, unless there is one in the way.  Returns whether there was room; for the first of a role
// it is made.
bool put_up(Board &board, const Run &wanted) {
	Run *room = nullptr;
	int count = 0;
	bool is_first = true;
	for (Run &run : board.runs) {
		if (run.phase == Phase::Free) {
			room = room != nullptr ? room : &run;
			continue;
		}
		if (is_in_the_way(run, wanted)) {
			return true;
		}
		count += run.database == wanted.database ? 1 : 0;
		is_first = is_first && !(run.phase == Phase::Queued && is_of_same_role(run, wanted));
	}
	if (room == nullptr || count >= most_of_a_database) {
		room = is_first ? find_spare(board) : nullptr;
		if (room == nullptr) {
			return false;
		}
		note(board, room->database); // whence it is put up again
	}
	*room = wanted;
	return true;
}

// For each run, whether none before it is of the same role.
std::vector<char> find_first_of_roles(const std::vector<Run> &runs) {
	std::set<Oid> roles;
	std::vector<char> is_first(runs.size());
	for (size_t i = 0; i < runs.size(); ++i) {
		is_first[i] = roles.insert(runs[i].owner).second ? 1 : 0;
	}
	return is_first;
}

// Frees what was accounted for, and what ended for an extension that is not there any more; and puts up what is to run.
// Returns whether there was room for all.
bool change_board(Oid extension, const std::vector<Run> &accounted, const std::vector<Run> &waiting) {
	const Run *const done = accounted.data();
	const Run *const wanted = waiting.data();
	const size_t done_count = accounted.size();
	const size_t wanted_count = waiting.size();
	const std::vector<char> first_of_role = find_first_of_roles(waiting);
	const char *const is_first_of_role = first_of_role.data();
	return with_board([&](Board &board) {
		for (Run &run : board.runs) {
			if (run.phase != Phase::Ended || run.database != MyDatabaseId) {
				continue;
			}
			bool over = run.extension != extension;
			for (size_t i = 0; !over && i < done_count; ++i) {
				over = run.run == done[i].run;
			}
			if (over) {
				run.phase = Phase::Free;
			}
		}
		bool had_room = true;
		for (size_t i = 0; i < wanted_count; ++i) {
			// Once there is no room, only a role that has none up may find some.
			if (had_room || is_first_of_role[i]) {
				had_room = put_up(board, wanted[i]) && had_room;
			}
		}
		return had_room;
	});
}

// Whether the server or the database is not to be written to.  A setting of the role of ours is nobody's concern.
bool is_read_only() {
	const bool set = call([] {
		const char *const value = GetConfigOption("default_transaction_read_only", true, false);
		return value != nullptr && strcmp(value, "on") == 0;
	});
	if (!set) {
		return false;
	}
	const PinnedSettings settings;
	Spi spi;
	return spi
	    .query<int32>("SELECT 1 FROM pg_settings WHERE name = 'default_transaction_read_only'"
	                  " AND source IN ('user', 'database user')")
	    .empty();
}

constexpr Moment soon = 1 * microseconds_per_second;
constexpr Moment while_read_only = 2 * microseconds_per_second;

// What the worker survives; it may fail again and again.
void note_failure(Visit &visit, const Error &error) {
	report(visit.quiet ? DEBUG1 : LOG, error);
	visit.failed = true;
}

// The work: one transaction.  Sets what the launcher is told.
void work(Visit &visit) {
	const Moment now = call(GetCurrentTimestamp);
	begin_transaction("claiming the slots that are due");
	const Oid extension = find_extension();
	const Presence presence = lock_extension(extension);
	visit.installed = presence != Presence::Absent;
	if (presence != Presence::Locked || is_read_only()) {
		visit.next_wakeup =
			presence == Presence::Absent ? DT_NOEND : now + (presence == Presence::Busy ? soon : while_read_only);
		commit_transaction();
		visit.done = true;
		return;
	}
	std::vector<Run> accounted;
	std::vector<Run> waiting;
	std::optional<Moment> next;
	{
		const AsExtension as;
		Spi spi;
		const OnBoard board = look_at_board(extension);
		for (const Run &run : board.ended) {
			// One that cannot be accounted for stays on the board, and is in nobody's way.
			bool done = false;
			if (const auto error = attempt([&] { done = account_for_ended(spi, run); })) {
				note_failure(visit, *error);
			}
			if (done) {
				accounted.push_back(run);
			} else {
				next = now + soon;
			}
		}
		if (!account_for_interrupted(spi, board.present)) {
			next = now + soon;
		}
		if (!visit.only_accounts) {
			std::vector<Job> jobs = load_jobs(spi);
			next = earlier(next, claim_slots(spi, jobs, now, visit.clock_shift));
			next = earlier(next, find_waiting(spi, extension, jobs, now, waiting));
			visit.clock_shift = 0;
		}
	}
	commit_transaction();
	visit.backlog = !change_board(extension, accounted, waiting);
	visit.next_wakeup = next.value_or(DT_NOEND);
	visit.done = true;
}

// What is over is moved to the log, and what is old is deleted from it, unless somebody has locked it.
void clean_up() {
	begin_transaction("moving runs to the log", Durability::None);
	if (lock_extension(find_extension()) == Presence::Locked && !is_read_only() && lock_log(RowExclusiveLock)) {
		const AsExtension as;
		Spi spi;
		move_to_log(spi);
	}
	commit_transaction();
}

// Tells the launcher what came of it.
void tell(const Visit &result) {
	with_board([&](Board &board) {
		Visit &mine = board.visits[place];
		if (mine.token == token) {
			mine.failed = result.failed;
			mine.done = result.done;
			mine.clock_shift = result.clock_shift;
			mine.installed = result.installed;
			mine.backlog = result.backlog;
			mine.next_wakeup = result.next_wakeup;
		}
		if (board.launcher != nullptr) {
			SetLatch(board.launcher);
		}
	});
}

void visit_database() {
	std::optional<Visit> visit = arrive();
	if (!visit) {
		return;
	}
	call([&] {
		next_hook = emit_log_hook;
		emit_log_hook = keep_quiet;
		BackgroundWorkerInitializeConnectionByOid(visit->database, InvalidOid, 0);
	});
	const MemoryScope memory(TopMemoryContext);
	if (const auto error = survive([&] { work(*visit); })) {
		note_failure(*visit, *error);
	}
	tell(*visit);
	if (visit->done && visit->installed) {
		if (const auto error = survive(clean_up)) {
			note_failure(*visit, *error);
			tell(*visit);
		}
	}
}

} // namespace

} // namespace warden::schedule

/// The process of a visit.  argument: its place on the board and, in bgw_extra, its token.
void schedule_visit(Datum argument) {
	using namespace warden::schedule;
	place = DatumGetInt32(argument);
	memcpy(&token, MyBgworkerEntry->bgw_extra, sizeof token);
	warden::pg::accept_signals();
	before_shmem_exit(leave, 0);
	warden::pg::entry(visit_database);
	proc_exit(0);
}
