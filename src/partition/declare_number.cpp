// declare_number.cpp - partition_by_number().
#include "partition/declaration.hpp"

#include "partition/position.hpp"

namespace warden::partition {

using namespace pg;

namespace {

constexpr std::int64_t steps_ahead = 4; // when nobody said

Span numbers(std::int64_t count) {
	return {.microseconds = count};
}

void check_positive(const char *name, std::int64_t count, const char *hint) {
	if (count <= 0) {
		throw invalid(format("\"%s\" must be positive", name)).with_hint(hint);
	}
}

} // namespace

std::int64_t default_ahead(std::int64_t every) {
	return every > end / steps_ahead ? end : every * steps_ahead;
}

void check_numbers(std::int64_t every, std::int64_t ahead, std::optional<std::int64_t> keep) {
	check_positive("every", every, "Type how many numbers a partition is for, for instance every => 1000000.");
	check_positive("ahead", ahead, "Type how many numbers before it is needed a partition is to exist.");
	if (keep && *keep < every) {
		throw invalid("\"keep\" must not be smaller than \"every\"")
			.with_detail("Rows leave a whole partition at a time.")
			.with_hint("Use a smaller \"every\", or a greater \"keep\", or leave it out to keep all partitions.");
	}
}

namespace {

Policy read_arguments(FunctionCallInfo fcinfo, Oid parent, const OpenRelation &table) {
	Bounds bounds = read_bounds(table, Notation::Number);
	check_table(table);
	const auto every = required_argument<int64>(fcinfo, 1, "every");
	const auto ahead = argument<std::optional<int64>>(fcinfo, 2).value_or(every > 0 ? default_ahead(every) : 1);
	const auto keep = argument<std::optional<int64>>(fcinfo, 3);
	check_numbers(every, ahead, keep);
	Retention retention = read_retention(fcinfo, parent, 4, 7);
	retention.keep = keep ? std::optional(numbers(*keep)) : std::nullopt;
	const auto known = find_policy(parent);
	const Position position = find_position(parent, bounds, 0);
	const auto anchor = argument<std::optional<int64>>(fcinfo, 5);
	const Policy policy{.parent = parent,
	                    .notation = Notation::Number,
	                    .every = numbers(every),
	                    .ahead = numbers(ahead),
	                    .retention = retention,
	                    .timezone = "UTC",
	                    .anchor =
	                        anchor ? floor_modulo(*anchor, every) : infer_anchor(bounds.ranges, every, position.number),
	                    .storage_parameters = check_storage_parameters(argument<std::optional<TextArray>>(fcinfo, 6)),
	                    .failed = known && known->failed};
	check_count(examine(policy, std::move(bounds)));
	return policy;
}

} // namespace

/// partition_by_number(parent regclass, every bigint, ahead bigint, keep bigint, on_expiry text, anchor bigint,
/// storage_parameters text[], keep_partitions bigint, keep_bytes bigint, archive_schema text, archive_tablespace text,
/// archive_access_method text, on_reference text, dry_run boolean) returns table (parent, partition, action, status,
/// command, detail)
PG_FUNCTION(partition_by_number) {
	declare_set(fcinfo, "warden.partition_by_number()", 13, read_arguments);
	PG_RETURN_NULL();
}

} // namespace warden::partition
