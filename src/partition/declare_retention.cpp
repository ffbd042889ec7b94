// declare_retention.cpp - What the functions that declare sets are told of retention.
#include "partition/declaration.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "miscadmin.h"
#include "utils/builtins.h"
}

namespace warden::partition {

using namespace pg;

namespace {

// $1 the owner of the table, $2 schema, $3 tablespace, $4 access method: whether they exist, and may be used.
constinit Statement select_archive{R"(
SELECT n.oid IS NOT NULL, coalesce(has_schema_privilege($1, n.oid, 'CREATE') AND has_schema_privilege($1, n.oid, 'USAGE'), false),
       t.oid IS NOT NULL OR $3 IS NULL, coalesce(has_tablespace_privilege($1, t.oid, 'CREATE'), $3 IS NULL),
       $4 IS NULL OR EXISTS (SELECT FROM pg_am WHERE amname = $4 AND amtype = 't')
FROM (VALUES (1)) one LEFT JOIN pg_namespace n ON n.nspname = $2 LEFT JOIN pg_tablespace t ON t.spcname = $3)"};

Error missing(int sqlstate, const char *kind, const std::optional<std::string> &name) {
	return {sqlstate, format("%s \"%s\" does not exist", kind, name.value_or("").c_str())};
}

Error not_allowed(Oid parent, const char *kind, const char *privileges, const std::optional<std::string> &name) {
	const Oid owner = owner_of(parent);
	const char *const role = call([&] { return GetUserNameFromId(owner, false); });
	const char *const quoted_role = call([&] { return quote_identifier(role); });
	const std::string object = name.value_or("");
	const char *const quoted_object = call([&] { return quote_identifier(object.c_str()); });
	return Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
	             format("role \"%s\" may not create tables in \"%s\"", role, object.c_str()))
	    .with_detail("Partitions are archived as the owner of their table.")
	    .with_hint(format("Use GRANT %s ON %s %s TO %s.", privileges, kind, quoted_object, quoted_role));
}

void check_archive(const Retention &retention, Oid parent) {
	if (!retention.schema) {
		throw invalid("\"on_expiry\" is \"archive\" without an \"archive_schema\"")
			.with_hint("Type for instance archive_schema => 'archive'.");
	}
	const PinnedSettings settings;
	Spi spi;
	const auto found = spi.query<bool, bool, bool, bool, bool>(select_archive, owner_of(parent), retention.schema,
	                                                           retention.tablespace, retention.access_method);
	const auto &[has_schema, may_use_schema, has_tablespace, may_use_tablespace, has_access_method] = found.front();
	if (!has_schema) {
		throw missing(ERRCODE_UNDEFINED_SCHEMA, "schema", retention.schema);
	}
	if (!may_use_schema) {
		throw not_allowed(parent, "SCHEMA", "USAGE, CREATE", retention.schema);
	}
	if (!has_tablespace) {
		throw missing(ERRCODE_UNDEFINED_OBJECT, "tablespace", retention.tablespace);
	}
	if (!may_use_tablespace) {
		throw not_allowed(parent, "TABLESPACE", "CREATE", retention.tablespace);
	}
	if (!has_access_method) {
		throw missing(ERRCODE_UNDEFINED_OBJECT, "table access method", retention.access_method);
	}
}

Retention::Way read_way(FunctionCallInfo fcinfo, int n) {
	const auto on_expiry = required_argument<std::string_view>(fcinfo, n, "on_expiry");
	const auto way = way_of(on_expiry);
	if (!way) {
		throw invalid(format("\"on_expiry\" cannot be \"%s\"", std::string(on_expiry).c_str()))
			.with_hint("Use on_expiry => 'drop', 'detach' to keep the partition as a table of its own, or 'archive' to "
		               "move it to another schema as well.");
	}
	return *way;
}

Retention::References read_references(FunctionCallInfo fcinfo, int n) {
	const auto on_reference = required_argument<std::string_view>(fcinfo, n, "on_reference");
	const auto references = references_of(on_reference);
	if (!references) {
		throw invalid(format("\"on_reference\" cannot be \"%s\"", std::string(on_reference).c_str()))
			.with_hint("Use on_reference => 'skip' to leave a partition that a foreign key refers to, 'detach' to drop "
		               "it when no row refers to it any more, or 'pair' to retire the partitions that refer to it "
		               "first.");
	}
	return *references;
}

} // namespace

Retention read_retention(FunctionCallInfo fcinfo, Oid parent, int on_expiry, int keep_partitions) {
	Retention retention{.keep = {},
	                    .partitions = argument<std::optional<int64>>(fcinfo, keep_partitions),
	                    .bytes = argument<std::optional<int64>>(fcinfo, keep_partitions + 1),
	                    .way = read_way(fcinfo, on_expiry),
	                    .references = read_references(fcinfo, keep_partitions + 5),
	                    .schema = text_argument(fcinfo, keep_partitions + 2),
	                    .tablespace = text_argument(fcinfo, keep_partitions + 3),
	                    .access_method = text_argument(fcinfo, keep_partitions + 4)};
	if (retention.partitions && *retention.partitions < 1) {
		throw invalid("\"keep_partitions\" must be positive")
			.with_hint("Type how many partitions before the current one stay, for instance keep_partitions => 30.");
	}
	if (retention.bytes && *retention.bytes < 1) {
		throw invalid("\"keep_bytes\" must be positive")
			.with_hint("Type for instance keep_bytes => pg_size_bytes('100 GB').");
	}
	if (retention.way == Retention::Way::Archive) {
		check_archive(retention, parent);
	} else if (retention.schema || retention.tablespace || retention.access_method) {
		throw invalid("there is an archive, but \"on_expiry\" is not \"archive\"")
			.with_hint("Add on_expiry => 'archive'.");
	}
	return retention;
}

} // namespace warden::partition
