// add.cpp - schedule_add(): from what a person types to a row that says the same for ever.
#include "schedule/add.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"
#include "pg/zone.hpp"
#include "schedule/board.hpp"

#include <algorithm>
#include <cctype>

extern "C" {
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "pgtime.h"
#include "utils/acl.h"
#include "utils/syscache.h"
}

namespace warden::schedule {

namespace {

// An interval of elapsed time, in which a day has 24 hours.
struct Length {
	Moment microseconds;
	int64 months;
};

} // namespace

} // namespace warden::schedule

template <>
struct warden::pg::SqlType<warden::schedule::Length> {
	static constexpr Oid oid = INTERVALOID;
	static warden::schedule::Length from_datum(Datum datum) {
		const Interval *const interval = DatumGetIntervalP(datum);
		const __int128 elapsed = static_cast<__int128>(interval->day) * microseconds_per_day + interval->time;
		const auto most = static_cast<__int128>(INT64_MAX / 2);
		return {static_cast<Moment>(elapsed > most ? most : elapsed < -most ? -most : elapsed), interval->month};
	}
};

namespace warden::schedule {

using namespace pg;

namespace {

constexpr size_t longest_name = NAMEDATALEN - 1;
constexpr int most_retries = 1000;

// Text that means a length of time has a unit, which is a letter.
std::optional<Length> read_interval(const std::string &text) {
	if (std::ranges::none_of(text, [](unsigned char c) { return std::isalpha(c) != 0; })) {
		return std::nullopt;
	}
	std::optional<Length> length;
	const auto error = attempt([&] {
		const PinnedSettings settings;
		Spi spi;
		for (const auto &[value] : spi.query<Length>("SELECT i FROM CAST($1 AS interval) i WHERE isfinite(i)", text)) {
			length = value;
		}
	});
	return error ? std::nullopt : length;
}

std::optional<Moment> read_moment(const std::string &text, const std::string &timezone) {
	std::optional<Moment> moment;
	const auto error = attempt([&] {
		const PinnedSettings settings;
		PinnedSettings::set("timezone", timezone.c_str());
		Spi spi;
		for (const auto &[value] :
		     spi.query<Timestamptz>("SELECT t FROM CAST($1 AS timestamptz) t WHERE isfinite(t)", text)) {
			moment = value.value;
		}
	});
	return error ? std::nullopt : moment;
}

std::string session_timezone() {
	return call([] { return pg_get_timezone_name(::session_timezone); });
}

void check_choice(const char *argument, const std::string &value, const char *choices) {
	if (format(", %s,", choices).find(format(" %s,", value.c_str())) == std::string::npos || value.empty()) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE,
		            format("invalid value for \"%s\": \"%s\"", argument, value.c_str()))
			.with_hint(format("It is one of %s.", choices));
	}
}

void check(const Declaration &declaration) {
	if (declaration.name.empty() || declaration.name.size() > longest_name) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("the name of a job has 1 to %zu bytes", longest_name));
	}
	if (declaration.max_runtime && *declaration.max_runtime <= 0) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "\"max_runtime\" must be greater than zero");
	}
	if (declaration.max_retries < 0 || declaration.max_retries > most_retries) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("\"max_retries\" must be between 0 and %d", most_retries));
	}
	if (declaration.retry_delay <= 0) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "\"retry_delay\" must be greater than zero");
	}
	if (declaration.missed) {
		check_choice("missed", *declaration.missed, "skip, once, all");
	}
	check_choice("overlap", declaration.overlap, "skip, queue");
}

// What would keep the job's process from starting.
void check_owner_may_connect(Oid owner) {
	struct Rights {
		bool login, connect;
	};
	const Rights rights = call([&] {
		const HeapTuple role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(owner));
		const bool login = HeapTupleIsValid(role) && reinterpret_cast<Form_pg_authid>(GETSTRUCT(role))->rolcanlogin;
		if (HeapTupleIsValid(role)) {
			ReleaseSysCache(role);
		}
		return Rights{login, may_connect(owner)};
	});
	const std::string name = call([&] {
		const char *const role = GetUserNameFromId(owner, true);
		return role != nullptr ? role : "?";
	});
	if (!rights.login) {
		throw Error(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
		            format("role \"%s\" is not permitted to log in", name.c_str()))
			.with_detail("A job runs in a session of its own, as the role that adds it.")
			.with_hint("Use SET ROLE to add it as a role that may, or ALTER ROLE ... LOGIN.");
	}
	if (!rights.connect) {
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
		            format("role \"%s\" is not permitted to connect to this database", name.c_str()))
			.with_hint("GRANT CONNECT ON DATABASE to it.");
	}
}

struct Existing {
	std::int64_t id;
	Oid owner;
};

