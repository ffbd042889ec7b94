// execute.cpp - The process of one run: the command, statement by statement, in a session of the job's owner.
//
// The invariant: the row of the run says "succeeded" exactly if the command's last transaction was committed, because
// it is that transaction which says so.  And it says "restartable" as long as nothing of the command was committed.  So
// what a crash cuts short is either undone as a whole and can be run again, or it is known that it cannot.
#include "schedule/processes.hpp"

#include "pg/command.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"
#include "pg/worker.hpp"
#include "schedule/account.hpp"
#include "schedule/extension_lock.hpp"
#include "schedule/mark.hpp"
#include "schedule/settings.hpp"

extern "C" {
#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "storage/ipc.h"
#include "utils/elog.h"
}

namespace warden::schedule {

using namespace pg;

namespace {

// Which place on the board is this process's.
constinit int place = 0;
constinit uint32 token = 0;

// What the process has to say about its run; on the board when it ends.
constinit Outcome outcome{};
constinit int warnings = 0;
constinit emit_log_hook_type next_hook = nullptr;

constexpr int most_logged_warnings = 10;

// Server code: three functions that the server calls.

void remember(int sqlstate, const char *message) {
	const size_t length = message != nullptr ? strnlen(message, max_message) : 0;
	const int kept = pg_mbcliplen(message, static_cast<int>(length), max_message - 1);
	outcome.sqlstate = sqlstate;
	memcpy(outcome.message, message, static_cast<size_t>(kept));
	outcome.message[kept] = '\0';
}

// A run that warns a million times writes ten lines into the log; and what ends the process is known to who accounts
// for it.
void watch_log(ErrorData *error) {
	if (error->elevel == WARNING) {
		if (++warnings == 1 && error->message != nullptr) {
			remember(error->sqlerrcode, error->message);
		}
		error->output_to_server = error->output_to_server && warnings <= most_logged_warnings;
	} else if (error->elevel >= FATAL && error->message != nullptr) {
		remember(error->sqlerrcode, error->message);
	}
	if (next_hook != nullptr) {
		next_hook(error);
	}
}

void leave(int, Datum) {
	Board *const board = lock_board();
	Run &run = board->runs[place];
	if (run.token == token && (run.phase == Phase::Starting || run.phase == Phase::Running)) {
		// Who had it interrupted knows why better than the process, which sees a signal.
		if (run.outcome.interruption != Interruption::None) {
			outcome.interruption = run.outcome.interruption;
		}
		run.outcome = outcome;
		run.phase = Phase::Ended;
		run.since = steady_time();
		run.pid = 0;
	}
	if (board->launcher != nullptr) {
		SetLatch(board->launcher);
	}
	unlock_board();
}

// The run that this process is for; std::nullopt if the launcher has given it up.
std::optional<Run> arrive() {
	const auto run = with_board([](Board &board) {
		Run &mine = board.runs[place];
		if (mine.token != token || mine.phase != Phase::Starting) {
			return Run{};
		}
		mine.phase = Phase::Running;
		mine.since = steady_time();
		mine.deadline = end;
		mine.pid = MyProcPid;
		return mine;
	});
	return run.phase == Phase::Running ? std::optional(run) : std::nullopt;
}

// Server code.
Moment add_to_now(Moment length) {
	const Moment now = steady_time();
	return length < end - now ? now + length : end;
}

void set_deadline(std::optional<Moment> max_runtime) {
	if (max_runtime) {
		with_board([&](Board &board) {
			if (board.runs[place].token == token) {
				board.runs[place].deadline = add_to_now(*max_runtime);
			}
			if (board.launcher != nullptr) {
				SetLatch(board.launcher);
			}
		});
	}
}

constinit Statement find_command{"SELECT k.name, warden.job_text(k.command), s.scheduled_for::text, (extract(epoch "
                                 "FROM k.max_runtime) * 1000000)::bigint"
                                 " FROM warden.schedule_slots s JOIN warden.schedule_known k ON k.id = s.job"
                                 " WHERE s.run = $1 AND s.status = 'waiting' AND warden.job_owner(k.command) = $2"};

constinit Statement lock_slot{
	"SELECT 1 FROM warden.schedule_slots WHERE run = $1 AND status = 'waiting' FOR NO KEY UPDATE SKIP LOCKED"};

constinit Statement start_slot{"UPDATE warden.schedule_slots SET status = 'running', attempts = attempts + 1, "
                               "restartable = $2, started = clock_timestamp(),"
                               " sqlstate = NULL, message = NULL WHERE run = $1"};

struct Task {
	std::string name, text, slot;
	std::optional<Moment> max_runtime;
};

// Reads the command.  std::nullopt if the run is not to be started any more.
std::optional<Task> read_task(const Run &run) {
	const AsExtension as;
	PinnedSettings::set("datestyle", "ISO");
	PinnedSettings::set("timezone", "UTC");
	Spi spi;
	using Text = std::string_view;
	for (const auto &[name, text, slot, max_runtime] :
	     spi.query<Text, Text, Text, std::optional<int64>>(find_command, int64{run.run}, run.owner)) {
		return Task{std::string(name), std::string(text), std::string(slot), max_runtime};
	}
	return std::nullopt;
}

// Writes down that the run has begun, which is flushed: a command that crashes the server is counted.  Returns false if
// somebody is changing the run.
bool mark_started(const Run &run, bool restartable) {
	const AsExtension as;
	Spi spi;
	if (spi.query<int32>(lock_slot, int64{run.run}).empty()) {
		return false;
	}
	spi.execute(start_slot, int64{run.run}, restartable);
	return true;
}

// One run.
class Execution {
public:
	explicit Execution(const Run &run) : run_(run) {}

