#include "move/drain_obstacles.hpp"

#include "move/move_plan.hpp"
#include "pg/names.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

// $1 the parent, $2 the default partition.  A new partition is like the parent, with constraints that are valid.
constinit Statement select_unproven{R"(
SELECT conrelid, quote_ident(conname) FROM pg_constraint
WHERE conrelid IN ($1, $2) AND NOT convalidated AND contype IN ('c', 'f', 'n')
ORDER BY conrelid <> $1, conname LIMIT 1)"};

Error not_supported(const std::string &message) {
	return {ERRCODE_FEATURE_NOT_SUPPORTED, message};
}

/// Rows that break a constraint would be in a partition that says they do not.
void check_constraints(Oid parent, Oid default_partition) {
	Spi spi;
	for (const auto &[table, name] :
	     spi.query_latest<Oid, std::string_view>(select_unproven, parent, default_partition)) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            "constraint " + std::string(name) + " of table " + qualified_name(table) + " is not valid")
			.with_detail("A new partition would say of its rows that they keep it.")
			.with_hint("Use ALTER TABLE " + qualified_name(table) + " VALIDATE CONSTRAINT " + std::string(name) + ".");
	}
}

} // namespace

void check_drain(const partition::Policy &policy, const partition::Set &set) {
	const std::string table = qualified_name(policy.parent);
	if (policy.kind.method == partition::Method::Hash) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, "table " + table + " is partitioned by hash")
			.with_detail("Such a table has no default partition.");
	}
	const Oid default_partition = set.bounds.default_partition;
	if (!OidIsValid(default_partition)) {
		return;
	}
	if (call(get_rel_relkind, default_partition) == RELKIND_PARTITIONED_TABLE) {
		throw not_supported("default partition " + qualified_name(default_partition) + " is partitioned itself")
			.with_hint("Its rows can be moved when it is a table without partitions.");
	}
	if (policy.kind.subdivision) {
		throw not_supported("new partitions of table " + table + " are partitioned themselves")
			.with_detail("Rows can be moved to partitions of one level only.")
			.with_hint("Use warden.partition_subdivide(" + quoted_literal(table) +
		               "::regclass, NULL), drain it, and subdivide it again for the partitions to come.");
	}
	if (set.bounds.is_detaching) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            "DETACH CONCURRENTLY of a partition of table " + table + " is not finished")
			.with_hint("CALL warden.maintain() finishes it.");
	}
	check_source(default_partition);
	check_can_create(policy.parent);
	check_constraints(policy.parent, default_partition);
}

} // namespace warden::move
