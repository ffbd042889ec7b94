// move_again.hpp - A procedure that is called for a table whose job was cut short: it goes on with that job.
//
// The invariant: the call does what it says or fails; so what was begun with other arguments is not gone on with.
#pragma once

#include "move/move_job.hpp"
#include "pg/procedure.hpp"

namespace warden::move {

/// The job of that kind that the table has, on which nobody works: for go_on(), before it is looked for what is in the
/// way of a new one.  A cancellation that was cut short is completed.  Commits.  Error 55006 if there is a job that is
/// of another kind, or somebody works on it.
std::optional<Job> find_unfinished(const pg::Procedure &procedure, Oid target, Kind kind);

/// Error 55006 if the job was begun with another value of the argument.
void check_same(const Job &job, const char *argument, const std::optional<std::string> &given,
                const std::optional<std::string> &own);

/// Works on it until it has ended; limits that are given replace its own.
void go_on(const pg::Procedure &procedure, const Job &job, const Limits &limits);

} // namespace warden::move
