// schedule.hpp - Jobs that run on time, once, as their owner.
//
// Reading order: cron, timetable and slots (plain logic: when a job is due and what becomes of its slots), job
// (what the tables say), add and control (the functions), board (what the processes tell each other), launcher with
// databases and starts, visit with claims and account (the worker of a database), execute (the process of one run).
#pragma once

namespace warden::schedule {

/// Registers the launcher and defines the settings.  Server code, for _PG_init().
void init();

} // namespace warden::schedule