std::optional<Existing> find_existing(const std::string &name) {
	const AsExtension as;
	Spi spi;
	for (const auto &[id, owner] : spi.query<int64, Oid>(
			 "SELECT id, warden.job_owner(command) FROM warden.schedule_known WHERE name = $1", name)) {
		return Existing{id, owner};
	}
	return std::nullopt;
}

bool role_exists(Oid role) {
	return call([&] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); });
}

constexpr const char *write_definition =
	"INSERT INTO warden.schedule_definitions AS d (id, name, schedule, period, moment, command, timezone, anchor, "
	"max_runtime,"
	"                                              max_retries, retry_delay, missed, overlap, start_window, paused)"
	" VALUES ($1, $2, $3, $4 * interval '1 microsecond', $5, warden.job_command($6, $7), $8, $9,"
	"         $10 * interval '1 microsecond', $11, $12 * interval '1 microsecond', $13, $14, $15, false)"
	" ON CONFLICT (id) DO UPDATE SET schedule = excluded.schedule, period = excluded.period, moment = excluded.moment,"
	"     command = excluded.command, timezone = excluded.timezone, anchor = excluded.anchor,"
	"     max_runtime = excluded.max_runtime, max_retries = excluded.max_retries, retry_delay = excluded.retry_delay,"
	"     missed = excluded.missed, overlap = excluded.overlap, start_window = excluded.start_window";

constexpr const char *write_state =
	"INSERT INTO warden.schedule_states AS s (job, database, anchor, next_run) VALUES ($1, $2, $3, $4)"
	" ON CONFLICT (job) DO UPDATE SET database = excluded.database, anchor = excluded.anchor, next_run = "
	"excluded.next_run,"
	"     parked = NULL, consecutive_crashes = 0, version = s.version + 1";

void write(const Declaration &declaration, const Schedule &schedule, std::int64_t id, Oid owner,
           const std::string &timezone, Moment anchor, const std::optional<Moment> &next) {
	const AsExtension as;
	Spi spi;
	const auto moment = schedule.moment ? std::optional(Timestamptz{*schedule.moment}) : std::nullopt;
	const auto next_run = next ? std::optional(Timestamptz{*next}) : std::nullopt;
	const std::string missed = declaration.missed.value_or(schedule.period ? "skip" : "once");
	spi.execute("UPDATE warden.schedule_states SET version = version + 1 WHERE job = $1", int64{id});
	spi.execute(write_definition, int64{id}, declaration.name, declaration.schedule, schedule.period, moment, owner,
	            declaration.command, timezone, Timestamptz{anchor}, declaration.max_runtime,
	            int32{declaration.max_retries}, int64{declaration.retry_delay}, missed, declaration.overlap,
	            declaration.window);
	spi.execute(write_state, int64{id}, MyDatabaseId, Timestamptz{anchor}, next_run);
}

std::int64_t new_id() {
	const AsExtension as;
	Spi spi;
	return std::get<0>(spi.query<int64>("SELECT nextval('warden.schedule_ids')").front());
}

} // namespace

Schedule read_schedule(const std::string &text, const std::string &timezone) {
	if (const auto length = read_interval(text)) {
		if (length->months != 0) {
			throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("invalid schedule \"%s\"", text.c_str()))
				.with_detail("Months have no fixed length.")
				.with_hint("Use a cron schedule: '0 0 1 * *' is the first of each month, '0 0 L * *' the last day.");
		}
		if (length->microseconds < microseconds_per_second) {
			throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("invalid schedule \"%s\"", text.c_str()))
				.with_detail("An interval is at least one second.");
		}
		return {.period = length->microseconds, .moment = std::nullopt};
	}
	const auto moment = read_moment(text, timezone);
	if (!moment) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("invalid schedule \"%s\"", text.c_str()))
			.with_detail("It is neither a cron schedule, nor an interval, nor a date and time.")
			.with_hint("For instance '0 3 * * mon-fri', '@daily', '90 seconds', or '2030-01-01 03:00'.");
	}
	if (*moment <= call(GetCurrentTimestamp)) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("schedule \"%s\" is in the past", text.c_str()))
			.with_hint("To run a job now, use schedule_run().");
	}
	return {.period = std::nullopt, .moment = moment};
}

bool job_exists(const std::string &name) {
	return find_existing(name).has_value();
}

void require_preloaded(const std::string &hint) {
	if (!has_board()) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            "jobs need pg_warden to be loaded by shared_preload_libraries")
			.with_detail("It is not, so nothing would start them.")
			.with_hint(hint);
	}
}

