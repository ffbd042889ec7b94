// blueprint.hpp - What a new partition must look like, and the statements that make one.
//
// A new partition is built alone, as the parent's owner, and attached last, so that the parent is locked for the
// attachment only; all in one transaction, so that nobody ever sees a partition that lacks a property.
#pragma once

#include "partition/bounds.hpp"
#include "partition/policy.hpp"

#include <initializer_list>

namespace warden::partition {

/// What all new partitions of a set have in common.
struct Blueprint {
	/// A statement on the partition, around its name.
	struct Statement {
		std::string before;
		std::string after;
	};

	Oid schema;
	std::string schema_name;
	std::string parent;      ///< the parent's name, unqualified
	std::string persistence; ///< "UNLOGGED " or nothing
	std::string storage;     ///< the access method, storage parameters and tablespace of CREATE TABLE
	std::string defaults;    ///< the same of what is partitioned: for those that others will make below it
	std::vector<Statement> properties;
	bool has_model;           ///< storage is that of the newest partition, and not for the session's settings to say
	Oid identified;           ///< the parent, if an index is its replica identity, or InvalidOid
	bool hands_down_identity; ///< the parent has an identity column, which a partition gets when it is attached
};

/// Reads it from the catalogue: the properties from the parent; storage parameters from the policy, else from the
/// newest partition that is a table, as the parent has none.
Blueprint read_blueprint(const Policy &policy, const Bounds &bounds);

/// Where a new partition is placed in its parent, and how it is partitioned itself.
struct Placement {
	std::string suffix;       ///< of its name
	std::string bound;        ///< FOR VALUES ..., or DEFAULT
	std::string partition_by; ///< the key, if it is partitioned: HASH (id)
	std::vector<Placement> children;
};

/// A new partition: its name and what makes it, in order.
struct Draft {
	std::string name; ///< unqualified
	std::string qualified_name;
	std::vector<std::string> build;  ///< makes the table
	std::vector<std::string> attach; ///< more than one if nothing below it is attached before
};

/// Drafts a partition.  Its name is free at this moment: no relation or type of the schema has it.  Its own partitions,
/// if it is to have any, are made before it is attached itself, and attached to it; unless the parent hands down its
/// identity column: the server hands it to the table that is attached, not to those below, and could never detach them.
Draft draft_partition(const Blueprint &blueprint, const Placement &placement);

/// Whether a relation or type of the schema has that name; and one that none of these schemas has, nor is among the
/// others: name and suffix, cut to the length of a name, with another suffix if that is taken.
bool is_name_taken(const std::string &name, Oid schema);
std::string free_name(const std::string &name, const std::string &suffix, std::initializer_list<Oid> schemas,
                      const std::vector<std::string> &others = {});

/// The statements that give a partition, and those below it, the replica identity of its parent: their own indexes
/// below that of the parent.  For a partition that is attached; none if the parent's identity is no index.
std::vector<std::string> replica_identities(const Blueprint &blueprint, const std::string &partition);

} // namespace warden::partition
