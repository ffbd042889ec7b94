// hold.hpp - Partitions that stay although they have expired, because somebody said so.
//
// The invariant: who holds a partition and commits before it is retired keeps it; a hold and a retirement lock the
// partition against each other.
#pragma once

#include "pg/server.hpp"

#include <vector>

namespace warden::partition {

/// The partitions that are held, and all above and below those, of all sets; sorted.
std::vector<Oid> held_partitions();

/// Whether one is, or one below it, or what it is a part of, as of this moment.
bool is_held(Oid partition);

/// Forgets the holds of partitions that have been dropped.
void delete_old_holds();

} // namespace warden::partition
