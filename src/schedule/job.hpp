// job.hpp - Jobs as the tables have them.
#pragma once

#include "pg/spi.hpp"
#include "schedule/slots.hpp"

#include <optional>
#include <string>

namespace warden::schedule {

/// A job and how it stands in this database.
struct Job {
	std::int64_t id;
	std::string name;
	Oid owner;
	Timetable timetable;
	Moment anchor;
	std::optional<Moment> period; ///< of an interval
	Missed missed;
	Overlap overlap;
	int max_retries;
	Moment retry_delay;
	std::optional<Moment> next_run;
	InHand in_hand;
	std::int64_t version; ///< changes when somebody changes the job
	bool fires;           ///< neither paused nor parked
};

/// The number of the built-in job.
inline constexpr std::int64_t builtin_job = 0;

/// What a schedule says: at most one of the two; none for a cron schedule.
struct Schedule {
	std::optional<Moment> period;
	std::optional<Moment> moment;
};

/// The slots of a schedule.  Plain logic.
Timetable make_timetable(const std::string &text, const Schedule &schedule, Moment anchor, const Zone &zone,
                         const std::string &window);

/// The jobs of this database that may have runs: those whose state is of this database.  As the extension's owner.  A
/// job whose definition cannot be read, after the zone has gone from the server for one, is parked with the reason.
std::vector<Job> load_jobs(pg::Spi &spi);

Missed missed_of(std::string_view text);
Overlap overlap_of(std::string_view text);

} // namespace warden::schedule
