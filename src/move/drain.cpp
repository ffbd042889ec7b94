// drain.cpp - CALL warden.partition_drain(): rows of a default partition into partitions of their own.
#include "move/drain_direct.hpp"
#include "move/drain_obstacles.hpp"
#include "move/drain_plan.hpp"
#include "move/drain_swap.hpp"
#include "move/move_again.hpp"
#include "move/move_plan.hpp"
#include "move/mover.hpp"
#include "partition/tree.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "miscadmin.h"
#include "tcop/utility.h"
}

namespace warden::move {

using namespace pg;
using partition::Policy;

namespace {

std::size_t positive(int32 max_partitions) {
	if (max_partitions < 1) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE,
		            format("\"max_partitions\" must be greater than zero, not %d", max_partitions));
	}
	return static_cast<std::size_t>(max_partitions);
}

/// What a set has to drain; ownership, and what keeps it from being done, first.
DrainSurvey look(Oid parent, std::size_t max_partitions) {
	const Policy policy = partition::own_policy(parent);
	{
		const PinnedSettings settings;
		check_drain(policy, partition::examine(policy));
	}
	return survey_drain(policy, max_partitions);
}

std::string text_of(std::int64_t rows) {
	return format("%lld row%s", static_cast<long long>(rows), rows == 1 ? "" : "s");
}

std::string tell_left(const std::vector<LeftRows> &left) {
	std::string text;
	for (const LeftRows &rows : left) {
		text +=
			(text.empty() ? "" : " ") + text_of(rows.rows) + (rows.rows == 1 ? " stays: " : " stay: ") + rows.why + ".";
	}
	return text;
}

/// How many rows: in words, as only a transaction that has moved them itself knows.
void tell_end(const DrainSurvey &survey, const std::string &rows, std::size_t partitions) {
	const std::string table = qualified_name(survey.policy.parent);
	Error notice(ERRCODE_SUCCESSFUL_COMPLETION,
	             !OidIsValid(survey.source()) ? "table " + table + " has no default partition"
	             : partitions == 0            ? "the default partition of table " + table + " has no rows to move"
	                               : format("moved %s of table %s to %zu partition%s", rows.c_str(), table.c_str(),
	                                        partitions, partitions == 1 ? "" : "s"));
	notice.detail = tell_left(survey.left);
	report(NOTICE, notice);
}

/// A transaction for each few partitions, tried again while locks are not to be had.  False if a job has to do the
/// rest.
bool drain_in_steps(const Procedure &procedure, const DrainSurvey &survey) {
	const Policy &policy = survey.policy;
	std::vector<Oid> partitions;
	std::int64_t rows = 0;
	std::size_t left = survey.places.size();
	for (int tries = 0; left > 0;) {
		DirectStep step;
		std::optional<Refusal> refusal;
		const auto error = attempt([&] { step = drain_directly(policy, std::min(left, most_direct), refusal); });
		if (!error && step.rows > 0) {
			commit_directly(step);
		} else {
			procedure.commit();
		}
		if (error && error->sqlstate == errcode_not_yet) {
			analyze_partitions(procedure, policy.parent, partitions);
			return false;
		}
		if (error) {
			if (!is_blocked(*error) || (refusal && refusal->will_last) || tries++ >= lock_retries()) {
				throw Error(*error);
			}
			procedure.pause(lock_retry_delay_ms());
			continue;
		}
		tries = 0;
		if (step.partitions.empty()) {
			break;
		}
		partitions.insert(partitions.end(), step.partitions.begin(), step.partitions.end());
		rows += step.rows;
		left -= std::min(left, step.partitions.size());
	}
	record_drain(policy, survey.beyond);
	procedure.commit();
	analyze_partitions(procedure, policy.parent, partitions);
	tell_end(survey, text_of(rows), partitions.size());
	return true;
}

/// Tells of its end, unless somebody has paused it.
void drain_by_job(const Procedure &procedure, const DrainSurvey &survey, std::size_t max_partitions,
                  const Limits &limits) {
	Wish wish{.target = survey.policy.parent, .kind = Kind::Drain, .limits = limits};
	wish.every = format("%zu", max_partitions);
	wish.rows_total = survey.rows_all;
	wish.bytes_total = survey.blocks * BLCKSZ;
	const Job job = begin_job(wish);
	procedure.commit();
	run_job(procedure, job.id);
	if (find_job(job.wish.target)) {
		return;
	}
	record_drain(survey.policy, survey.beyond);
	if (read_job(job.id).rows_copied == 0) {
		tell_end(survey, "", 0); // they have gone meanwhile
	} else {
		tell_end(survey, "about " + text_of(survey.rows), survey.places.size());
	}
}

} // namespace

/// partition_drain(parent regclass, max_partitions integer, max_rows_per_second bigint, max_bytes_per_second bigint,
/// max_lag_bytes bigint, max_sessions integer, dry_run boolean)
PG_FUNCTION(partition_drain) {
	const Oid parent = required_argument<Oid>(fcinfo, 0, "parent");
	check_owner(parent);
	const std::size_t max_partitions = positive(required_argument<int32>(fcinfo, 1, "max_partitions"));
	const Limits limits = limits_of(fcinfo, 2);
	if (required_argument<bool>(fcinfo, 6, "dry_run")) {
		tell_steps(plan_drain(look(parent, max_partitions), limits));
		PG_RETURN_VOID();
	}
	call(PreventCommandIfReadOnly, "warden.partition_drain()");
	const Procedure procedure(fcinfo, "SELECT * FROM warden.partition_drain_plan()");
	if (const auto unfinished = find_unfinished(procedure, parent, Kind::Drain)) {
		check_same(*unfinished, "max_partitions", format("%zu", max_partitions), unfinished->wish.every);
		go_on(procedure, *unfinished, limits);
		PG_RETURN_VOID();
	}
	const DrainSurvey survey = look(parent, max_partitions);
	procedure.commit();
	if (survey.places.empty()) {
		record_drain(survey.policy, 0);
		tell_end(survey, "", 0);
	} else if (!is_small(survey) || !drain_in_steps(procedure, survey)) {
		const DrainSurvey left = look(parent, max_partitions);
		procedure.commit();
		if (left.places.empty()) {
			tell_end(left, "", 0);
		} else {
			drain_by_job(procedure, left, max_partitions, limits);
		}
	}
	PG_RETURN_VOID();
}

/// partition_drain_plan(parent regclass, max_partitions integer) returns table (step, action, command, lock, relation,
/// bytes, seconds, detail)
PG_FUNCTION(partition_drain_plan) {
	const Oid parent = required_argument<Oid>(fcinfo, 0, "parent");
	check_owner(parent);
	const std::size_t max_partitions = positive(required_argument<int32>(fcinfo, 1, "max_partitions"));
	PlanRows rows(fcinfo);
	add_steps(rows, plan_drain(look(parent, max_partitions), {}));
	PG_RETURN_NULL();
}

} // namespace warden::move
