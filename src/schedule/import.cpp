// import.cpp - Taking over the jobs of pg_cron.
#include "schedule/add.hpp"

#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "commands/dbcommands.h"
#include "utils/acl.h"
}

namespace warden::schedule {

using namespace pg;

namespace {

struct CronJob {
	std::int64_t id;
	std::string name, schedule, command, database, owner;
};

// As the caller, who sees of pg_cron's table what pg_cron lets him see.
std::vector<CronJob> read_jobs() {
	const PinnedSettings settings;
	Spi spi;
	if (spi.query<int32>("SELECT 1 FROM pg_extension WHERE extname = 'pg_cron'").empty()) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "pg_cron is not in this database")
			.with_hint("Its jobs are in the database that cron.database_name names.");
	}
	using Text = std::string_view;
	std::vector<CronJob> jobs;
	for (const auto &[id, name, schedule, command, database, owner] : spi.query<int64, Text, Text, Text, Text, Text>(
			 "SELECT jobid, coalesce(jobname::text, 'pg_cron_' || jobid), schedule, command, database, username"
			 " FROM cron.job WHERE active ORDER BY jobid")) {
		jobs.push_back({id, std::string(name), std::string(schedule), std::string(command), std::string(database),
		                std::string(owner)});
	}
	return jobs;
}

// pg_cron writes the last day of the month as a dollar sign.
std::string translate(std::string schedule) {
	std::ranges::replace(schedule, '$', 'L');
	return schedule;
}

std::string cron_timezone() {
	return call([] {
		const char *const zone = GetConfigOption("cron.timezone", true, false);
		return zone != nullptr && *zone != '\0' ? zone : "GMT";
	});
}

// Why a job cannot be taken over.
std::optional<std::string> obstacle(const CronJob &job, Oid owner) {
	const std::string here = call([] { return get_database_name(MyDatabaseId); });
	if (job.database != here) {
		return format("it runs in database \"%s\": import it there, where pg_cron's tables are not, by schedule_add()",
		              job.database.c_str());
	}
	if (!OidIsValid(owner)) {
		return format("role \"%s\" does not exist", job.owner.c_str());
	}
	if (!call([&] { return may_act_as(GetUserId(), owner); })) {
		return format("it is role \"%s\"'s, whose rights you do not have", job.owner.c_str());
	}
	if (job.schedule == "@reboot") {
		return "a job at the start of the server is not possible";
	}
	if (job_exists(job.name)) {
		return "there is a job of this name already";
	}
	return std::nullopt;
}

// In a subtransaction: a job that is not taken over stays as it is, on both sides.
std::optional<Error> take_over(const CronJob &job, Oid owner, bool dry_run) {
	Declaration declaration;
	declaration.name = job.name;
	declaration.schedule = translate(job.schedule);
	declaration.command = job.command;
	declaration.timezone = cron_timezone();
	bool done = false;
	auto error = attempt([&] {
		declare(declaration, owner);
		if (dry_run) {
			done = true;
			throw Error(ERRCODE_SUCCESSFUL_COMPLETION, "");
		}
		const PinnedSettings settings;
		Spi spi;
		spi.execute("SELECT cron.alter_job(job_id := $1, active := false)", int64{job.id});
	});
	return done ? std::nullopt : error;
}

} // namespace

/// schedule_import_pg_cron(dry_run boolean) returns table (name text, schedule text, command text, owner text, status
/// text, detail text)
PG_FUNCTION(schedule_import_pg_cron) {
	const bool dry_run = required_argument<bool>(fcinfo, 0, "dry_run");
	require_preloaded("Add pg_warden to shared_preload_libraries and restart the server.");
	ResultSet<std::string, std::string, std::string, std::string, std::string, std::optional<std::string>> rows(fcinfo);
	for (const CronJob &job : read_jobs()) {
		const Oid owner = call([&] { return get_role_oid(job.owner.c_str(), true); });
		std::string status = dry_run ? "planned" : "imported";
		std::optional<std::string> detail = obstacle(job, owner);
		if (detail) {
			status = "skipped";
		} else if (const auto error = take_over(job, owner, dry_run)) {
			status = "failed";
			detail = error->detail.empty() ? error->message : error->message + ": " + error->detail;
		}
		rows.add(job.name, translate(job.schedule), job.command, job.owner, status, detail);
	}
	PG_RETURN_NULL();
}

} // namespace warden::schedule
