#include "partition/steps.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/partition.h"
#include "commands/trigger.h"
#include "utils/lsyscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

Oid owner_of(const OpenRelation &relation) {
	return relation->rd_rel->relowner;
}

std::string join(const std::vector<std::string> &statements) {
	std::string text;
	for (const std::string &statement : statements) {
		text += (text.empty() ? "" : ";\n") + statement;
	}
	return text;
}

/// The policy may have changed while we waited for the lock, which who changes it holds as well.
bool is_unchanged(const Policy &policy) {
	const auto current = read_policies(policy.parent);
	return !current.empty() && current.front() == policy;
}

bool is_covered(const std::vector<Range> &existing, const Range &range) {
	const auto next = std::ranges::upper_bound(existing, range.lower, {}, &Range::upper);
	return next != existing.end() && next->lower < range.upper;
}

/// A table at the other end of a foreign key of the parent, and the lock that ATTACH and DETACH take there.
struct Peer {
	Oid table;
	bool refers_to_us;
};

// Server code.
List *find_referenced(Relation parent) {
	List *tables = NIL;
	ListCell *cell = nullptr;
	foreach (cell, RelationGetFKeyList(parent)) {
		tables = list_append_unique_oid(tables, lfirst_node(ForeignKeyCacheInfo, cell)->confrelid);
	}
	return tables;
}

// Server code.
List *find_referencing(Relation parent) {
	List *tables = NIL;
	for (int i = 0; parent->trigdesc != nullptr && i < parent->trigdesc->numtriggers; ++i) {
		const Trigger &trigger = parent->trigdesc->triggers[i];
		if (RI_FKey_trigger_type(trigger.tgfoid) == RI_TRIGGER_PK) {
			tables = list_append_unique_oid(tables, trigger.tgconstrrelid);
		}
	}
	return tables;
}

std::vector<Peer> find_peers(const OpenRelation &parent) {
	std::vector<Peer> peers;
	const List *const referenced = call(find_referenced, parent.get());
	for (int i = 0; referenced != nullptr && i < referenced->length; ++i) {
		peers.push_back({referenced->elements[i].oid_value, false});
	}
	const List *const referencing = call(find_referencing, parent.get());
	for (int i = 0; referencing != nullptr && i < referencing->length; ++i) {
		peers.push_back({referencing->elements[i].oid_value, true});
	}
	return peers;
}

/// Rows of the default partition that belong into a range make ATTACH fail, after it has scanned them all under the
/// strongest lock.  So look first, as the owner, with no lock but that of a query.
void check_default(Oid default_partition, const Key &key, const Calendar &calendar, const Range &range) {
	if (!OidIsValid(default_partition) || key.column.empty()) {
		return;
	}
	const std::string name = qualified_name(default_partition);
	const std::string column = call([&] { return quote_identifier(key.column.c_str()); });
	const std::string type = call([&] { return format_type_be(key.type); });
	const auto bound = [&](Moment moment) {
		return quoted_literal(literal(moment, key.notation, calendar.zone())) + "::" + type;
	};
	const std::string condition = column + " >= " + bound(range.lower) + " AND " + column + " < " + bound(range.upper);
	Spi spi;
	if (!spi.query<int32>(("SELECT 1 FROM " + name + " WHERE " + condition + " LIMIT 1").c_str()).empty()) {
		throw Error(ERRCODE_CHECK_VIOLATION,
		            format("default partition %s holds rows of the new partition", name.c_str()))
			.with_detail("They have " + condition + ".")
			.with_hint("Move them out of the default partition, for instance DELETE and INSERT them again in one "
		               "transaction with the new partition.");
	}
}

struct ParentTable {
	Oid owner;
	Bounds bounds;
	std::vector<Peer> peers;
};

// Not held open: the server refuses to alter a table that its caller uses.
ParentTable look_at(Oid table) {
	const OpenRelation parent(table, NoLock);
	return {owner_of(parent), read_bounds(parent), find_peers(parent)};
}

void lock_peers(const std::vector<Peer> &peers, LOCKMODE on_referencing) {
	for (const Peer &peer : peers) {
		lock_now(peer.table, peer.refers_to_us ? on_referencing : ShareRowExclusiveLock);
	}
}

