// default_prepare.hpp - How CALL warden.maintain() gets by a default partition that is too big to be scanned: the check
// is added, validated while everybody works, and taken away when the partitions are there.
//
// The invariant: it is taken away whatever happens, a query cancel included; and at most one pass is made over a
// default partition in which no rows are in the way.
#pragma once

#include "partition/work.hpp"
#include "pg/procedure.hpp"

namespace warden::partition {

/// What stands in the way of each task of a set; that of those which retire is not looked for.  The default partition
/// is ready for the others.  Commits.
std::vector<std::optional<Error>> prepare_default(const pg::Procedure &procedure, const Work &work);

/// The same for a single transaction, in which nothing can be made ready.
std::vector<std::optional<Error>> look_at_default(const Work &work);

/// Takes away what prepare_default() added, or another maintenance has left: of a set, or of all.  Commits.
void clear_default(const pg::Procedure &procedure, std::optional<Oid> parent = std::nullopt);

/// The same in the current transaction.
void clear_default(Oid parent);

} // namespace warden::partition
