// declare_hash.cpp - partition_by_hash(): all remainders of a modulus, and what it would take to have a greater one.
#include "partition/declaration.hpp"

#include "partition/collision.hpp"

#include <algorithm>

namespace warden::partition {

using namespace pg;

namespace {

/// The one that was asked for, else the least that the set has: then none of its partitions would have to be split.
int choose_modulus(std::optional<int32> modulus, const std::vector<Remainder> &existing) {
	if (modulus) {
		return *modulus;
	}
	if (existing.empty()) {
		throw Error(ERRCODE_NULL_VALUE_NOT_ALLOWED, "\"modulus\" must not be null for a table without partitions")
			.with_hint("Type how many partitions the table is to have, for instance modulus => 8.");
	}
	return std::ranges::min_element(existing, {}, &Remainder::modulus)->modulus;
}

void check_modulus(int modulus, const std::vector<Remainder> &existing) {
	if (modulus <= 0) {
		throw invalid("\"modulus\" must be positive")
			.with_hint("Type how many partitions the table is to have, for instance modulus => 8.");
	}
	if (!is_modulus_for(existing, modulus)) {
		const int greatest = std::ranges::max_element(existing, {}, &Remainder::modulus)->modulus;
		throw invalid(format("modulus %d does not fit to those of the partitions that exist", modulus))
			.with_detail("Of any two moduli of a set one must divide the other.")
			.with_hint(format("Use modulus => %d, or a multiple of it.", greatest));
	}
	// Of a modulus that is greater yet, each partition would be too much.
	if (static_cast<std::size_t>(modulus) > most_partitions ||
	    missing_remainders(existing, modulus, most_partitions + 1).size() > most_partitions) {
		throw invalid(format("more than %zu partitions would be made", most_partitions))
			.with_hint("Use a smaller \"modulus\".");
	}
}

Policy read_arguments(FunctionCallInfo fcinfo, Oid parent, const OpenRelation &table) {
	Policy policy = policy_of_kind(parent, Method::Hash);
	const Bounds bounds = read_bounds(table, policy);
	check_table(table);
	policy.kind.modulus = choose_modulus(argument<std::optional<int32>>(fcinfo, 1), bounds.remainders);
	check_modulus(policy.kind.modulus, bounds.remainders);
	policy.storage_parameters = check_storage_parameters(argument<std::optional<TextArray>>(fcinfo, 2));
	const auto known = find_policy(parent);
	policy.failed = known && known->failed;
	return policy;
}

} // namespace

/// partition_by_hash(parent regclass, modulus int, storage_parameters text[], dry_run boolean)
/// returns table (parent, partition, action, status, command, detail)
PG_FUNCTION(partition_by_hash) {
	declare_set(fcinfo, "warden.partition_by_hash()", 3, read_arguments, growth_outcomes);
	PG_RETURN_NULL();
}

} // namespace warden::partition
