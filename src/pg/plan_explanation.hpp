// plan_explanation.hpp - A plan as EXPLAIN (FORMAT JSON) shows it, of a statement that is not executed.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "commands/explain.h"
#include "executor/executor.h"
#include "nodes/params.h"
#include "nodes/plannodes.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
}

namespace warden::pg {

// Server code.

/// Whether the current user has the privileges that executing the plan would need; error 42501 if not.
inline void check_privileges(const PlannedStmt *plan) {
#if PG_VERSION_NUM < 160000
	ExecCheckRTPerms(plan->rtable, true);
#else
	ExecCheckPermissions(plan->rtable, plan->permInfos, true);
#endif
}

/// Of a plan for any values of its parameters nothing can be pruned before it runs.
inline int explain_flags(const ParamListInfo parameters) {
#if PG_VERSION_NUM < 160000
	(void)parameters;
	return EXEC_FLAG_EXPLAIN_ONLY;
#else
	return EXEC_FLAG_EXPLAIN_ONLY | (parameters == nullptr ? EXEC_FLAG_EXPLAIN_GENERIC : 0);
#endif
}

#if PG_VERSION_NUM < 160000
/// The same for a server that cannot be told so: partitions stay in the plan if choosing them needs a value.
inline void keep_partitions(Plan *plan) {
	if (plan == nullptr) {
		return;
	}
	check_stack_depth();
	List *children = NIL;
	if (IsA(plan, Append)) {
		reinterpret_cast<Append *>(plan)->part_prune_info = nullptr;
		children = reinterpret_cast<Append *>(plan)->appendplans;
	} else if (IsA(plan, MergeAppend)) {
		reinterpret_cast<MergeAppend *>(plan)->part_prune_info = nullptr;
		children = reinterpret_cast<MergeAppend *>(plan)->mergeplans;
	} else if (IsA(plan, SubqueryScan)) {
		keep_partitions(reinterpret_cast<SubqueryScan *>(plan)->subplan);
	}
	ListCell *cell = nullptr;
	foreach (cell, children) {
		keep_partitions(static_cast<Plan *>(lfirst(cell)));
	}
	keep_partitions(outerPlan(plan));
	keep_partitions(innerPlan(plan));
}

inline void keep_partitions(PlannedStmt *plan) {
	keep_partitions(plan->planTree);
	ListCell *cell = nullptr;
	foreach (cell, plan->subplans) {
		keep_partitions(static_cast<Plan *>(lfirst(cell)));
	}
}
#else
inline void keep_partitions(PlannedStmt *) {}
#endif

inline ExplainState *begin_explanation() {
	ExplainState *const state = NewExplainState();
	state->costs = true;
	state->format = EXPLAIN_FORMAT_JSON;
	ExplainBeginOutput(state);
	return state;
}

/// Adds a plan.  The executor is asked directly, not through hooks: nobody is to count or log what is not executed.
inline void explain(ExplainState *state, PlannedStmt *plan, const char *text, ParamListInfo parameters) {
	if (parameters == nullptr) {
		keep_partitions(plan);
	}
	QueryDesc *const query =
		CreateQueryDesc(plan, text, GetActiveSnapshot(), InvalidSnapshot, None_Receiver, parameters, nullptr, 0);
	standard_ExecutorStart(query, explain_flags(parameters));
	ExplainOpenGroup("Query", nullptr, true, state);
	ExplainPrintPlan(state, query);
	ExplainCloseGroup("Query", nullptr, true, state);
	standard_ExecutorEnd(query);
	FreeQueryDesc(query);
}

/// The text of all that was added.
inline const char *end_explanation(ExplainState *state) {
	ExplainEndOutput(state);
	return state->str->data;
}

} // namespace warden::pg
