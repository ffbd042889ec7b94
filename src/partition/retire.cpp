#include "partition/retire.hpp"

#include "partition/archive.hpp"
#include "partition/dependents.hpp"
#include "partition/hold.hpp"
#include "partition/references.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "miscadmin.h"
#include "catalog/namespace.h"
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

/// DROP is for the owner of the partition, who need not be that of the parent, or of its schema; other ways to take it
/// elsewhere are for its owner alone.
void check_removable(Oid role, Oid partition, Retention::Way way) {
	const bool may_drop =
		way == Retention::Way::Drop && call([&] {
			const HeapTuple schema = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(get_rel_namespace(partition)));
			const Oid schema_owner = HeapTupleIsValid(schema)
		                                 ? reinterpret_cast<Form_pg_namespace>(GETSTRUCT(schema))->nspowner
		                                 : InvalidOid;
			if (HeapTupleIsValid(schema)) {
				ReleaseSysCache(schema);
			}
			return OidIsValid(schema_owner) && has_privs_of_role(role, schema_owner);
		});
	const Oid owner = owner_of(partition);
	if (!may_drop && !call(has_privs_of_role, role, owner)) {
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
		            format("must be owner of partition %s", qualified_name(partition).c_str()))
			.with_detail("It is retired as the owner of its parent, and has another one.")
			.with_hint("Use ALTER TABLE ... OWNER TO on the partition.");
	}
}

// $1 a role, $2 a schema; error 3F000 if there is none.
constinit Statement may_create{"SELECT has_schema_privilege($1, $2, 'CREATE')"};

/// It may have gone since it was declared, or the right to create tables in it.
void check_archive(const Policy &policy) {
	const std::string schema = policy.retention.schema.value_or("");
	const Oid role = owner_of(policy.parent);
	Spi spi;
	if (!std::get<0>(spi.query<bool>(may_create, role, std::string_view(schema)).front())) {
		const char *const name = call([&] { return GetUserNameFromId(role, false); });
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
		            format("role \"%s\" may not create tables in \"%s\"", name, schema.c_str()))
			.with_detail("Partitions are archived as the owner of their table.");
	}
}

// $1 the table: it and what is below it, each with its indexes and sequences, which change the schema with it.
constinit Statement select_names{R"(
WITH tree AS (SELECT relid::oid AS oid, level FROM pg_partition_tree($1) UNION SELECT $1, 0)
SELECT c.oid, 'TABLE', c.relnamespace::oid, n.nspname::text, c.relname::text
FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT i.indrelid, 'INDEX', c.relnamespace, n.nspname, c.relname
FROM tree JOIN pg_index i ON i.indrelid = tree.oid JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT d.refobjid, 'SEQUENCE', c.relnamespace, n.nspname, c.relname
FROM tree JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = tree.oid
JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
ORDER BY 1, 2 DESC, 5)"};

/// The statements that put a table and what is below it into the archive, under names that are free there.
void add_move(const Policy &policy, Oid partition, std::vector<std::string> &statements) {
	const std::string &schema = policy.retention.schema.value_or("");
	const Oid archive = call(get_namespace_oid, schema.c_str(), false);
	const std::string quoted = call([&] { return quote_identifier(schema.c_str()); });
	std::vector<std::string> taken;
	std::vector<std::string> moves;
	Spi spi;
	for (const auto &[table, kind, own_schema, schema_name, relation] :
	     spi.query_latest<Oid, std::string_view, Oid, std::string_view, std::string_view>(select_names, partition)) {
		if (own_schema == archive) {
			continue;
		}
		std::string name(relation);
		if (is_name_taken(name, archive) || std::ranges::find(taken, name) != taken.end()) {
			const std::string free = free_name(name, "_1", {own_schema, archive}, taken);
			statements.push_back("ALTER " + std::string(kind) + " " + qualified_name(std::string(schema_name), name) +
			                     " RENAME TO " + call([&] { return quote_identifier(free.c_str()); }));
			name = free;
		}
		if (kind == "TABLE") {
			moves.push_back("ALTER TABLE " + qualified_name(std::string(schema_name), name) + " SET SCHEMA " + quoted);
		}
		taken.push_back(std::move(name));
	}
	statements.insert(statements.end(), moves.begin(), moves.end());
}

