// repair_worker.hpp - The process of one statement of a repair, as the owner of the table.
//
// The invariant: what was planned is looked at again under the statement's own lock, and what the statement may leave
// is written down in the transaction that makes it.
#pragma once

#include "pg/background.hpp"

namespace warden::bloat {

/// Server code.  The subjects of its order are the table and the relation.
BackgroundWorker describe_repair();

/// The statement that removes an index that was left.
std::string drop_command(Oid index);

} // namespace warden::bloat