std::int64_t declare(const Declaration &declaration, Oid owner) {
	check(declaration);
	const std::string timezone = declaration.timezone.value_or(session_timezone());
	const Zone zone = server_zone(timezone);
	const Schedule schedule =
		looks_like_cron(declaration.schedule) ? Schedule{} : read_schedule(declaration.schedule, timezone);
	const Moment now = call(GetCurrentTimestamp);
	const Moment anchor = floor_divide(now, microseconds_per_second) * microseconds_per_second;
	const Timetable timetable =
		make_timetable(declaration.schedule, schedule, anchor, zone, declaration.window.value_or(""));
	const auto next = timetable.next(now);
	if (!next) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE,
		            format("schedule \"%s\" never happens", declaration.schedule.c_str()))
			.with_detail("No slot of it lies in its start_window.");
	}

	if (declaration.window) {
		(void)parse_window(*declaration.window); // an empty one is no window
	}
	for (;;) {
		const std::optional<Existing> existing = find_existing(declaration.name);
		if (existing && !call([&] { return may_act_as(GetUserId(), existing->owner); })) {
			throw Error(ERRCODE_DUPLICATE_OBJECT, format("job \"%s\" already exists", declaration.name.c_str()))
				.with_detail("It is another role's.");
		}
		const bool has_owner = existing && role_exists(existing->owner);
		const Oid runs_as = has_owner ? existing->owner : owner;
		check_owner_may_connect(runs_as);
		const std::int64_t id = existing ? existing->id : new_id();
		const auto error = attempt([&] { write(declaration, schedule, id, runs_as, timezone, anchor, next); });
		if (!error) {
			note_at_commit();
			return id;
		}
		if (error->sqlstate != ERRCODE_UNIQUE_VIOLATION) {
			throw Error(*error);
		}
		// Somebody has added a job of this name meanwhile, which this transaction may never see.
		if (IsolationUsesXactSnapshot()) {
			throw Error(ERRCODE_T_R_SERIALIZATION_FAILURE, "could not serialize access due to concurrent update");
		}
		check_for_interrupts();
	}
}

namespace {

Moment elapsed(const Length &length, const char *argument) {
	if (length.months != 0) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("\"%s\" must not have months", argument))
			.with_detail("Months have no fixed length.");
	}
	return length.microseconds;
}

// An argument of a command in a crontab, where a percent sign would end the line.
std::string crontab_quoted(const std::string &text) {
	std::string quoted = "'";
	for (const char c : text) {
		quoted += c == '\'' ? "'\\''" : c == '%' ? "\\%" : c == '\n' ? " " : std::string(1, c);
	}
	return quoted + "'";
}

// What to put into a crontab, or to give to pg_cron where that is, as long as we are not preloaded.
std::string without_preloading(const Declaration &declaration) {
	const std::string database = call([] { return get_database_name(MyDatabaseId); });
	const bool cron = looks_like_cron(declaration.schedule);
	bool has_pg_cron = false;
	{
		const PinnedSettings settings;
		Spi spi;
		has_pg_cron = !spi.query<int32>("SELECT 1 FROM pg_extension WHERE extname = 'pg_cron'").empty();
	}
	std::string instead;
	if (has_pg_cron) {
		instead = format("SELECT cron.schedule(%s, %s, %s);", quoted_literal(declaration.name).c_str(),
		                 quoted_literal(declaration.schedule).c_str(), quoted_literal(declaration.command).c_str());
	} else if (cron) {
		instead = format("the crontab line: %s psql -X -q -d %s -c %s", declaration.schedule.c_str(),
		                 crontab_quoted(database).c_str(), crontab_quoted(declaration.command).c_str());
	}
	return "Add pg_warden to shared_preload_libraries and restart the server." +
	       (instead.empty() ? "" : " Until then use " + instead);
}

} // namespace

/// schedule_add(name text, schedule text, command text, timezone text, max_runtime interval, max_retries integer,
/// retry_delay interval, missed text, overlap text, start_window text) returns bigint
PG_FUNCTION(schedule_add) {
	const auto text = [&](int n, const char *name) {
		return std::string(required_argument<std::string_view>(fcinfo, n, name));
	};
	const auto optional_text = [&](int n) {
		const auto value = argument<std::optional<std::string_view>>(fcinfo, n);
		return value ? std::optional(std::string(*value)) : std::nullopt;
	};
	Declaration declaration;
	declaration.name = text(0, "name");
	declaration.schedule = text(1, "schedule");
	declaration.command = text(2, "command");
	declaration.timezone = optional_text(3);
	if (const auto length = argument<std::optional<Length>>(fcinfo, 4)) {
		declaration.max_runtime = elapsed(*length, "max_runtime");
	}
	declaration.max_retries = required_argument<int32>(fcinfo, 5, "max_retries");
	declaration.retry_delay = elapsed(required_argument<Length>(fcinfo, 6, "retry_delay"), "retry_delay");
	declaration.missed = optional_text(7);
	declaration.overlap = text(8, "overlap");
	declaration.window = optional_text(9);
	if (!has_board()) {
		require_preloaded(without_preloading(declaration));
	}
	return result(fcinfo, int64{declare(declaration, call(GetUserId))});
}

} // namespace warden::schedule
