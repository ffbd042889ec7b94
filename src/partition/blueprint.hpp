// blueprint.hpp - What a new partition must look like, and the statements that make one.
//
// A new partition is built alone, completely, as the parent's owner, and attached last; so that the parent is locked
// for the attachment only, and nobody ever sees a partition that lacks a property.
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
	std::vector<Statement> properties;
	bool has_model; ///< storage is that of the newest partition, and not for the session's settings to say
	Oid identified; ///< the parent, if an index is its replica identity, or InvalidOid
};

/// Reads it from the catalogue: the properties from the parent; storage parameters from the policy, else from the
/// newest partition that is a table, as the parent has none.
Blueprint read_blueprint(const Policy &policy, const Bounds &bounds);

/// The parent's name with a suffix, cut to fit, and with a number if that is taken: at this moment no relation or type
/// of the schema has it.
std::string free_name(const Blueprint &blueprint, const std::string &suffix);

/// A new partition: its name and what makes it, in order.
struct Draft {
	std::string name; ///< unqualified
	std::string qualified_name;
	std::vector<std::string> build; ///< makes the table
	std::string attach;
};

/// Drafts a partition.  Its name is a free one.
Draft draft_partition(const Blueprint &blueprint, const Range &range, const Key &key, const Calendar &calendar);

/// Whether a relation or type of the schema has that name; and one that none of these schemas has: name and suffix, cut
/// to the length of a name, with another suffix if that is taken.
bool is_name_taken(const std::string &name, Oid schema);
std::string free_name(const std::string &name, const std::string &suffix, std::initializer_list<Oid> schemas);

/// The statement that gives a partition the replica identity of its parent: its own index below that of the parent. For
/// a partition that is attached; std::nullopt if the parent's identity is no index.
std::optional<std::string> replica_identity(const Blueprint &blueprint, const std::string &partition);

} // namespace warden::partition
