// declare.cpp - partition_by_time(): what was asked for is checked whole before anything is written.
#include "partition/declaration.hpp"

#include "partition/default_prepare.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/zone.hpp"

extern "C" {
#include "pgtime.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constexpr double most_years = 1000; // of "every"
// Years 1 to 9999: what is beyond is a mistake.
constexpr Moment first_anchor = -730'119 * microseconds_per_day;
constexpr Moment last_anchor = 2'921'939 * microseconds_per_day;

bool is_negative(const Span &span) {
	return span.months < 0 || span.days < 0 || span.microseconds < 0;
}

} // namespace

Step check_every(const Span &every, const Key &key) {
	if (is_negative(every) || every == Span{}) {
		throw invalid("\"every\" must be positive").with_hint("Type a length of time, for instance every => '1 day'.");
	}
	const std::optional<Step> step = step_of(every);
	if (!step) {
		throw invalid("\"every\" mixes months, days and hours")
			.with_detail("Months and days are of different lengths, so the boundaries would drift.")
			.with_hint("Use one unit, for instance every => '1 month', '7 days' or '6 hours'.");
	}
	if (nominal_microseconds(every) > most_years * 365.25 * static_cast<double>(microseconds_per_day)) {
		throw invalid("\"every\" is too long")
			.with_hint("Use at most a thousand years, for instance every => '1 year'.");
	}
	if (step->unit == Step::Unit::Microsecond && key.notation == Notation::Date) {
		throw invalid("\"every\" must be whole days for a partition key of type date")
			.with_hint("Use for instance every => '1 day'.");
	}
	if (step->unit == Step::Unit::Microsecond && step->count < microseconds_per_second) {
		throw invalid("\"every\" must be at least one second").with_hint("Use for instance every => '1 hour'.");
	}
	return *step;
}

void check_ahead(const Span &ahead) {
	if (is_negative(ahead) || ahead == Span{}) {
		throw invalid("\"ahead\" must be positive")
			.with_hint("Type how long before it is needed a partition is to exist, for instance ahead => '7 days'.");
	}
}

void check_keep(const Span &keep, const Span &every) {
	if (is_negative(keep) || keep == Span{}) {
		throw invalid("\"keep\" must be positive")
			.with_hint("Type for instance keep => '90 days', or leave it out to keep all partitions.");
	}
	if (nominal_microseconds(keep) < nominal_microseconds(every)) {
		throw invalid("\"keep\" must not be shorter than \"every\"")
			.with_detail("Rows leave a whole partition at a time.")
			.with_hint("Use a shorter \"every\", or a longer \"keep\".");
	}
}

void check_anchor(Moment anchor) {
	if (anchor < first_anchor || anchor > last_anchor) {
		throw invalid("\"anchor\" is out of range")
			.with_hint("Type any moment at which a partition begins, for instance anchor => '2026-01-01 06:00+00'.");
	}
}

namespace {

/// The zone that was asked for; else the one the set has; else that of the session, unless the bounds of days and
/// months that exist are midnights in UTC and not there.
std::string choose_timezone(std::optional<std::string_view> timezone, const std::optional<Policy> &known,
                            const Bounds &bounds, const Step &step) {
	if (timezone) {
		return std::string(*timezone);
	}
	if (known && !known->is_of_numbers()) {
		return known->timezone;
	}
	std::string session = call(pg_get_timezone_name, session_timezone);
	if (has_instants(bounds.key.notation) && step.unit != Step::Unit::Microsecond &&
	    !at_midnight(bounds.ranges, server_zone(session)) && at_midnight(bounds.ranges, server_zone("UTC"))) {
		report(NOTICE, Error(ERRCODE_SUCCESSFUL_COMPLETION, "using time zone UTC")
		                   .with_detail(format("Existing partitions begin and end at midnight there, and not in %s.",
		                                       session.c_str())));
		return "UTC";
	}
	return session;
}

} // namespace

std::optional<Notation> check_key_format(std::optional<std::string_view> name) {
	if (!name) {
		return std::nullopt;
	}
	const auto notation = notation_of(*name);
	if (!notation || *notation == Notation::Number) {
		throw invalid(format("\"key_format\" cannot be \"%s\"", std::string(*name).c_str()))
			.with_hint(
				"Use unix_seconds, unix_milliseconds, unix_microseconds or unix_nanoseconds for integers, uuidv7 "
				"for a uuid, ulid for a text; or leave it out for a timestamptz, timestamp or date.");
	}
	return notation;
}

namespace {

Policy read_arguments(FunctionCallInfo fcinfo, Oid parent, const OpenRelation &table) {
	const auto notation = check_key_format(argument<std::optional<std::string_view>>(fcinfo, 7));
	Bounds bounds = read_bounds(table, notation);
	check_table(table);
	const auto every = required_argument<Span>(fcinfo, 1, "every");
	const Step step = check_every(every, bounds.key);
	const Span ahead = argument<std::optional<Span>>(fcinfo, 2).value_or(default_ahead(step));
	check_ahead(ahead);
	const auto keep = argument<std::optional<Span>>(fcinfo, 3);
	if (keep) {
		check_keep(*keep, every);
	}
	Retention retention = read_retention(fcinfo, parent, 4, 9);
	retention.keep = keep;
	const auto known = find_policy(parent);
	const std::string timezone =
		choose_timezone(argument<std::optional<std::string_view>>(fcinfo, 5), known, bounds, step);
	const Zone zone = server_zone(timezone);
	const auto anchor = argument<std::optional<Timestamptz>>(fcinfo, 6);
	if (anchor) {
		check_anchor(anchor->value);
	}
	const Moment now = key_now(bounds.key, zone);
	const Moment first =
		anchor ? anchor->value
			   : from_key(infer_anchor(bounds.ranges, step, now, key_zone(bounds.key, zone)), bounds.key, zone);
	Policy policy{.parent = parent,
	              .notation = notation,
	              .every = every,
	              .ahead = ahead,
	              .retention = retention,
	              .timezone = timezone,
	              .anchor = first,
	              .storage_parameters = check_storage_parameters(argument<std::optional<TextArray>>(fcinfo, 8)),
	              .failed = known && known->failed};
	const Set set = examine(policy, std::move(bounds));
	if (!is_finite(set.window.horizon)) {
		throw invalid("\"ahead\" is too long").with_hint("Use for instance ahead => '1 month'.");
	}
	check_count(set);
	return policy;
}

} // namespace

/// partition_by_time(parent regclass, every interval, ahead interval, keep interval, on_expiry text, timezone text,
/// anchor timestamptz, key_format text, storage_parameters text[], keep_partitions bigint, keep_bytes bigint,
/// archive_schema text, archive_tablespace text, archive_access_method text, on_reference text, dry_run boolean)
/// returns table (parent, partition, action, status, command, detail)
PG_FUNCTION(partition_by_time) {
	declare_set(fcinfo, "warden.partition_by_time()", 15, read_arguments);
	PG_RETURN_NULL();
}

/// partition_unmanage(parent regclass) returns void
PG_FUNCTION(partition_unmanage) {
	const auto parent = argument<Oid>(fcinfo, 0);
	check_owner(parent);
	call(PreventCommandIfReadOnly, "warden.partition_unmanage()");
	const PinnedSettings settings;
	lock(parent, ShareUpdateExclusiveLock);
	if (!delete_policy(parent)) {
		throw Error(ERRCODE_UNDEFINED_OBJECT, format("table %s is not managed", qualified_name(parent).c_str()))
			.with_hint("The sets that are managed are in warden.partition_sets.");
	}
	clear_default(parent);
	PG_RETURN_VOID();
}

} // namespace warden::partition
