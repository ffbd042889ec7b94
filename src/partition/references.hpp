// references.hpp - Who refers to a set and its partitions by foreign keys.
//
// The invariant: no search of another table is begun while the set is locked that could take longer than waiting for a
// lock may.
#pragma once

#include "pg/scoped.hpp"

#include <vector>

namespace warden::partition {

/// A table at the other end of a foreign key of the parent, which ATTACH and DETACH lock.
struct Peer {
	Oid table;
	bool refers_to_us;
};

std::vector<Peer> find_peers(const pg::OpenRelation &parent);

/// Whether a table, which is locked, has foreign keys to others; and others have some to it.
bool refers_to_others(Oid table);
bool is_referred_to(Oid table);

/// Whether a foreign key of another table refers to a partition.
bool is_referenced(Oid partition);

/// Whether DETACH would fail, or take long, because of foreign keys to the partition: error 23503 if rows refer to its
/// rows, 55000 if the server's search for them would take longer than warden.lock_timeout.  Searches as the current
/// user.
void check_references(Oid partition);

} // namespace warden::partition
