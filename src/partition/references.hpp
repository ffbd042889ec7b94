// references.hpp - Who refers to a set and its partitions: foreign keys, views.
//
// The invariant: nothing that depends on a partition goes with it, and no search of another table is begun while the
// set is locked that could take longer than waiting for a lock may.
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

/// Whether a foreign key of another table refers to a partition.
bool is_referenced(Oid partition);

/// Error 2BP01 if something depends on a partition, or one below it, that DROP without CASCADE would not take with it;
/// but for foreign keys, if it is detached first.
void check_dependents(Oid partition, bool is_detached_first);

/// Whether DETACH would fail, or take long, because of foreign keys to the partition: error 23503 if rows refer to its
/// rows, 55000 if the server's search for them would take longer than warden.lock_timeout.  Searches as the current
/// user.
void check_references(Oid partition);

} // namespace warden::partition
