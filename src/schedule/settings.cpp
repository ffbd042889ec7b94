#include "schedule/settings.hpp"

#include "pg/server.hpp"

#include <climits>

namespace warden::schedule {

namespace {

constexpr int minutes_per_day = 24 * 60;

constinit bool on = true;                     // warden.scheduler
constinit int running = 4;                    // warden.max_running_jobs
constinit int history = 30 * minutes_per_day; // warden.schedule_history
constinit char *job_name = nullptr;           // warden.job_name
constinit char *job_scheduled_for = nullptr;  // warden.job_scheduled_for

} // namespace

bool is_on() {
	return on;
}

int max_running_jobs() {
	return running;
}

int history_minutes() {
	return history;
}

void tell_job(const char *name, const char *scheduled_for) {
	SetConfigOption("warden.job_name", name, PGC_INTERNAL, PGC_S_OVERRIDE);
	SetConfigOption("warden.job_scheduled_for", scheduled_for, PGC_INTERNAL, PGC_S_OVERRIDE);
}

void init_settings() {
	DefineCustomStringVariable("warden.job_name", "Shows the name of the job that this session runs.", nullptr,
	                           &job_name, "", PGC_INTERNAL, GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, nullptr, nullptr,
	                           nullptr);
	DefineCustomStringVariable("warden.job_scheduled_for", "Shows the slot for which this session runs a job.", nullptr,
	                           &job_scheduled_for, "", PGC_INTERNAL, GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, nullptr,
	                           nullptr, nullptr);
	DefineCustomIntVariable("warden.max_running_jobs", "Sets how many jobs may run at the same time.",
	                        "Each takes one of max_worker_processes.", &running, 4, 1, 500, PGC_SIGHUP, 0, nullptr,
	                        nullptr, nullptr);
	DefineCustomIntVariable("warden.schedule_history", "Sets how long the history of runs is kept.", nullptr, &history,
	                        30 * minutes_per_day, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN, nullptr, nullptr, nullptr);
	DefineCustomBoolVariable("warden.scheduler", "Starts jobs when they are due.",
	                         "Off keeps a copy of a server quiet; runs that are under way go on.", &on, true,
	                         PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

} // namespace warden::schedule
