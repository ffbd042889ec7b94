// snapshots.hpp - What relations measured, day by day: the history.
//
// The invariant: a snapshot is what was measured; what could not be is not in the history.  Taking them costs no more
// than warden.bloat_snapshot_budget says, whatever there is, and one table's failure does not stop the others.
#pragma once

#include "bloat/experience.hpp"

#include "pg/procedure.hpp"

#include <optional>
#include <vector>

namespace warden::bloat {

/// Measures tables of which a snapshot is due, with all that belongs to them: those first that have waited the longest,
/// one a transaction.  Returns those for which a verdict recommends a repair.
std::vector<Oid> take_snapshots(const pg::Procedure &procedure);

/// Takes one now, of a table with all that belongs to it, or of an index.  Returns whether a verdict recommends a
/// repair.
bool take_snapshot(Oid relation);

/// Gives the history of an index to the one that REINDEX CONCURRENTLY has put in its place, and deletes what is of
/// relations that are gone, or too old.
void tidy_history();

/// What the history of a relation says; none if it has none.
std::optional<Experience> experience_of(Oid relation);

} // namespace warden::bloat
