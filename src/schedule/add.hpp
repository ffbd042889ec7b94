// add.hpp - Declaring a job, for schedule_add() and the import.
#pragma once

#include "schedule/job.hpp"

namespace warden::schedule {

/// The arguments of schedule_add(), as given.
struct Declaration {
	std::string name, schedule, command;
	std::optional<std::string> timezone;
	std::optional<Moment> max_runtime;
	int max_retries = 0;
	Moment retry_delay = 60 * microseconds_per_second;
	std::optional<std::string> missed;
	std::string overlap = "skip";
	std::optional<std::string> window;
};

/// Adds or changes the job of a role, to whose rights the caller has been checked.  Returns its id.  Errors: those of
/// schedule_add().
std::int64_t declare(const Declaration &declaration, Oid owner);

/// What a schedule that is no cron schedule says, for a zone.  Error 22023.
Schedule read_schedule(const std::string &text, const std::string &timezone);

/// Whether there is a job of this name.
bool job_exists(const std::string &name);

/// Error 55000 if pg_warden is not preloaded, with what to do instead.
void require_preloaded(const std::string &hint);

} // namespace warden::schedule
