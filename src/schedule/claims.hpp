// claims.hpp - The slots that are due, and the runs that wait.
//
// The invariant: (job, scheduled_for) is in the tables before a process is asked for, so no slot runs twice.
#pragma once

#include "schedule/board.hpp"
#include "schedule/job.hpp"

namespace warden::schedule {

/// Claims what is due of each job, and writes down what was missed or skipped.  Updates what the jobs have in hand.
/// clock_shift: by how much the clock was set, which intervals go along with.  Returns when the next slot is due.
std::optional<Moment> claim_slots(pg::Spi &spi, std::vector<Job> &jobs, Moment now, Moment clock_shift);

/// Finds the runs that may start now, one of each job, as they are put on the board.  Those of a role that is gone or
/// may not connect are refused.  Returns when there may be more.
std::optional<Moment> find_waiting(pg::Spi &spi, Oid extension, const std::vector<Job> &jobs, Moment now,
                                   std::vector<Run> &waiting);

/// Moves runs that are over to the log, and deletes what is older than warden.schedule_history.
void move_to_log(pg::Spi &spi);

/// The earlier of two moments, of which each may be missing.
std::optional<Moment> earlier(std::optional<Moment> a, std::optional<Moment> b);

} // namespace warden::schedule