/// What depends on a partition: DROP without CASCADE would fail, and DETACH would search the referencing table under
/// the strongest locks.  Looked for before any lock is taken.
void check_dependents(const Policy &policy, Oid partition) {
	Spi spi;
	const auto found = spi.query<std::optional<std::string_view>>(
		R"(SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, 0), ', ')
		   FROM pg_depend d
		   LEFT JOIN pg_constraint f ON d.classid = 'pg_constraint'::regclass AND f.oid = d.objid AND f.contype = 'f'
		   WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.deptype = 'n'
		     AND CASE WHEN f.oid IS NOT NULL THEN f.conrelid <> $1 ELSE NOT $2 END)",
		partition, policy.detach);
	if (const auto &dependents = std::get<0>(found.front())) {
		throw Error(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
		            format("cannot %s %s because other objects depend on it", retirement_action(policy),
		                   qualified_name(partition).c_str()))
			.with_detail("It is needed by " + std::string(*dependents) + ".")
			.with_hint("Remove what depends on the partition; it is never dropped with CASCADE.");
	}
}

std::string retirement_command(const Policy &policy, Oid partition) {
	const std::string name = qualified_name(partition);
	if (policy.detach) {
		return "ALTER TABLE " + qualified_name(policy.parent) + " DETACH PARTITION " + name;
	}
	const bool foreign = call(get_rel_relkind, partition) == RELKIND_FOREIGN_TABLE;
	return (foreign ? "DROP FOREIGN TABLE " : "DROP TABLE ") + name;
}

} // namespace

const char *retirement_action(const Policy &policy) {
	return policy.detach ? "detach" : "drop";
}

std::optional<Done> create_partition(const Policy &policy, const Blueprint &blueprint, const Range &range) {
	const PinnedSettings settings;
	lock(policy.parent, ShareUpdateExclusiveLock);
	if (!is_unchanged(policy)) {
		return std::nullopt;
	}
	ParentTable parent = look_at(policy.parent);
	if (is_covered(parent.bounds.ranges, range)) {
		return std::nullopt;
	}
	const Oid default_partition = parent.bounds.default_partition;
	const Set set = examine(policy, std::move(parent.bounds));
	const Draft draft = draft_partition(blueprint, range, set.bounds.key, set.calendar);
	std::vector<std::string> statements = draft.build;
	{
		const RunAs owner = RunAs::owner(parent.owner);
		check_default(default_partition, set.bounds.key, set.calendar, range);
		Spi spi;
		for (const std::string &statement : draft.build) {
			spi.execute(statement.c_str());
		}
		if (OidIsValid(default_partition)) {
			lock(default_partition, AccessExclusiveLock);
		}
		lock_peers(parent.peers, ShareRowExclusiveLock);
		spi.execute(draft.attach.c_str());
		statements.push_back(draft.attach);
		if (const auto identity = replica_identity(blueprint, draft.qualified_name)) {
			spi.execute(identity->c_str());
			statements.push_back(*identity);
		}
	}
	Done done{draft.qualified_name, join(statements)};
	log_step(policy.parent, done.partition, "create", done.command);
	return done;
}

std::optional<Done> retire_partition(const Policy &policy, Oid partition, Moment cutoff) {
	const PinnedSettings settings;
	if (!relation_exists(partition)) {
		return std::nullopt;
	}
	check_dependents(policy, partition);
	lock(policy.parent, AccessExclusiveLock);
	Oid owner = InvalidOid;
	std::vector<Peer> peers;
	{
		const OpenRelation parent(policy.parent, NoLock);
		owner = owner_of(parent);
		if (policy.detach) {
			peers = find_peers(parent);
		}
	}
	const Oid default_partition = call(get_default_partition_oid, policy.parent);
	if (OidIsValid(default_partition)) {
		lock_now(default_partition, AccessExclusiveLock);
	}
	if (!relation_exists(partition)) {
		return std::nullopt;
	}
	lock_now(partition, AccessExclusiveLock);
	const std::optional<Range> range = read_range(policy.parent, partition);
	if (!range || range->upper > cutoff || !is_unchanged(policy)) {
		return std::nullopt;
	}
	lock_peers(peers, AccessExclusiveLock);
	Done done = plan_retirement(policy, partition);
	{
		const RunAs restricted = RunAs::owner(owner);
		Spi().execute(done.command.c_str());
	}
	log_step(policy.parent, done.partition, retirement_action(policy), done.command);
	return done;
}

Done plan_creation(const Set &set, const Blueprint &blueprint, const Range &range) {
	Draft draft = draft_partition(blueprint, range, set.bounds.key, set.calendar);
	draft.build.push_back(draft.attach);
	return {draft.qualified_name, join(draft.build)};
}

Done plan_retirement(const Policy &policy, Oid partition) {
	return {qualified_name(partition), retirement_command(policy, partition)};
}

} // namespace warden::partition
