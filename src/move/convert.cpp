// convert.cpp - partition_convert() and partition_convert_plan(): a plain table that becomes a partitioned one, checked
// whole before anything starts.
#include "move/convert_obstacles.hpp"
#include "move/convert_parts.hpp"
#include "move/move_again.hpp"

#include "pg/call.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

constexpr int limits_argument = 11;
constexpr int dry_run_argument = 15;

/// What is asked for, and what would come of it.
struct Conversion {
	std::vector<NarrowIndex> narrow;
	Study study;
};

/// The set is declared at the end, as the caller, when it is too late to find that he may not.
void check_may_declare(bool is_number) {
	const std::string function = is_number ? "partition_by_number" : "partition_by_time";
	const PinnedSettings settings;
	Spi spi;
	const auto denied = spi.query_latest<std::string_view>(
		"SELECT quote_ident(current_user) FROM pg_proc WHERE pronamespace = 'warden'::regnamespace AND proname = $1 "
		"AND NOT has_function_privilege(oid, 'EXECUTE')",
		function);
	if (!denied.empty()) {
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied for function warden." + function)
			.with_detail("It declares the partitions in the end.")
			.with_hint("Have GRANT EXECUTE ON FUNCTION warden." + function + " TO " +
		               std::string(std::get<0>(denied.front())) + " done.");
	}
}

Conversion examine_conversion(FunctionCallInfo fcinfo, Oid target) {
	const Request request = request_of(fcinfo);
	{
		const PinnedSettings settings;
		lock(target, AccessShareLock);
	}
	std::vector<NarrowIndex> narrow = find_narrow(target, request.key);
	check_convertible(request, target, narrow);
	const partition::Policy policy = policy_for(request, target, key_for(request, target));
	check_may_declare(policy.is_of_numbers());
	return {std::move(narrow), study(complete(request, policy), target)};
}

std::int64_t bytes_of(Oid table) {
	const OpenRelation relation(table, NoLock);
	return static_cast<std::int64_t>(call([&] { return RelationGetNumberOfBlocks(relation.get()); })) * BLCKSZ;
}

Wish wish_of(const Study &study, Limits limits) {
	const Request &request = study.request;
	std::optional<std::string> first_bound;
	if (study.first) {
		first_bound = show_bound(study.first->upper, partition::Side::Upper, study.set.bounds.key, study.set.zone);
	}
	return {.target = study.policy.parent,
	        .kind = Kind::Convert,
	        .limits = limits,
	        .key = request.key,
	        .every = request.every,
	        .first_bound = first_bound,
	        .metadata_only = request.metadata_only,
	        .widen_key = request.widen_key,
	        .declaration = write_request(request),
	        .rows_total = request.metadata_only ? 0 : study.survey.total,
	        .bytes_total = request.metadata_only ? 0 : bytes_of(study.policy.parent)};
}

/// What was said must be what the job was begun with; what was not said is taken from there if it depends on the
/// session.
void check_same_request(FunctionCallInfo fcinfo, const Job &job) {
	const Request own = read_request(job.wish.declaration.value_or("{}"));
	Request given = request_of(fcinfo);
	check_same(job, "key", given.key, own.key);
	if (!given.timezone) {
		given.timezone = own.timezone;
	}
	given = complete(given, policy_for(given, job.wish.target, key_for(given, job.wish.target)));
	const auto text = [](bool value) { return value ? "true" : "false"; };
	check_same(job, "every", given.every, own.every);
	check_same(job, "ahead", given.ahead, own.ahead);
	check_same(job, "keep", given.keep, own.keep);
	check_same(job, "timezone", given.timezone, own.timezone);
	check_same(job, "anchor", given.anchor, own.anchor);
	check_same(job, "key_format", given.key_format, own.key_format);
	check_same(job, "metadata_only", text(given.metadata_only), text(own.metadata_only));
	check_same(job, "default_partition", text(given.default_partition), text(own.default_partition));
	check_same(job, "widen_key", text(given.widen_key), text(own.widen_key));
}

} // namespace

const Operations &convert_operations() {
	static constexpr Operations operations{
		.prepare = prepare_convert,
		.lock = lock_convert,
		.swap = swap_convert,
		.finish = finish_convert,
	};
	return operations;
}

/// partition_convert(target regclass, key name, every text, ahead text, keep text, timezone text, anchor text,
/// key_format text, metadata_only boolean, default_partition boolean, widen_key boolean, max_rows_per_second bigint,
/// max_bytes_per_second bigint, max_lag_bytes bigint, max_sessions integer, dry_run boolean)
PG_FUNCTION(partition_convert) {
	const auto target = required_argument<Oid>(fcinfo, 0, "target");
	const auto dry_run = required_argument<bool>(fcinfo, dry_run_argument, "dry_run");
	check_owner(target);
	const Limits limits = limits_of(fcinfo, limits_argument);
	if (dry_run) {
		const Conversion conversion = examine_conversion(fcinfo, target);
		tell_steps(convert_steps(conversion.study, conversion.narrow, limits));
		PG_RETURN_VOID();
	}
	call(PreventCommandIfReadOnly, "warden.partition_convert()");
	const Procedure procedure(fcinfo, "SELECT * FROM warden.partition_convert_plan()");
	if (const auto unfinished = find_unfinished(procedure, target, Kind::Convert)) {
		check_same_request(fcinfo, *unfinished);
		go_on(procedure, *unfinished, limits);
		PG_RETURN_VOID();
	}
	const Conversion conversion = examine_conversion(fcinfo, target);
	run_job(procedure, begin_job(wish_of(conversion.study, limits)).id);
	PG_RETURN_VOID();
}

/// partition_convert_plan(target regclass, key name, every text, ahead text, keep text, timezone text, anchor text,
/// key_format text, metadata_only boolean, default_partition boolean, widen_key boolean) returns table (step, action,
/// command, lock, relation, bytes, seconds, detail)
PG_FUNCTION(partition_convert_plan) {
	const auto target = required_argument<Oid>(fcinfo, 0, "target");
	check_owner(target);
	PlanRows rows(fcinfo);
	const Conversion conversion = examine_conversion(fcinfo, target);
	add_steps(rows, convert_steps(conversion.study, conversion.narrow, {}));
	PG_RETURN_NULL();
}

} // namespace warden::move
