// revert.cpp - A partitioned table made a plain one again: the rows of all partitions are copied into one storage,
// which the table then has; the table itself stays what it is.
#include "move/mover.hpp"

#include "move/move_again.hpp"
#include "move/move_plan.hpp"
#include "move/revert_obstacles.hpp"
#include "move/revert_swap.hpp"
#include "move/side.hpp"
#include "partition/hold.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "miscadmin.h"
#include "access/xlog.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

constexpr double swap_seconds = 0.05; // that a tree of some dozen partitions takes, about

/// Looks at all, before anything is done and again whenever it begins anew.
Tree checked_tree(Oid parent) {
	if (!relation_exists(parent)) {
		throw Error(ERRCODE_UNDEFINED_TABLE, format("relation with OID %u does not exist", parent));
	}
	check_owner(parent);
	Tree tree = read_tree(parent);
	check_tree(tree);
	return tree;
}

void prepare(const Procedure &, const Job &job) {
	const Oid parent = job.wish.target;
	{
		const PinnedSettings settings;
		lock(parent, ShareUpdateExclusiveLock);
	}
	const Tree tree = checked_tree(parent);
	for (const Oid leaf : tree.leaves) {
		add_source(job.id, leaf);
	}
	const Side side =
		create_storage_side(job, parent, tree.model, Side{.number = 0, .relation = InvalidOid, .takes_rest = true});
	const auto origin = read_origin(parent);
	register_indexes(job, side, index_definitions(parent), [&](IndexDefinition &definition) {
		if (origin) {
			narrow(parent, *origin, definition);
		}
		return true;
	});
}

void finish(const Procedure &procedure, const Job &) {
	partition::delete_old_holds();
	procedure.commit();
}

constexpr Operations operations{.prepare = prepare, .lock = lock_to_revert, .swap = swap_to_plain, .finish = finish};

// Plan ---------------------------------------------------------------------------------------------------------------

std::int64_t blocks_of(Oid table) {
	return call([&] {
		const Relation relation = relation_open(table, AccessShareLock);
		const BlockNumber blocks = RelationGetNumberOfBlocks(relation);
		relation_close(relation, NoLock);
		return std::int64_t{blocks};
	});
}

double rows_of(Oid table) {
	const PinnedSettings settings;
	Spi spi;
	const auto found = spi.query_latest<int64>(
		"SELECT greatest(reltuples::bigint, pg_stat_get_live_tuples(oid), 0) FROM pg_class WHERE oid = $1", table);
	return found.empty() ? 0 : static_cast<double>(std::get<0>(found.front()));
}

Wish wish_for(const Tree &tree, const Limits &limits) {
	Wish wish{.target = tree.parent, .kind = Kind::Revert, .limits = limits};
	for (const Oid leaf : tree.leaves) {
		wish.bytes_total += blocks_of(leaf) * BLCKSZ;
		wish.rows_total += static_cast<std::int64_t>(rows_of(leaf));
	}
	return wish;
}

std::string swap_locks(const Tree &tree) {
	return format("ACCESS EXCLUSIVE on %s and its %zu partitions, for about %.0f ms",
	              qualified_name(tree.parent).c_str(), tree.partitions.size(), swap_seconds * 1000);
}

std::vector<PlanStep> plan(const Tree &tree, const Wish &wish) {
	const std::string name = qualified_name(tree.parent);
	std::vector<PlanStep> steps;
	steps.push_back({.action = "prepare",
	                 .lock = "SHARE UPDATE EXCLUSIVE on " + name,
	                 .relation = name,
	                 .detail = tree.leaves.empty()
	                               ? "It has no partitions that have rows: nothing is copied."
	                               : format("A table like %s is made, which nobody else uses; maintenance leaves the "
	                                        "partitions alone until the end.",
	                                        qualified_name(tree.model).c_str())});
	for (const PlanStep &step : common_steps(wish, tree.leaves, 1)) {
		steps.push_back(step);
	}
	for (const Oid child : tree.children) {
		const std::string partition = qualified_name(child);
		steps.push_back({.action = "swap", .command = "DROP TABLE " + partition, .relation = partition});
	}
	steps.push_back({.action = "swap",
	                 .lock = swap_locks(tree),
	                 .relation = name,
	                 .seconds = swap_seconds,
	                 .detail = "The table becomes a plain one that has the copied rows; it stays the same table to all "
	                           "that refers to it."});
	for (const std::string &statement : origin_statements(tree.parent, read_origin(tree.parent))) {
		steps.push_back({.action = "swap", .command = statement, .relation = name});
	}
	for (const std::string &loss : losses_of(tree.parent)) {
		steps.push_back({.action = "lost", .relation = name, .detail = "The " + loss + " goes with it."});
	}
	steps.push_back({.action = "finish",
	                 .command = "ANALYZE " + name,
	                 .lock = "SHARE UPDATE EXCLUSIVE on " + name,
	                 .relation = name});
	return steps;
}

} // namespace

const Operations &revert_operations() {
	return operations;
}

/// partition_revert(parent regclass, max_rows_per_second bigint, max_bytes_per_second bigint, max_lag_bytes bigint,
/// max_sessions integer, dry_run boolean)
PG_FUNCTION(partition_revert) {
	const auto parent = required_argument<Oid>(fcinfo, 0, "parent");
	const auto dry_run = required_argument<bool>(fcinfo, 5, "dry_run");
	check_owner(parent);
	const Limits limits = limits_of(fcinfo, 1);
	if (dry_run) {
		const Tree tree = checked_tree(parent);
		tell_steps(plan(tree, wish_for(tree, limits)));
		PG_RETURN_VOID();
	}
	const Procedure procedure(fcinfo, "SELECT * FROM warden.partition_revert_plan()");
	call(PreventCommandDuringRecovery, "warden.partition_revert()");
	call(PreventCommandIfReadOnly, "warden.partition_revert()");
	if (const auto unfinished = find_unfinished(procedure, parent, Kind::Revert)) {
		go_on(procedure, *unfinished, limits);
		PG_RETURN_VOID();
	}
	const std::int64_t job = begin_job(wish_for(checked_tree(parent), limits)).id;
	procedure.commit();
	run_job(procedure, job);
	PG_RETURN_VOID();
}

/// partition_revert_plan(parent regclass) returns table (step, action, command, lock, relation, bytes, seconds, detail)
PG_FUNCTION(partition_revert_plan) {
	const auto parent = required_argument<Oid>(fcinfo, 0, "parent");
	check_owner(parent);
	PlanRows rows(fcinfo);
	const Tree tree = checked_tree(parent);
	add_steps(rows, plan(tree, wish_for(tree, {})));
	PG_RETURN_NULL();
}

} // namespace warden::move
