// old_snapshots.hpp - Waiting, without a lock, for the snapshots that are older than what was copied.
#pragma once

#include "move/move_job.hpp"

#include <optional>
#include <string>

namespace warden::move {

/// Who, in this database, may still look through a snapshot that does not see what the mark and those before have done;
/// and so would miss copied rows after the swap.  std::nullopt: nobody.  Prepared transactions cannot look any more,
/// vacuum does not look at rows by a snapshot, a replica is not asked (but a subscription's first copy of a table is,
/// or whoever keeps a snapshot for that: both are in this database); this process does not count.
std::optional<std::string> find_old_snapshot(const Mark &mark);

/// Whether a snapshot has been exported: then who begins now may get one that is older than he is.
bool may_be_given_away();

} // namespace warden::move
