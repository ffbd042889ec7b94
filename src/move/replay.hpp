// replay.hpp - What changed since it was copied, done again.
//
// The invariant: after a replay of all that a snapshot sees in the log, the sides have exactly the rows that the same
// snapshot sees in what is copied of the sources.  So all copies that are to go, go before any is made: a unique index
// of a side is never broken on the way.
//
// From the moment on that all which was copied is replayed once, and as long as each replay is dated (dating.hpp), the
// sides have also what older snapshots see: the rows that have come and gone between two replays among them.
#pragma once

#include "move/dating.hpp"
#include "move/move_job.hpp"

namespace warden::move {

/// Replays, with the indexes that sides have, at most so many rows of the log (which is all of them if it may be: only
/// then is a unique index safe, so a limit is for sides that have none yet).  In the current transaction, as the owner.
/// Returns how many places were looked at.  Error errcode_begin_anew as copy_blocks().
std::int64_t replay_changes(const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides,
                            std::optional<std::size_t> limit = std::nullopt);

/// Replays all, after everything was replayed once; returns also what is to be dated when the transaction has
/// committed.  Error errcode_not_yet if the log has that many rows or more.
std::int64_t replay_dated(const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides,
                          Dating &dating, std::optional<std::size_t> most = std::nullopt);

} // namespace warden::move
