// tree.hpp - Sets below sets: how a new partition is partitioned itself, and which partitions are maintained like sets.
//
// The invariant: a set below another has no declaration of its own; what holds for it is derived from that of the set
// above at every look, so that the two cannot differ.
#pragma once

#include "partition/blueprint.hpp"
#include "partition/place.hpp"

namespace warden::partition {

/// What holds for a table: what was declared of it, or of the set that it is a partition of; std::nullopt if nothing.
std::optional<Policy> governing_policy(Oid parent);

/// The same, with error 42704 if nothing does.
Policy known_policy(Oid parent);

/// The same for a caller who is to have the rights of its owner: error 42501 first.
Policy own_policy(Oid parent);

/// Of the partitions of a set, those that are partitioned as its subdivision says, whoever made them; as far as the
/// caller has the rights of their owner.
std::vector<Policy> policies_below(const Policy &policy);

/// How many partitions of a set, the default one included, are not partitioned as its subdivision says.
std::size_t count_undivided(const Policy &policy, const Subdivision &below);

/// How a new partition is placed, and what is below it from the beginning.
Placement placement_of(const Policy &policy, const Set &set, const Place &place);

/// How many partitions a new one has below it.
std::size_t count_below(const Policy &policy, const Set &set);

/// The type of a column; InvalidOid if there is none of that name that a key could be of.
Oid column_type(Oid table, const std::string &column);

/// Whether a range of it is one of numbers, or (false) of time; std::nullopt if it can be neither.
std::optional<bool> is_numeric_type(Oid type);

/// An interval, and a number, as they are typed.  Errors of the types' input functions.
Span read_span(const std::string &text, bool is_number);
std::string write_span(const Span &span, bool is_number);

} // namespace warden::partition