	void perform() {
		const std::optional<Task> task = start_reading();
		if (!task) {
			return;
		}
		call([&] {
			tell_job(task->name.c_str(), task->slot.c_str());
			SetConfigOption("application_name", task->name.c_str(), PGC_USERSET, PGC_S_SESSION);
		});
		Command command(task->text);
		if (!start(command)) {
			return;
		}
		set_deadline(task->max_runtime);
		run_statements(command);
		finish_alone();
	}

private:
	std::optional<Task> start_reading() {
		begin_transaction("reading the job");
		std::optional<Task> task;
		const Presence presence = share_extension(run_.extension);
		if (presence == Presence::Locked) {
			task = read_task(run_);
		}
		commit_transaction();
		outcome.recorded = !task && presence != Presence::Busy;
		outcome.again = presence == Presence::Busy;
		return task;
	}

	bool start(const Command &command) {
		begin_transaction("starting the job");
		restartable_ = command.size() == 0 || command.is_transactional(0);
		const bool started = share_extension(run_.extension) == Presence::Locked && mark_started(run_, restartable_);
		commit_transaction();
		outcome.again = !started;
		return started;
	}

	void run_statements(Command &command) {
		for (size_t n = 0; n < command.size(); ++n) {
			answer_signals();
			if (n > 0 && restartable_ && !Command::in_block() && !command.is_transactional(n)) {
				forbid_restart_alone();
			}
			const bool last = n + 1 == command.size() && !command.chains(n);
			writes_at_commit_ = writes_at_commit_ || command.writes_at_commit(n);
			const uint64 before = outcome.rows;
			const uint64 rows = command.run(n, [&](uint64 of_statement) {
				outcome.rows = before + of_statement;
				before_commit(last);
			});
			outcome.rows = before + rows;
		}
		if (Command::in_block()) {
			throw Error(ERRCODE_ACTIVE_SQL_TRANSACTION, "the command left a transaction open, which was rolled back")
				.with_hint("End it with COMMIT.");
		}
	}

	// In the transaction of the command, which may not be committed without its mark if that could lead to a second
	// run.
	void before_commit(bool last) {
		const bool writes =
			std::exchange(writes_at_commit_, false) || TransactionIdIsValid(call(GetTopTransactionIdIfAny));
		if (!last && !(restartable_ && writes)) {
			return;
		}
		const Presence presence = share_extension(run_.extension);
		if (presence == Presence::Busy && restartable_) {
			outcome.again = true;
			throw Error(ERRCODE_LOCK_NOT_AVAILABLE, "the run could not be written down and was rolled back")
				.with_detail("Somebody holds a lock on warden.schedule_slots.");
		}
		if (presence != Presence::Locked) {
			return; // it is written down when the process has ended; or nobody asks for it any more
		}
		if (last) {
			marked_ = call(
				[&] { return mark_succeeded(run_.job, run_.run, outcome.rows, outcome.message, outcome.sqlstate); });
		} else {
			call([&] { mark_not_restartable(run_.job, run_.run); });
			restartable_ = false;
		}
	}

	void forbid_restart_alone() {
		begin_transaction("going on with the job");
		const Presence presence = share_extension(run_.extension);
		if (presence == Presence::Busy) {
			outcome.again = true;
			throw Error(ERRCODE_LOCK_NOT_AVAILABLE, "the run could not be written down");
		}
		if (presence == Presence::Locked) {
			call([&] { mark_not_restartable(run_.job, run_.run); });
		}
		commit_transaction();
		restartable_ = false;
	}

	// What has no need to be part of the command's transaction; or what was not, after a ROLLBACK or with no statement.
	void finish_alone() {
		outcome.succeeded = true;
		begin_transaction("finishing the job", marked_ ? Durability::None : Durability::Local);
		const Presence presence = share_extension(run_.extension);
		bool is_complete = presence == Presence::Absent;
		if (presence == Presence::Locked) {
			const AsExtension as;
			Spi spi;
			if (!marked_) {
				finish(spi, run_.run, "succeeded", outcome);
			}
			is_complete = update_state(spi, run_.job, run_.run, outcome.more);
		}
		commit_transaction();
		outcome.recorded = is_complete;
	}

	const Run run_;
	bool restartable_ = true;
	bool writes_at_commit_ = false; // a statement of the transaction that is open
	bool marked_ = false;
};

// Server code.
bool was_canceled_by_user(const char *message) {
	return strcmp(message, _("canceling statement due to user request")) == 0;
}

void execute_run() {
	const std::optional<Run> run = arrive();
	if (!run) {
		outcome.recorded = true;
		return;
	}
	call([&] {
		next_hook = emit_log_hook;
		emit_log_hook = watch_log;
		BackgroundWorkerInitializeConnectionByOid(run->database, run->owner, 0);
	});
	const MemoryScope memory(TopMemoryContext);
	Execution execution(*run);
	if (const auto error = survive([&] { execution.perform(); })) {
		outcome.succeeded = false;
		call([&] { remember(error->sqlstate, error->message.c_str()); });
		if (error->sqlstate == ERRCODE_QUERY_CANCELED && was_canceled_by_user(error->message.c_str())) {
			outcome.interruption = Interruption::Canceled;
		}
	}
}

} // namespace

} // namespace warden::schedule

/// The process of a run.  argument: its place on the board and, in bgw_extra, its token.
void schedule_execute(Datum argument) {
	using namespace warden::schedule;
	place = DatumGetInt32(argument);
	memcpy(&token, MyBgworkerEntry->bgw_extra, sizeof token);
	warden::pg::accept_signals();
	before_shmem_exit(leave, 0);
	warden::pg::entry(execute_run);
	proc_exit(0);
}
