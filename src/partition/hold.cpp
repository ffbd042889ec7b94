#include "partition/hold.hpp"

#include "partition/tree.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "access/xlog.h"
#include "catalog/partition.h"
#include "utils/lsyscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constinit Statement select_holds{"SELECT partition::oid FROM warden.partition_holds"};
// By the catalogue alone: nothing keeps what it names from being dropped meanwhile.
constinit Statement select_held{R"(
WITH RECURSIVE tree (oid) AS (
    SELECT partition::oid FROM warden.partition_holds
    UNION SELECT h.inhrelid FROM pg_inherits h JOIN tree ON h.inhparent = tree.oid),
above (oid) AS (
    SELECT partition::oid FROM warden.partition_holds
    UNION SELECT h.inhparent FROM pg_inherits h JOIN above ON h.inhrelid = above.oid)
SELECT oid FROM tree UNION SELECT oid FROM above)"};
// $1 a partition: of it, of one below it, or of what it is a part of.
constinit Statement find_hold{R"(
WITH RECURSIVE tree (oid) AS (
    SELECT $1 WHERE EXISTS (SELECT FROM warden.partition_holds)
    UNION ALL SELECT h.inhrelid FROM pg_inherits h JOIN tree ON h.inhparent = tree.oid),
above (oid) AS (
    SELECT $1 WHERE EXISTS (SELECT FROM warden.partition_holds)
    UNION ALL SELECT h.inhparent FROM pg_inherits h JOIN above ON h.inhrelid = above.oid)
SELECT 1 FROM warden.partition_holds
WHERE partition::oid IN (SELECT oid FROM tree UNION ALL SELECT oid FROM above) LIMIT 1)"};
constinit Statement upsert_hold{R"(
INSERT INTO warden.partition_holds (partition, reason, role) VALUES ($1, $2, pg_get_userbyid($3))
ON CONFLICT (partition) WHERE partition <> 0::oid DO UPDATE
SET (reason, role, at) = (excluded.reason, excluded.role, excluded.at))"};
constinit Statement delete_hold{"DELETE FROM warden.partition_holds WHERE partition = $1"};

std::vector<Oid> read_oids(Statement &select) {
	const AsExtension owner;
	Spi spi;
	std::vector<Oid> oids;
	for (const auto &[oid] : spi.query_latest<Oid>(select)) {
		oids.push_back(oid);
	}
	return oids;
}

/// The set that a partition belongs to, of which the caller has the owner's rights.
Policy policy_of(Oid partition) {
	if (!call(get_rel_relispartition, partition)) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, format("table %s is not a partition", qualified_name(partition).c_str()))
			.with_hint("The partitions of managed sets are in warden.partitions.");
	}
	const Oid parent = call(get_partition_parent, partition, true);
	return own_policy(parent);
}

} // namespace

std::vector<Oid> held_partitions() {
	// Mostly there is none, and nothing to plan a longer query for.
	std::vector<Oid> held = read_oids(select_holds).empty() ? std::vector<Oid>() : read_oids(select_held);
	std::ranges::sort(held);
	return held;
}

bool is_held(Oid partition) {
	const AsExtension owner;
	Spi spi;
	return !spi.query_latest<int32>(find_hold, partition).empty();
}

void delete_old_holds() {
	for (const Oid partition : read_oids(select_holds)) {
		if (!relation_exists(partition)) {
			const AsExtension owner;
			Spi().execute(delete_hold, partition);
		}
	}
}

/// partition_hold(partition regclass, reason text) returns void
PG_FUNCTION(partition_hold) {
	const auto partition = argument<Oid>(fcinfo, 0);
	const auto reason = argument<std::string_view>(fcinfo, 1);
	call(PreventCommandIfReadOnly, "warden.partition_hold()");
	std::ignore = policy_of(partition);
	const Oid role = call(GetUserId);
	const PinnedSettings settings;
	lock(partition, ShareUpdateExclusiveLock);
	std::ignore = policy_of(partition); // it may have been detached meanwhile
	const AsExtension owner;
	Spi().execute(upsert_hold, partition, reason, role);
	PG_RETURN_VOID();
}

/// partition_release(partition regclass) returns void
PG_FUNCTION(partition_release) {
	const auto partition = argument<Oid>(fcinfo, 0);
	call(PreventCommandIfReadOnly, "warden.partition_release()");
	std::ignore = policy_of(partition);
	const PinnedSettings settings;
	const AsExtension owner;
	if (Spi().execute(delete_hold, partition) == 0) {
		throw Error(ERRCODE_UNDEFINED_OBJECT, format("partition %s is not held", qualified_name(partition).c_str()))
			.with_hint("The partitions that are held are in warden.partitions.");
	}
	PG_RETURN_VOID();
}

} // namespace warden::partition
