// import_partman.cpp - Taking over the sets of pg_partman.
//
// The invariant: a set is maintained by one of the two, never by both and never by none.  So it is declared and
// pg_partman's maintenance of it switched off in one subtransaction.
#include "partition/partman.hpp"
#include "partition/set.hpp"

#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "pg/zone.hpp"

extern "C" {
#include "pgtime.h"
}

namespace warden::partition {

using namespace pg;

namespace {

bool is_integer(Oid type) {
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

bool is_of_numbers(const PartmanSet &set) {
	return !set.epoch && (is_integer(set.key_type) || set.key_type == NUMERICOID);
}

/// Whether keys are encoded as partition_by_time() has it: pg_partman's function may be in any schema.
bool is_uuidv7(Oid key_type, const std::string &encoder) {
	constexpr std::string_view function = "uuid7_time_encoder";
	return key_type == UUIDOID && encoder.ends_with(function) &&
	       (encoder.size() == function.size() || encoder[encoder.size() - function.size() - 1] == '.');
}

/// What happens to an expired partition.
std::string expiry(const PartmanSet &set) {
	if (set.retention_schema) {
		return "on_expiry => 'archive', archive_schema => " + quoted_literal(*set.retention_schema);
	}
	return std::string("on_expiry => ") + (set.keeps_table ? "'detach'" : "'drop'");
}

/// Why no declaration would be right.
std::optional<std::string> obstacle(const PartmanSet &set, const Partman &partman) {
	if (!OidIsValid(set.parent)) {
		return format("there is no table \"%s\"", set.name.c_str());
	}
	if (!owns(set.parent)) {
		return "you do not have the rights of its owner";
	}
	if (!read_policies(set.parent).empty()) {
		return set.is_automatic
		           ? "it is managed already, and pg_partman maintains it too: " + partman.release_command(set)
		           : "it is managed already";
	}
	if (!set.strategy) {
		return "it is not a partitioned table but made of inheritance and triggers: convert it first, as pg_partman's "
			   "documentation says";
	}
	if (*set.strategy != "r") {
		return "it is not partitioned by range: partition_by_list() and partition_by_hash() are for others";
	}
	if (set.is_partition) {
		return "it is a partition itself";
	}
	if (set.is_subpartitioned) {
		return "its partitions are partitioned themselves: declare it, and say how by partition_subdivide()";
	}
	if (!OidIsValid(set.key_type)) {
		return "its partition key is an expression";
	}
	if (set.encoder && !is_uuidv7(set.key_type, *set.encoder)) {
		return format("its keys are written by a function, %s", set.encoder->c_str());
	}
	return std::nullopt;
}

/// Why the declaration is left to the user.
std::optional<std::string> doubt(const PartmanSet &set) {
	if (set.is_moving) {
		return "pg_partman is moving its rows: let that end first";
	}
	if (!set.is_automatic) {
		return "automatic_maintenance is off: either nobody maintains it, or a job that calls run_maintenance() for it";
	}
	return std::nullopt;
}

/// The arguments of lengths, as the server reads them.  Text that is none is an error.
std::string lengths(const PartmanSet &set) {
	Spi spi;
	const auto rows = spi.query<std::string_view>(
		is_of_numbers(set) ? "SELECT format('every => %s, ahead => %s', $1::bigint,"
							 "              least($2 * $1::numeric, 9223372036854775807))"
							 "       || coalesce(', keep => ' || $3::bigint, '')"
						   : "SELECT format('every => %L, ahead => %L', $1::interval, $2 * $1::interval)"
							 "       || coalesce(', keep => ' || quote_literal($3::interval), '')",
		set.every, int64{set.premake}, set.retention);
	return std::string(std::get<0>(rows.front()));
}

std::optional<std::string> key_format(const PartmanSet &set) {
	if (set.epoch) {
		return "unix_" + *set.epoch;
	}
	return set.encoder ? std::optional<std::string>("uuidv7") : std::nullopt;
}

/// The call that declares it, but for the closing parenthesis.
std::string declaration_of(const PartmanSet &set) {
	std::string text = is_of_numbers(set) ? "warden.partition_by_number(" : "warden.partition_by_time(";
	text += quoted_literal(qualified_name(set.parent)) + ", " + lengths(set);
	if (set.retention) {
		text += ", " + expiry(set);
	}
	if (const auto format = key_format(set)) {
		text += ", key_format => " + quoted_literal(*format);
	}
	return text;
}

/// Which zone's days pg_partman's are, it does not say: that of whoever ran it.  Whether the declaration has not found
/// it either, for a table that it has locked.
bool has_days_of_elsewhere(const PartmanSet &set, const std::string &session_zone) {
	const auto format = key_format(set);
	const OpenRelation table(set.parent, NoLock);
	const Bounds bounds = read_bounds(table, format ? notation_of(*format) : std::nullopt);
	Spi spi;
	const Span every = std::get<0>(spi.query<Span>("SELECT $1::interval", set.every).front());
	return every.microseconds == 0 && has_instants(bounds.key.notation) &&
	       !at_midnight(bounds.ranges, server_zone(session_zone)) && !at_midnight(bounds.ranges, server_zone("UTC"));
}

/// What a declaration did, and what it leaves to the next maintenance; in a dry run all is planned.
struct Effects {
	std::string text;
	bool has_locks; ///< of those that others notice
};

Effects declare(const std::string &declaration, bool dry_run) {
	const std::string sql =
		"SELECT coalesce(string_agg(format('%s: %s %s', action, n, status) || coalesce(' (' || detail || ')', ''), '; '"
		"                           ORDER BY action, status), ''),"
		"       coalesce(bool_or(status <> 'planned'), false)"
		" FROM (SELECT action, status, count(*) AS n, min(detail) AS detail FROM " +
		declaration + ", dry_run => " + (dry_run ? "true" : "false") + ") GROUP BY action, status) step";
	Spi spi;
	const auto rows = spi.query<std::string_view, bool>(sql.c_str());
	const auto &[text, has_locks] = rows.front();
	return {std::string(text), has_locks};
}

/// How the import of one set ended.
struct Import {
	std::optional<std::string> command;
	std::string status = "skipped";
	std::string detail;
	bool has_locks = false;
};

void add(std::string &detail, const std::string &more) {
	detail += (detail.empty() || more.empty() ? "" : "; ") + more;
}

/// In a subtransaction: a set that is not taken over stays as it is, on both sides.
void take_over(Import &import, const PartmanSet &set, const Partman &partman, bool dry_run) {
	const std::string declaration = declaration_of(set);
	import.command = "SELECT * FROM " + declaration + ")";
	if (const auto why = doubt(set)) {
		import.detail = *why;
		return;
	}
	if (!dry_run) {
		partman.release(set);
	}
	const Effects effects = declare(declaration, dry_run);
	import.has_locks = effects.has_locks;
	add(import.detail, effects.text);
	const std::string zone = call(pg_get_timezone_name, session_timezone);
	if (!is_of_numbers(set) && has_days_of_elsewhere(set, zone)) {
		add(import.detail,
		    format("its days do not begin at midnight in %s: declare it again with timezone => where they do",
		           zone.c_str()));
	}
	add(import.detail, set.losses);
	import.status = dry_run ? "planned" : "imported";
}

Import import_set(const PartmanSet &set, const Partman &partman, bool dry_run) {
	Import import;
	if (const auto why = obstacle(set, partman)) {
		import.detail = *why;
	} else if (const auto error = attempt([&] { take_over(import, set, partman, dry_run); })) {
		import.status = "failed";
		import.detail = error->detail.empty() ? error->message : error->message + ": " + error->detail;
	}
	return import;
}

} // namespace

/// partition_import_pg_partman(dry_run boolean) returns table (parent regclass, command text, status text, detail text)
PG_FUNCTION(partition_import_pg_partman) {
	const bool dry_run = required_argument<bool>(fcinfo, 0, "dry_run");
	if (!dry_run) {
		call(PreventCommandIfReadOnly, "warden.partition_import_pg_partman()");
	}
	ResultSet<std::optional<Oid>, std::optional<std::string>, std::string, std::optional<std::string>> rows(fcinfo);
	const PinnedSettings settings;
	PinnedSettings::set("IntervalStyle", "postgres"); // of the commands
	const Partman partman;
	if (!dry_run) {
		partman.check_triggers();
	}
	for (const PartmanSet &set : partman.read_sets()) {
		check_for_interrupts();
		const Import import = import_set(set, partman, dry_run);
		rows.add(OidIsValid(set.parent) ? std::optional(set.parent) : std::nullopt, import.command, import.status,
		         import.detail.empty() ? std::nullopt : std::optional(import.detail));
		if (import.has_locks) {
			// Others may be waiting for us now.
			PinnedSettings::set("warden.lock_timeout", "1");
			PinnedSettings::set("lock_timeout", "1");
		}
	}
	PG_RETURN_NULL();
}

} // namespace warden::partition
