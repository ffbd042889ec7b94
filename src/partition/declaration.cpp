#include "partition/declaration.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "access/reloptions.h"
#include "catalog/pg_class.h"
#include "utils/fmgroids.h"
}

namespace warden::partition {

using namespace pg;

void check_table(const OpenRelation &table) {
	if (table->rd_rel->relpersistence == RELPERSISTENCE_TEMP) {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "cannot manage the partitions of a temporary table")
			.with_detail("Maintenance runs in other sessions, which cannot see it.");
	}
	if (table->rd_rel->relispartition) {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED,
		            format("cannot manage \"%s\" because it is a partition itself", NameStr(table->rd_rel->relname)))
			.with_hint("Name the table at the root of the partition tree.");
	}
}

Error invalid(const std::string &message) {
	return {ERRCODE_INVALID_PARAMETER_VALUE, message};
}

std::optional<std::string> check_storage_parameters(std::optional<TextArray> parameters) {
	if (!parameters) {
		return std::nullopt;
	}
	Spi spi;
	for (const auto &[is_well_formed, of_table, of_toast] :
	     spi.query<bool, std::optional<TextArray>, std::optional<TextArray>>(
			 R"(SELECT coalesce(bool_and(coalesce(p ~ '^(toast[.])?[a-z_]+=.', false)), true),
			           array_agg(p) FILTER (WHERE p !~ '^toast[.]'),
			           array_agg(substr(p, 7)) FILTER (WHERE p ~ '^toast[.]')
			    FROM unnest($1) p)",
			 parameters)) {
		if (!is_well_formed) {
			throw invalid("\"storage_parameters\" is not a list of name=value")
				.with_hint("Type for instance storage_parameters => '{fillfactor=90, toast.autovacuum_enabled=off}'.");
		}
		call([&] {
			(void)heap_reloptions(RELKIND_RELATION, of_table ? of_table->datum : 0, true);
			(void)heap_reloptions(RELKIND_TOASTVALUE, of_toast ? of_toast->datum : 0, true);
		});
	}
	return call([&] { return OidOutputFunctionCall(F_ARRAY_OUT, parameters->datum); });
}

void check_count(const Set &set) {
	if (set.missing(most_partitions + 1).size() > most_partitions) {
		throw invalid(format("more than %zu partitions would be made", most_partitions))
			.with_detail(
				"They would reach from the end of the last partition before now, but for what has expired, to the "
				"end of \"ahead\".")
			.with_hint("Use a longer \"every\", a shorter \"ahead\" or a shorter \"keep\".");
	}
}

std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int n) {
	const auto text = argument<std::optional<std::string_view>>(fcinfo, n);
	return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::optional<Policy> find_policy(Oid parent) {
	std::vector<Policy> known = read_policies(parent);
	return known.empty() ? std::nullopt : std::optional(std::move(known.front()));
}

void declare_set(FunctionCallInfo fcinfo, const char *function, int dry_run_argument, ReadArguments read_arguments,
                 Explain explain) {
	const auto parent = required_argument<Oid>(fcinfo, 0, "parent");
	const auto dry_run = required_argument<bool>(fcinfo, dry_run_argument, "dry_run");
	check_owner(parent);
	if (!dry_run) {
		call(PreventCommandIfReadOnly, function);
	}
	OutcomeRows rows(fcinfo);
	const PinnedSettings settings;
	lock(parent, dry_run ? AccessShareLock : ShareUpdateExclusiveLock);
	std::optional<Policy> policy;
	{
		const OpenRelation table(parent, NoLock);
		policy = read_arguments(fcinfo, parent, table);
	}
	if (const auto known = find_policy(parent)) {
		policy->kind.subdivision = known->kind.subdivision;
	}
	if (!dry_run) {
		write_policy(*policy);
	}
	std::size_t locks = locks_of_a_transaction();
	maintain_tree(rows, *policy, dry_run ? Mode::DryRun : Mode::Declare, locks);
	if (explain != nullptr) {
		add_outcomes(rows, parent, explain(*policy));
	}
}

} // namespace warden::partition
