#include "partition/steps.hpp"

#include "partition/hold.hpp"
#include "partition/references.hpp"
#include "partition/tree.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

std::string join(const std::vector<std::string> &statements) {
	std::string text;
	for (const std::string &statement : statements) {
		text += (text.empty() ? "" : ";\n") + statement;
	}
	return text;
}

/// The policy may have changed while we waited for the lock, which who changes it holds as well; and so may the owner.
bool is_unchanged(const Policy &policy) {
	return governing_policy(policy.parent) == policy && owns(policy.parent);
}

/// Rows of the default partition that belong into a range make ATTACH fail, after it has scanned them all under the
/// strongest lock.  So look first, as the owner of that partition, with no lock but that of a query.
void check_default(Oid default_partition, const std::string &condition) {
	if (!OidIsValid(default_partition) || condition.empty()) {
		return;
	}
	const std::string name = qualified_name(default_partition);
	const AsOwner owner(owner_of(default_partition));
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
ParentTable look_at(const Policy &policy) {
	const OpenRelation parent(policy.parent, NoLock);
	return {owner_of(policy.parent), read_bounds(parent, policy), find_peers(parent)};
}

std::optional<Range> read_range(const Policy &policy, Oid partition) {
	return partition::read_range(policy.parent, partition, policy.notation);
}

/// DROP is for the owner of the partition, who need not be that of the parent, or of its schema.
void check_droppable(Oid role, Oid partition) {
	const bool may_drop = call([&] {
		const HeapTuple schema = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(get_rel_namespace(partition)));
		const Oid schema_owner =
			HeapTupleIsValid(schema) ? reinterpret_cast<Form_pg_namespace>(GETSTRUCT(schema))->nspowner : InvalidOid;
		if (HeapTupleIsValid(schema)) {
			ReleaseSysCache(schema);
		}
		return OidIsValid(schema_owner) && has_privs_of_role(role, schema_owner);
	});
	const Oid owner = owner_of(partition);
	if (!may_drop && !call(has_privs_of_role, role, owner)) {
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
		            format("must be owner of partition %s", qualified_name(partition).c_str()))
			.with_detail("It is dropped as the owner of its parent, and has another one.")
			.with_hint("Use ALTER TABLE ... OWNER TO on the partition.");
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

// In a scope of its own, so that no setting of code that may run in it lasts until the next lock is asked for.
void build(const Draft &draft, const Blueprint &blueprint, Oid owner) {
	const AsOwner scope(owner);
	if (blueprint.has_model) {
		PinnedSettings::set("default_tablespace", "");
	}
	Spi spi;
	for (const std::string &statement : draft.build) {
		spi.execute(statement.c_str());
	}
}

/// The locks that ATTACH takes beside that of the parent, all of which others notice.  If one is not free, it is waited
/// for before any other is held, and those are then taken at once or not at all: so nobody waits for us while we wait,
/// and a table that is never idle does not keep a partition from being made.
void lock_to_attach(Oid default_partition, const std::vector<Peer> &peers) {
	Oid busy = InvalidOid;
	LOCKMODE mode = NoLock;
	const auto take_all = [&] {
		if (OidIsValid(default_partition)) {
			busy = default_partition;
			mode = AccessExclusiveLock;
			lock_tree_now(busy, mode);
		}
		for (const Peer &peer : peers) {
			busy = peer.table;
			mode = ShareRowExclusiveLock;
			lock_now(busy, mode);
		}
	};
	if (const auto error = attempt(take_all)) {
		if (!is_blocked(*error)) {
			throw Error(*error);
		}
		lock(busy, mode);
		take_all();
	}
}

// Adds what it ran to the statements.
void attach(const Draft &draft, const Blueprint &blueprint, Oid owner, std::vector<std::string> &statements) {
	const AsOwner scope(owner);
	Spi spi;
	spi.execute(draft.attach.c_str());
	statements.push_back(draft.attach);
	for (const std::string &identity : replica_identities(blueprint, draft.qualified_name)) {
		spi.execute(identity.c_str());
		statements.push_back(identity);
	}
}

// Statements name what they are about, and only tables are locked: somebody may rename a schema under us.
Error renamed_meanwhile(Oid parent) {
	return Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
	             format("another table than %s was reached by its name", qualified_name(parent).c_str()))
	    .with_detail("Its schema was renamed in the same moment.");
}

