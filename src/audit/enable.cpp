// enable.cpp - Tables into and out of the audit.
//
// The invariant: what is audited has its triggers, made by us as the extension's owner and enabled always, on the table
// that was named, from which partitions have theirs.
#include "audit/audit.hpp"

#include "audit/log_class.hpp"
#include "audit/options.hpp"
#include "audit/relations.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <vector>

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constinit Statement insert_relation{R"(
INSERT INTO warden.audit_relations
    (relation, name, class, columns, except_columns, require_context, on_truncate, keep_dropped)
VALUES ($1, $2, $3::integer::smallint, $4::name[], $5::name[], $6, $7, $8) RETURNING id)"};

constinit Statement update_relation{R"(
UPDATE warden.audit_relations
SET (name, class, columns, except_columns, require_context, on_truncate, keep_dropped, by_schema)
    = ($2, $3::integer::smallint, $4::name[], $5::name[], $6, $7, $8, false)
WHERE relation = $1 AND until IS NULL RETURNING id)"};

constinit Statement select_next_number{"SELECT coalesce(max(id), 0) + 1 FROM warden.audit_relations"};

// $1 the table, $2 the names: the first that it has no column of.
constinit Statement find_unknown_column{R"(
SELECT n.name::text FROM unnest($2::name[]) n (name)
WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = $1 AND attname = n.name AND attnum > 0 AND NOT attisdropped)
LIMIT 1)"};

constinit Statement find_left_out_key{
	"SELECT name::text FROM warden.audit_key($1) k (name) WHERE name = ANY ($2::name[])"};

struct Arguments : Options {
	Oid table;
};

Error invalid(const std::string &message) {
	return {ERRCODE_INVALID_PARAMETER_VALUE, message};
}

void check_table(Oid table) {
	const std::string name = qualified_name(table);
	const OpenRelation relation(table, NoLock);
	if (relation->rd_rel->relkind != RELKIND_RELATION && relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, format("%s is not a table", name.c_str()))
			.with_hint("Tables and partitioned tables can be audited.");
	}
	if (relation->rd_rel->relispartition) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, format("cannot audit %s because it is a partition", name.c_str()))
			.with_hint("Name the table at the root of the partition tree.");
	}
	if (is_system_schema(relation->rd_rel->relnamespace)) {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, format("cannot audit %s", name.c_str()))
			.with_detail("It is one of the system's or of pg_warden's own.");
	}
	if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP) {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, format("cannot audit the temporary table %s", name.c_str()))
			.with_detail("Its rows are nobody else's, and go with the session.");
	}
}

void check_columns(const Arguments &arguments) {
	Spi spi;
	for (const auto &names : {arguments.columns, arguments.except_columns}) {
		if (!names) {
			continue;
		}
		for (const auto &[name] : spi.query_latest<std::string_view>(find_unknown_column, arguments.table, names)) {
			throw Error(ERRCODE_UNDEFINED_COLUMN,
			            format("column \"%s\" of table %s does not exist", std::string(name).c_str(),
			                   qualified_name(arguments.table).c_str()))
				.with_hint("Name columns of the table in \"columns\" and \"except_columns\".");
		}
	}
	for (const auto &[name] :
	     spi.query_latest<std::string_view>(find_left_out_key, arguments.table, arguments.except_columns)) {
		throw invalid(
			format("column \"%s\" cannot be left out because it is part of the key", std::string(name).c_str()))
			.with_hint("Without its key a row's events could not be told from those of others.");
	}
}

Arguments read_arguments(FunctionCallInfo fcinfo) {
	const auto table = required_argument<Oid>(fcinfo, 0, "target");
	check_owner(table);
	return {read_options(fcinfo), table};
}

/// What a relation would most likely be known by.
std::int32_t next_number() {
	const AsExtension owner;
	return std::get<0>(Spi().query_latest<int32>(select_next_number).front());
}

std::int32_t write_relation(const Arguments &arguments, const std::string &name, std::int16_t log_class) {
	const AsExtension owner;
	Spi spi;
	const auto write = [&](Statement &statement) {
		return spi.change_latest<int32>(statement, arguments.table, name, int32{log_class}, arguments.columns,
		                                arguments.except_columns, arguments.require_context, arguments.on_truncate,
		                                arguments.keep_dropped);
	};
	const auto known = write(update_relation);
	return std::get<0>(known.empty() ? write(insert_relation).front() : known.front());
}

/// Declares it, again as well, and makes what triggers are missing: these statements.
std::vector<std::string> enable(const Arguments &arguments) {
	const std::int16_t log_class = class_for(arguments.keep);
	const std::int32_t relation = write_relation(arguments, qualified_name(arguments.table), log_class);
	return begin_audit(arguments.table, relation, "audit_enable");
}

} // namespace

/// audit_enable(target regclass, columns name[], except_columns name[], keep interval, require_context boolean,
/// on_truncate text, keep_dropped boolean, dry_run boolean) returns table (relation, action, status, command, detail)
PG_FUNCTION(audit_enable) {
	ResultSet<Oid, std::string, std::string, std::optional<std::string>, std::optional<std::string>> rows(fcinfo);
	const Arguments arguments = read_arguments(fcinfo);
	const PinnedSettings settings;
	if (!arguments.dry_run) {
		call(PreventCommandIfReadOnly, "warden.audit_enable()");
	}
	lock(arguments.table, arguments.dry_run ? AccessShareLock : ShareRowExclusiveLock);
	check_owner(arguments.table); // it may have changed hands meanwhile
	check_table(arguments.table);
	check_columns(arguments);
	std::vector<std::string> statements;
	if (arguments.dry_run) {
		statements = mending_statements(arguments.table, find_relation(arguments.table).value_or(next_number()));
	} else {
		statements = enable(arguments);
	}
	rows.add(arguments.table, "enable", arguments.dry_run ? "planned" : "done", join(statements), std::nullopt);
	PG_RETURN_NULL();
}

/// audit_disable(target regclass) returns void
PG_FUNCTION(audit_disable) {
	const auto table = argument<Oid>(fcinfo, 0);
	check_owner(table);
	call(PreventCommandIfReadOnly, "warden.audit_disable()");
	const PinnedSettings settings;
	lock(table, AccessExclusiveLock);
	check_owner(table);
	const auto relation = find_relation(table);
	if (!relation && end_unknown_audit(table)) {
		PG_RETURN_VOID();
	}
	if (!relation) {
		throw Error(ERRCODE_UNDEFINED_OBJECT, format("table %s is not audited", qualified_name(table).c_str()))
			.with_hint("The tables that are audited are in warden.audit_tables.");
	}
	end_audit(table, *relation);
	PG_RETURN_VOID();
}

} // namespace warden::audit
