// declare_list.cpp - partition_by_list(): a partition for each of the values that were declared, and word of those that
// the default partition has many rows of.
#include "partition/declaration.hpp"

namespace warden::partition {

using namespace pg;

namespace {

constexpr std::size_t most_keys = 1000;

Policy read_arguments(FunctionCallInfo fcinfo, Oid parent, const OpenRelation &table) {
	Policy policy = policy_of_kind(parent, Method::List);
	std::ignore = read_bounds(table, policy);
	check_table(table);
	policy.kind.min_rows = argument<std::optional<int64>>(fcinfo, 1);
	if (policy.kind.min_rows && *policy.kind.min_rows <= 0) {
		throw invalid("\"min_rows\" must be positive")
			.with_hint("Type how many rows of a value are worth a partition, or null to have none looked for.");
	}
	if (const auto keys = argument<std::optional<TextArray>>(fcinfo, 2)) {
		const std::vector<Value> texts = values_of(*keys);
		if (texts.size() > most_keys) {
			throw invalid(format("\"keys\" has more than %zu elements", most_keys))
				.with_hint("Partition a table of so many values by hash.");
		}
		policy.kind.keys = read_values(list_column(table), table->rd_rel->relowner, texts);
	}
	policy.storage_parameters = check_storage_parameters(argument<std::optional<TextArray>>(fcinfo, 3));
	const auto known = find_policy(parent);
	policy.failed = known && known->failed;
	return policy;
}

} // namespace

/// partition_by_list(parent regclass, min_rows bigint, keys text[], storage_parameters text[], dry_run boolean)
/// returns table (parent, partition, action, status, command, detail)
PG_FUNCTION(partition_by_list) {
	declare_set(fcinfo, "warden.partition_by_list()", 4, read_arguments);
	PG_RETURN_NULL();
}

} // namespace warden::partition
