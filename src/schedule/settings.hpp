// settings.hpp - The settings of the scheduler.
#pragma once

namespace warden::schedule {

bool is_on();           ///< warden.scheduler
int max_running_jobs(); ///< warden.max_running_jobs
int history_minutes();  ///< warden.schedule_history

/// What a job may ask for: warden.job_name and warden.job_scheduled_for.  Server code.
void tell_job(const char *name, const char *scheduled_for);

/// Defines them.  Server code, for _PG_init().
void init_settings();

} // namespace warden::schedule
