// old_snapshots.hpp - Waiting, without a lock, for the snapshots that are older than what was copied.
#pragma once

#include "pg/server.hpp"

#include <optional>
#include <string>

namespace warden::move {

/// Who, in this database, may still look through a snapshot that does not see what `xid` and those before have done; and
/// so would miss copied rows after the swap.  std::nullopt: nobody.  Prepared transactions and this process do not count.
std::optional<std::string> find_old_snapshot(TransactionId xid);

} // namespace warden::move