bool is_in_place(const Policy &policy, const Place &place, Oid partition) {
	if (const auto *const range = std::get_if<Range>(&place)) {
		return read_range(policy, partition) == *range;
	}
	return call(
		[&] { return get_rel_relispartition(partition) && get_partition_parent(partition, true) == policy.parent; });
}

} // namespace

const char *retirement_action(const Policy &policy) {
	return policy.detach ? "detach" : "drop";
}

void check_retirement(const Policy &policy, Oid partition) {
	const PinnedSettings settings;
	if (!relation_exists(partition) || !owns(policy.parent)) {
		return;
	}
	if (find_detaching(policy.parent) == partition) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("partition %s is being detached", qualified_name(partition).c_str()))
			.with_detail("A DETACH CONCURRENTLY was interrupted.")
			.with_hint("Use ALTER TABLE ... DETACH PARTITION ... FINALIZE.");
	}
	const Oid owner = owner_of(policy.parent);
	if (policy.detach) {
		const AsOwner scope(owner);
		check_references(partition);
	} else {
		check_droppable(owner, partition);
		check_dependents(partition);
	}
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
			lock_tree_now(default_partition, AccessExclusiveLock);
		}
	});
	return error ? std::optional(Refusal{*error, will_last}) : std::nullopt;
}

std::optional<Done> create_partition(const Policy &policy, const Place &place) {
	const PinnedSettings settings;
	pin_notation();
	if (!is_unchanged(policy)) {
		return std::nullopt;
	}
	ParentTable parent = look_at(policy);
	if (is_taken(place, policy, parent.bounds)) {
		return std::nullopt;
	}
	const Oid default_partition = parent.bounds.default_partition;
	const Set set = examine(policy, std::move(parent.bounds));
	check_default(default_partition, condition_of(place, policy, set));
	const Blueprint blueprint = read_blueprint(policy, set.bounds);
	const Draft draft = draft_partition(blueprint, placement_of(policy, set, place));
	std::vector<std::string> statements = draft.build;
	build(draft, blueprint, parent.owner);
	lock_to_attach(default_partition, parent.peers);
	attach(draft, blueprint, parent.owner, statements);
	const Oid partition = call(get_relname_relid, draft.name.c_str(), blueprint.schema);
	if (!is_in_place(policy, place, partition)) {
		throw renamed_meanwhile(policy.parent);
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
	lock_tree_now(partition, AccessExclusiveLock);
	const std::optional<Range> range = read_range(policy, partition);
	if (!range || range->upper > cutoff || is_held(partition)) {
		return std::nullopt;
	}
	if (policy.detach) {
		for (const Peer &peer : find_peers(OpenRelation(policy.parent, NoLock))) {
			lock_now(peer.table, peer.refers_to_us ? AccessExclusiveLock : ShareRowExclusiveLock);
		}
	}
	Done done = plan_retirement(policy, partition);
	{
		const AsOwner owner(owner_of(policy.parent));
		Spi().execute(done.command.c_str());
	}
	if (relation_exists(partition) && (!policy.detach || read_range(policy, partition))) {
		throw renamed_meanwhile(policy.parent);
	}
	log_step(policy.parent, done.partition, retirement_action(policy), done.command);
	return done;
}

Done plan_creation(const Policy &policy, const Set &set, const Place &place) {
	Draft draft = draft_partition(read_blueprint(policy, set.bounds), placement_of(policy, set, place));
	draft.build.push_back(draft.attach);
	return {draft.qualified_name, join(draft.build)};
}

Done plan_retirement(const Policy &policy, Oid partition) {
	return {qualified_name(partition), retirement_command(policy, partition)};
}

} // namespace warden::partition
