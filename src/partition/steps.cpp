#include "partition/steps.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

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
/// strongest lock.  So look first, as the owner of that partition, with no lock but that of a query.
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
	const RunAs owner = RunAs::owner(owner_of(OpenRelation(default_partition, AccessShareLock)));
	Spi spi;
	if (!spi.query<int32>(("SELECT 1 FROM " + name + " WHERE " + condition + " LIMIT 1").c_str()).empty()) {
		throw Error(ERRCODE_CHECK_VIOLATION,
		            format("default partition %s holds rows of the new partition", name.c_str()))
			.with_detail("They have " + condition + ".")
			.with_hint("Move them out of the default partition: the others are created meanwhile.");
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

// $1 the partition, $2 whether it will be detached.  What depends on the table and is no part of it: a foreign key from
// another table, or (for DROP) a view.  The table's own constraints, defaults, policies, rules and triggers depend on
// its columns as well, but go with it: they have an automatic or internal dependency on it besides.
constinit Statement find_dependents{R"(
SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, 0), ', ')
FROM pg_depend d
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.deptype = 'n'
  AND NOT EXISTS (SELECT FROM pg_depend own
                  WHERE own.classid = d.classid AND own.objid = d.objid AND own.refclassid = d.refclassid
                    AND own.refobjid = $1 AND own.deptype <> 'n')
  AND (NOT $2 OR EXISTS (SELECT FROM pg_constraint f
                         WHERE d.classid = 'pg_constraint'::regclass AND f.oid = d.objid AND f.contype = 'f')))"};

/// DROP without CASCADE would fail; DETACH would search the table that refers to ours while all are locked.  So what
/// depends on the partition is looked for before any lock is taken.
void check_dependents(const Policy &policy, Oid partition) {
	Spi spi;
	const auto found = spi.query<std::optional<std::string_view>>(find_dependents, partition, policy.detach);
	if (const auto &dependents = std::get<0>(found.front())) {
		throw Error(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
		            format("cannot %s %s because other objects depend on it", retirement_action(policy),
		                   qualified_name(partition).c_str()))
			.with_detail("It is needed by " + std::string(*dependents) + ".")
			.with_hint(policy.detach
		                   ? "Drop the foreign key, or detach the partition by hand: the server then searches "
		                     "the referencing table while both are locked."
		                   : "Remove what depends on the partition; nothing is ever dropped with CASCADE.");
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

std::optional<Refusal> lock_to_create(const Policy &policy) {
	const PinnedSettings settings;
	return take_lock(policy.parent, ShareUpdateExclusiveLock);
}

std::optional<Refusal> lock_to_retire(const Policy &policy) {
	bool will_last = false;
	// In a subtransaction, so that what is not enough is let go at once.
	const auto error = attempt([&] {
		const PinnedSettings settings;
		if (const auto refusal = take_lock(policy.parent, AccessExclusiveLock)) {
			will_last = refusal->will_last;
			throw Error(refusal->error);
		}
		const Oid default_partition = call(get_default_partition_oid, policy.parent);
		if (OidIsValid(default_partition)) {
			lock_now(default_partition, AccessExclusiveLock);
		}
	});
	return error ? std::optional(Refusal{*error, will_last}) : std::nullopt;
}

std::optional<Done> create_partition(const Policy &policy, const Blueprint &blueprint, const Range &range) {
	if (!is_unchanged(policy)) {
		return std::nullopt;
	}
	const PinnedSettings settings;
	ParentTable parent = look_at(policy.parent);
	if (is_covered(parent.bounds.ranges, range)) {
		return std::nullopt;
	}
	const Oid default_partition = parent.bounds.default_partition;
	const Set set = examine(policy, std::move(parent.bounds));
	check_default(default_partition, set.bounds.key, set.calendar, range);
	const Draft draft = draft_partition(blueprint, range, set.bounds.key, set.calendar);
	std::vector<std::string> statements = draft.build;
	{
		if (blueprint.has_model) {
			PinnedSettings::set("default_tablespace", "");
		}
		const RunAs owner = RunAs::owner(parent.owner);
		Spi spi;
		for (const std::string &statement : draft.build) {
			spi.execute(statement.c_str());
		}
		if (OidIsValid(default_partition)) {
			lock(default_partition, AccessExclusiveLock);
		}
		for (const Peer &peer : parent.peers) {
			lock_now(peer.table, ShareRowExclusiveLock);
		}
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
	if (!relation_exists(partition) || !is_unchanged(policy)) {
		return std::nullopt;
	}
	check_dependents(policy, partition);
	lock_now(partition, AccessExclusiveLock);
	const std::optional<Range> range = read_range(policy.parent, partition);
	if (!range || range->upper > cutoff) {
		return std::nullopt;
	}
	Done done = plan_retirement(policy, partition);
	const ParentTable parent = look_at(policy.parent);
	{
		const RunAs owner = RunAs::owner(parent.owner);
		if (policy.detach) {
			for (const Peer &peer : parent.peers) {
				lock_now(peer.table, ShareRowExclusiveLock);
			}
		}
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
