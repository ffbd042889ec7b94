// account.hpp - What became of a run, in the tables.
//
// The invariant: a run that was started is accounted for exactly once: by its own process in the transaction of its
// command, or, where it did not come to that, by the worker of its database.
#pragma once

#include "schedule/board.hpp"
#include "schedule/job.hpp"

namespace warden::schedule {

/// Writes down that a run is over, in its own row only: nobody else changes that, so whose transaction it is does not
/// matter.  status: of schedule_runs.
void finish(pg::Spi &spi, std::int64_t run, const char *status, const Outcome &outcome);

/// Writes down how the job stands after that.  Returns false if it cannot be done now because somebody is changing the
/// job. more: whether a slot of it waits.
bool update_state(pg::Spi &spi, std::int64_t job, std::int64_t run, bool &more);

/// Accounts for a run whose process has ended without doing so, or has never come: it failed, is tried again, or it
/// waits as before.  Returns false if it cannot be done now because somebody is changing the job.
bool account_for_ended(pg::Spi &spi, const Run &run);

/// Accounts for the runs that were under way when the server stopped or crashed: those that the table has as running
/// and that are not among `present`.  What was undone as a whole is started again.  Returns false if some could not be
/// done.
bool account_for_interrupted(pg::Spi &spi, const std::vector<std::int64_t> &present);

/// Accounts for a slot that cannot be run at all.  Returns false if it cannot be done now.
bool refuse(pg::Spi &spi, std::int64_t job, std::int64_t run, const Error &why);

/// The SQLSTATE as text.
std::string sqlstate_text(int sqlstate);

} // namespace warden::schedule