std::vector<std::string> retirement(const Policy &policy, Oid partition) {
	std::vector<std::string> statements;
	if (is_detached_first(policy, partition)) {
		statements.push_back("ALTER TABLE " + qualified_name(policy.parent) + " DETACH PARTITION " +
		                     qualified_name(partition));
	}
	const std::vector<std::string> rest = after_detachment(policy, partition);
	statements.insert(statements.end(), rest.begin(), rest.end());
	return statements;
}

/// The locks that the statements take beside those on the set.  One who is detached and then dropped locks even those
/// that it refers to itself.
void lock_peers(const Policy &policy, Oid partition) {
	if (!is_detached_first(policy, partition)) {
		return;
	}
	const bool drops = policy.retention.way == Retention::Way::Drop;
	for (const Peer &peer : find_peers(OpenRelation(policy.parent, NoLock))) {
		lock_now(peer.table, peer.refers_to_us || drops ? AccessExclusiveLock : ShareRowExclusiveLock);
	}
}

} // namespace

bool has_left(const Policy &policy, Oid partition) {
	switch (policy.retention.way) {
	case Retention::Way::Drop:
		return !relation_exists(partition);
	case Retention::Way::Detach:
		return !relation_exists(partition) || !range_of(policy, partition);
	case Retention::Way::Archive:
		return relation_exists(partition) && !range_of(policy, partition) &&
		       call(get_rel_namespace, partition) ==
		           call(get_namespace_oid, policy.retention.schema.value_or("").c_str(), true);
	}
	return false;
}

std::vector<std::string> after_detachment(const Policy &policy, Oid partition) {
	std::vector<std::string> statements;
	if (policy.retention.way == Retention::Way::Drop) {
		const bool foreign = call(get_rel_relkind, partition) == RELKIND_FOREIGN_TABLE;
		statements.push_back((foreign ? "DROP FOREIGN TABLE " : "DROP TABLE ") + qualified_name(partition));
	} else if (policy.retention.way == Retention::Way::Archive) {
		add_move(policy, partition, statements);
	}
	return statements;
}

/// One that a foreign key refers to cannot be dropped otherwise.
bool is_detached_first(const Policy &policy, Oid partition) {
	const Retention &retention = policy.retention;
	return retention.way != Retention::Way::Drop ||
	       (retention.references != Retention::References::Skip && is_referenced(partition));
}

std::optional<Error> find_hindrance(const Policy &policy, Oid partition) {
	const PinnedSettings settings;
	return attempt([&] {
		const Oid role = owner_of(policy.parent);
		if (policy.retention.way == Retention::Way::Drop) {
			check_removable(role, partition, policy.retention.way);
			check_dependents(partition, is_detached_first(policy, partition));
		} else if (policy.retention.way == Retention::Way::Archive) {
			check_archive(policy);
			for (const Oid member : tree_of(partition)) {
				check_removable(role, member, policy.retention.way);
			}
		}
	});
}

void check_retirement(const Policy &policy, Oid partition) {
	const PinnedSettings settings;
	if (!relation_exists(partition) || !owns(policy.parent)) {
		return;
	}
	if (const auto hindrance = find_hindrance(policy, partition)) {
		throw Error(*hindrance);
	}
	if (is_detached_first(policy, partition)) {
		const AsOwner scope(owner_of(policy.parent));
		check_references(partition);
	}
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

std::optional<Done> retire_partition(const Policy &policy, Oid partition, const Expiry &expiry) {
	const PinnedSettings settings;
	if (!relation_exists(partition) || !is_unchanged(policy)) {
		return std::nullopt;
	}
	lock_tree_now(partition, AccessExclusiveLock);
	const std::optional<Range> range = range_of(policy, partition);
	if (!range || is_held(partition) || !still_takes(policy, expiry, *range)) {
		return std::nullopt;
	}
	lock_peers(policy, partition);
	Done done{qualified_name(partition), ""};
	const std::vector<std::string> statements = retirement(policy, partition);
	done.command = join(statements);
	{
		const AsOwner owner(owner_of(policy.parent));
		Spi spi;
		for (const std::string &statement : statements) {
			spi.execute(statement.c_str());
		}
	}
	if (!has_left(policy, partition)) {
		throw renamed_meanwhile(policy.parent);
	}
	log_step(policy.parent, done.partition, name_of(policy.retention.way), done.command);
	note_move(policy, partition);
	return done;
}

Done plan_retirement(const Policy &policy, Oid partition) {
	return {qualified_name(partition), join(retirement(policy, partition))};
}

} // namespace warden::partition
