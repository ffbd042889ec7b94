#include "advice/sampler.hpp"

#include "advice/sample_board.hpp"
#include "advice/sample_writer.hpp"
#include "advice/statement_text.hpp"

#include "pg/call.hpp"

extern "C" {
#include "access/parallel.h"
#include "common/pg_prng.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "nodes/plannodes.h"
#include "optimizer/planner.h"
#include "portability/instr_time.h"
}

namespace warden::advice {

namespace {

// Sampling follows a superuser's decision alone: what is remembered is everybody's.
constinit double rate = 0.01;
constinit int min_duration_ms = 1000; // -1: no statement is sampled because it was slow
constinit bool keeps_constants = true;
constinit int places = 300;
constinit int retention_minutes = 35 * 24 * 60;

constinit planner_hook_type next_planner = nullptr;
constinit ExecutorStart_hook_type next_start = nullptr;
constinit ExecutorEnd_hook_type next_end = nullptr;

/// Of this session: the statement that was planned last, which may be run right now.
struct Planned {
	const PlannedStmt *plan; ///< nullptr: it has been
	bool is_drawn;           ///< its run is to be sampled
	double milliseconds;     ///< if so, what planning took
};
constinit Planned planned_last{};

// One of a function in PL/pgSQL can be taken in only while it is planned, which it soon is no more.
constexpr double rate_of_plannings = 10;

bool is_on() {
	return (rate > 0 || min_duration_ms >= 0) && has_sample_board() && !IsParallelWorker();
}

bool draw(double probability) {
	return probability > 0 && pg_prng_double(&pg_global_prng_state) < probability;
}

/// Whether the run that has ended is to be sampled, which was decided before it was planned if that was for it alone.
Planned take_planned(const PlannedStmt *plan) {
	if (planned_last.plan != plan) {
		return {.plan = plan, .is_drawn = draw(rate), .milliseconds = -1};
	}
	planned_last.plan = nullptr;
	return {.plan = plan,
	        .is_drawn = planned_last.is_drawn,
	        .milliseconds = planned_last.is_drawn ? planned_last.milliseconds : -1};
}

/// Whether a text says which of the parameters it means by $n.  In a function of PL/pgSQL it says the names of
/// variables.
bool has_numbers(ParamListInfo parameters) {
	return parameters == nullptr || parameters->paramFetch == nullptr;
}

std::string_view slice(const char *source, int location, int length) {
	const std::string_view all = source;
	if (location < 0 || static_cast<size_t>(location) >= all.size()) {
		return all;
	}
	return all.substr(static_cast<size_t>(location), length > 0 ? static_cast<size_t>(length) : all.npos);
}

/// What the server plans for itself, or we do on a user's table, runs in a restricted operation.
bool is_of_interest(CmdType command, std::string_view text) {
	return command != CMD_UTILITY && command != CMD_UNKNOWN && !InSecurityRestrictedOperation() &&
	       !is_about_ourselves(text) && !Tokens(text).next_significant().is("explain");
}

int64 id_of(uint64 query_id, std::string_view text) {
	return query_id != 0 ? static_cast<int64>(query_id) : fingerprint(text);
}

void sample(const QueryDesc *query, double milliseconds, double calls, double planning_ms) {
	const PlannedStmt *const plan = query->plannedstmt;
	const std::string_view text = slice(query->sourceText, plan->stmt_location, plan->stmt_len);
	if (!is_of_interest(plan->commandType, text) || !reads_tables(plan->rtable)) {
		return;
	}
	const Sample *const sample = has_numbers(query->params)
	                                 ? write_sample(text, query->params, keeps_constants, milliseconds, planning_ms)
	                                 : nullptr;
	offer({.role = GetUserId(),
	       .query = id_of(static_cast<uint64>(plan->queryId), text),
	       .calls = calls,
	       .milliseconds = milliseconds,
	       .rows = query->totaltime->ntuples,
	       .sample = sample});
}

void on_start(QueryDesc *query, int flags) {
	if (next_start != nullptr) {
		next_start(query, flags);
	} else {
		standard_ExecutorStart(query, flags);
	}
	if (is_on() && (flags & EXEC_FLAG_EXPLAIN_ONLY) == 0 && query->totaltime == nullptr) {
		// Who comes after us takes what he finds, and may want more of it than the time.
		const int wanted = ExecutorStart_hook == on_start ? INSTRUMENT_TIMER : INSTRUMENT_ALL;
		const MemoryContext context = MemoryContextSwitchTo(query->estate->es_query_cxt);
		query->totaltime = InstrAlloc(1, wanted, false);
		MemoryContextSwitchTo(context);
	}
}

void on_end(QueryDesc *query) {
	if (query->totaltime != nullptr && is_on() && IsTransactionState()) {
		InstrEndLoop(query->totaltime);
		const double milliseconds = query->totaltime->total * 1000;
		const bool is_slow = min_duration_ms >= 0 && milliseconds >= min_duration_ms;
		const Planned planned = take_planned(query->plannedstmt);
		if (is_slow || planned.is_drawn) {
			const MemoryContext context = MemoryContextSwitchTo(query->estate->es_query_cxt);
			sample(query, milliseconds, is_slow || rate <= 0 ? 1 : 1 / rate, planned.milliseconds);
			MemoryContextSwitchTo(context);
		}
	}
	if (next_end != nullptr) {
		next_end(query);
	} else {
		standard_ExecutorEnd(query);
	}
}

PlannedStmt *plan(Query *query, const char *source, int options, ParamListInfo parameters) {
	return next_planner != nullptr ? next_planner(query, source, options, parameters)
	                               : standard_planner(query, source, options, parameters);
}

/// A statement with the names of variables, while its tree tells where these are.
void sample_planned(const Query *query, const char *source, ParamListInfo parameters) {
	const std::string_view text = slice(source, query->stmt_location, query->stmt_len);
	if (!is_of_interest(query->commandType, text)) {
		return;
	}
	if (const Sample *const sample = write_named_sample(query, source, text, parameters, keeps_constants)) {
		offer({.role = GetUserId(),
		       .query = id_of(static_cast<uint64>(query->queryId), text),
		       .calls = 0,
		       .milliseconds = 0,
		       .rows = 0,
		       .sample = sample});
	}
}

PlannedStmt *on_plan(Query *query, const char *source, int options, ParamListInfo parameters) {
	if (!is_on() || source == nullptr) {
		return plan(query, source, options, parameters);
	}
	if (!has_numbers(parameters) && draw(rate * rate_of_plannings)) {
		sample_planned(query, source, parameters);
	}
	if (!draw(rate)) {
		PlannedStmt *const planned = plan(query, source, options, parameters);
		planned_last = {.plan = planned, .is_drawn = false, .milliseconds = 0};
		return planned;
	}
	instr_time begin;
	INSTR_TIME_SET_CURRENT(begin);
	PlannedStmt *const planned = plan(query, source, options, parameters);
	instr_time end;
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	planned_last = {.plan = planned, .is_drawn = true, .milliseconds = INSTR_TIME_GET_MILLISEC(end)};
	return planned;
}

void define_settings() {
	DefineCustomBoolVariable("warden.advice_keep_constants", "Keeps the constants of statements that are sampled.",
	                         "Without them plans are those for any value.", &keeps_constants, true, PGC_SUSET, 0,
	                         nullptr, nullptr, nullptr);
	DefineCustomIntVariable("warden.advice_sample_min_duration",
	                        "Sets the time from which on the run of a statement is always sampled.",
	                        "-1 is never, 0 samples all.", &min_duration_ms, 1000, -1, INT_MAX, PGC_SUSET, GUC_UNIT_MS,
	                        nullptr, nullptr, nullptr);
	if (process_shared_preload_libraries_in_progress) { // the server refuses it later
		DefineCustomIntVariable("warden.advice_sample_queries",
		                        "Sets how many statements there is room for in shared memory.",
		                        "Each takes 15 kB. 0 switches the sampler off.", &places, 300, 0, 10000, PGC_POSTMASTER,
		                        0, nullptr, nullptr, nullptr);
	}
	DefineCustomRealVariable("warden.advice_sample_rate", "Sets the part of all runs of statements that is sampled.",
	                         "0 samples only those that are slow.", &rate, 0.01, 0, 1, PGC_SUSET, 0, nullptr, nullptr,
	                         nullptr);
	DefineCustomIntVariable("warden.advice_sample_retention", "Sets how long samples of statements are remembered.",
	                        nullptr, &retention_minutes, 35 * 24 * 60, 1, INT_MAX, PGC_SUSET, GUC_UNIT_MIN, nullptr,
	                        nullptr, nullptr);
}

} // namespace

int sampled_queries() {
	return places;
}

int sample_retention_minutes() {
	return retention_minutes;
}

void init_sampler() {
	define_settings();
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade || places == 0) {
		return;
	}
	init_sample_board();
	next_planner = planner_hook;
	planner_hook = on_plan;
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = on_start;
	next_end = ExecutorEnd_hook;
	ExecutorEnd_hook = on_end;
}

} // namespace warden::advice
