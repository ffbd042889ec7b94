#include "schedule/job.hpp"

#include "pg/transaction.hpp"
#include "pg/zone.hpp"

namespace warden::schedule {

using namespace pg;

Missed missed_of(std::string_view text) {
	return text == "skip" ? Missed::Skip : text == "once" ? Missed::Once : Missed::All;
}

Overlap overlap_of(std::string_view text) {
	return text == "queue" ? Overlap::Queue : Overlap::Skip;
}

Timetable make_timetable(const std::string &text, const Schedule &schedule, Moment anchor, const Zone &zone,
                         const std::string &window) {
	Window hours = window.empty() ? Window() : parse_window(window);
	if (schedule.period) {
		return {Interval{anchor, *schedule.period}, zone, std::move(hours)};
	}
	if (schedule.moment) {
		return {Once{*schedule.moment}, zone, std::move(hours)};
	}
	return {parse_cron(text), zone, std::move(hours)};
}

namespace {

constinit Statement find_jobs{
	"SELECT k.id, k.name, k.schedule, (extract(epoch FROM k.period) * 1000000)::bigint, k.moment,"
	"       warden.job_owner(k.command), k.timezone, s.anchor, k.max_retries,"
	"       (extract(epoch FROM k.retry_delay) * 1000000)::bigint, k.missed, k.overlap, coalesce(k.start_window, ''),"
	"       s.next_run, NOT k.paused AND s.parked IS NULL, coalesce(w.running, 0), coalesce(w.waiting, 0), s.version"
	" FROM warden.schedule_known k"
	" JOIN warden.schedule_states s ON s.job = k.id AND s.database = $1"
	" LEFT JOIN (SELECT job, count(*) FILTER (WHERE status = 'running') AS running,"
	"                   count(*) FILTER (WHERE status = 'waiting') AS waiting"
	"            FROM warden.schedule_slots WHERE status IN ('running', 'waiting') GROUP BY job) w ON w.job = k.id"};

constinit Statement park{"UPDATE warden.schedule_states SET parked = $2 WHERE job IN ("
                         "    SELECT job FROM warden.schedule_states WHERE job = $1 FOR NO KEY UPDATE SKIP LOCKED)"};

std::optional<Moment> moment_of(const std::optional<Timestamptz> &moment) {
	return moment ? std::optional<Moment>(moment->value) : std::nullopt;
}

} // namespace

std::vector<Job> load_jobs(Spi &spi) {
	using Text = std::string_view;
	std::vector<Job> jobs;
	std::vector<std::pair<std::int64_t, std::string>> broken;
	for (const auto &row :
	     spi.query<int64, Text, Text, std::optional<int64>, std::optional<Timestamptz>, Oid, Text, Timestamptz, int32,
	               int64, Text, Text, Text, std::optional<Timestamptz>, bool, int64, int64, int64>(find_jobs,
	                                                                                               MyDatabaseId)) {
		const auto &[id, name, text, period, moment, owner, zone_name, anchor, retries, delay, missed, overlap, window,
		             next, fires, running, waiting, version] = row;
		const std::optional<Zone> zone = find_zone(std::string(zone_name));
		std::optional<Timetable> timetable;
		const std::optional<Error> error = error_of([&] {
			if (!zone) {
				throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "its time zone is not known to this server");
			}
			const Schedule schedule{std::get<3>(row), moment_of(std::get<4>(row))};
			timetable = make_timetable(std::string(std::get<2>(row)), schedule, std::get<7>(row).value, *zone,
			                           std::string(std::get<12>(row)));
		});
		if (error || !timetable) {
			if (fires && error) {
				broken.emplace_back(id, format("another schedule_add(): %s", error->message.c_str()));
			}
			continue;
		}
		jobs.push_back({.id = id,
		                .name = std::string(name),
		                .owner = owner,
		                .timetable = *timetable,
		                .anchor = anchor.value,
		                .period = period,
		                .missed = missed_of(missed),
		                .overlap = overlap_of(overlap),
		                .max_retries = retries,
		                .retry_delay = delay,
		                .next_run = moment_of(next),
		                .in_hand = {running > 0, static_cast<int>(waiting)},
		                .version = version,
		                .fires = fires});
	}
	for (const auto &[id, reason] : broken) {
		spi.execute(park, int64{id}, reason);
	}
	return jobs;
}

} // namespace warden::schedule
