#include "partition/steps.hpp"

#include "partition/default_survey.hpp"
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

/// Rows of a value in the default partition make ATTACH fail, when it already has the strongest lock.  So look first,
/// as the owner of that partition, with no lock but that of a query.
void check_default(Oid default_partition, const std::string &condition) {
	if (!OidIsValid(default_partition) || condition.empty()) {
		return;
	}
	const std::string name = qualified_name(default_partition);
	const AsOwner owner(owner_of(default_partition));
	Spi spi;
	if (!spi.query<int32>(("SELECT 1 FROM " + name + " WHERE " + condition + " LIMIT 1").c_str()).empty()) {
		throw Error(rows_in_default(default_partition, std::nullopt, condition));
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

// Adds what it ran to the statements.
void attach(const Draft &draft, const Blueprint &blueprint, Oid owner, std::vector<std::string> &statements) {
	const AsOwner scope(owner);
	Spi spi;
	for (const std::string &statement : draft.attach) {
		spi.execute(statement.c_str());
		statements.push_back(statement);
	}
	for (const std::string &identity : replica_identities(blueprint, draft.qualified_name)) {
		spi.execute(identity.c_str());
		statements.push_back(identity);
	}
}

} // namespace

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

std::string join(const std::vector<std::string> &statements) {
	std::string text;
	for (const std::string &statement : statements) {
		text += (text.empty() ? "" : ";\n") + statement;
	}
	return text;
}

bool is_unchanged(const Policy &policy) {
	return governing_policy(policy.parent) == policy && owns(policy.parent);
}

Error renamed_meanwhile(Oid parent) {
	return Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
	             format("another table than %s was reached by its name", qualified_name(parent).c_str()))
	    .with_detail("Its schema was renamed in the same moment.");
}

std::optional<Range> range_of(const Policy &policy, Oid partition) {
	return read_range(policy.parent, partition, policy.notation);
}

namespace {

bool is_in_place(const Policy &policy, const Place &place, Oid partition) {
	if (const auto *const range = std::get_if<Range>(&place)) {
		return range_of(policy, partition) == *range;
	}
	return call(
		[&] { return get_rel_relispartition(partition) && get_partition_parent(partition, true) == policy.parent; });
}

} // namespace

std::optional<Refusal> lock_to_create(const Policy &policy) {
	const PinnedSettings settings;
	return take_lock(policy.parent, ShareUpdateExclusiveLock);
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
	check_scan(policy, set, place);
	if (policy.kind.method == Method::List) {
		check_default(default_partition, condition_of(place, policy, set));
	}
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

Done plan_creation(const Policy &policy, const Set &set, const Place &place) {
	Draft draft = draft_partition(read_blueprint(policy, set.bounds), placement_of(policy, set, place));
	draft.build.insert(draft.build.end(), draft.attach.begin(), draft.attach.end());
	return {draft.qualified_name, join(draft.build)};
}

} // namespace warden::partition
