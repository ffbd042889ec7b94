// soft_delete.cpp - Rows that are marked instead of deleted, and deleted later.
//
// The invariants: what is done to a table is done as its owner; a row that is marked is deleted no sooner than was
// said, and only by its table's owner; who deletes from the view needs the rights that he would need to mark the row
// himself.
#include "audit/audit.hpp"

#include "partition/policy.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <vector>

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constexpr int rows_at_once = 1000;
constexpr int most_skipped = 1000; // in one maintenance

constinit Statement select_steps{R"(
SELECT action, command, is_for_caller, detail FROM warden.audit_soft_delete_steps($1, $2::name))"};

constinit Statement upsert_table{R"(
INSERT INTO warden.audit_soft_deletes (relation, column_name, keep) VALUES ($1, $2::name, $3)
ON CONFLICT (relation) WHERE relation <> 0::oid DO UPDATE
SET (column_name, keep) = (excluded.column_name, excluded.keep))"};

constinit Statement select_due{R"(
SELECT relation::oid, column_name::text, keep::text FROM warden.audit_soft_deletes
WHERE keep IS NOT NULL AND EXISTS (SELECT FROM pg_class WHERE oid = relation::oid))"};

// $1 the table, $2 the column: what is wrong with it.
constinit Statement find_type{R"(
SELECT format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = $1 AND attname = $2 AND NOT attisdropped AND atttypid <> 'timestamptz'::regtype)"};

constinit Statement select_key{"SELECT name::text FROM warden.audit_key($1) k (name)"};

// $1 the view.
constinit Statement select_table{R"(
SELECT DISTINCT d.refobjid
FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
WHERE r.ev_class = $1 AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> $1)"};

struct Step {
	std::string action;
	std::string command;
	bool is_for_caller;
	std::optional<std::string> detail;
};

std::vector<Step> read_steps(Oid table, const std::string &column) {
	const AsExtension owner;
	Spi spi;
	std::vector<Step> steps;
	for (const auto &[action, command, is_for_caller, detail] :
	     spi.query_latest<std::string_view, std::string_view, bool, std::optional<std::string_view>>(select_steps,
	                                                                                                 table, column)) {
		steps.push_back({std::string(action), std::string(command), is_for_caller,
		                 detail ? std::optional<std::string>(*detail) : std::nullopt});
	}
	return steps;
}

void check_table(Oid table, const std::string &column) {
	const std::string name = qualified_name(table);
	const OpenRelation relation(table, NoLock);
	if (relation->rd_rel->relkind != RELKIND_RELATION && relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, format("%s is not a table", name.c_str()))
			.with_hint("Rows of tables and partitioned tables can be marked.");
	}
	const AsExtension owner;
	Spi spi;
	if (spi.query_latest<std::string_view>(select_key, table).empty()) {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, format("table %s has no primary key", name.c_str()))
			.with_hint("Add one: a row to be marked is found by it.");
	}
	for (const auto &[type] : spi.query_latest<std::string_view>(find_type, table, column)) {
		throw Error(ERRCODE_DATATYPE_MISMATCH, format("column \"%s\" of table %s is of type %s", column.c_str(),
		                                              name.c_str(), std::string(type).c_str()))
			.with_hint("Name another column, or one of type timestamp with time zone.");
	}
}

std::vector<std::string> read_key(Oid table) {
	const AsExtension owner;
	Spi spi;
	std::vector<std::string> key;
	for (const auto &[name] : spi.query_latest<std::string_view>(select_key, table)) {
		key.emplace_back(name);
	}
	return key;
}

/// The table that a view of ours is of.
Oid table_of(Oid view) {
	const AsExtension owner;
	Spi spi;
	const auto tables = spi.query_latest<Oid>(select_table, view);
	if (tables.size() != 1) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("view %s is not of one table", qualified_name(view).c_str()))
			.with_hint("Views whose rows are marked are made by warden.audit_soft_delete().");
	}
	return std::get<0>(tables.front());
}

/// Where the view has the columns of its table's key.
std::vector<int> places_of(const TriggerData *data, const std::vector<std::string> &key) {
	std::vector<int> places;
	places.reserve(key.size());
	for (const std::string &column : key) {
		places.push_back(call([&] { return SPI_fnumber(RelationGetDescr(data->tg_relation), column.c_str()); }));
		if (places.back() <= 0) {
			throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			            format("view %s has no column \"%s\"",
			                   qualified_name(RelationGetRelid(data->tg_relation)).c_str(), column.c_str()))
				.with_hint("Drop the view, and use warden.audit_soft_delete() again.");
		}
	}
	return places;
}

// Server code.  Values of the view's row are given as they are: what they are as text may be less, in some settings.
std::uint64_t execute_for_row(const char *sql, const TriggerData *data, const int *places, int count) {
	const TupleDesc columns = RelationGetDescr(data->tg_relation);
	const auto size = static_cast<std::size_t>(count);
	SPI_connect();
	auto *const types = static_cast<Oid *>(palloc(sizeof(Oid) * size));
	auto *const values = static_cast<Datum *>(palloc(sizeof(Datum) * size));
	auto *const nulls = static_cast<char *>(palloc(size));
	for (int i = 0; i < count; ++i) {
		bool is_null = false;
		types[i] = SPI_gettypeid(columns, places[i]);
		values[i] = SPI_getbinval(data->tg_trigtuple, columns, places[i], &is_null);
		nulls[i] = is_null ? 'n' : ' ';
	}
	const int result = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);
	if (result < 0) {
		elog(ERROR, "could not mark a row: %s", SPI_result_code_string(result));
	}
	const std::uint64_t processed = SPI_processed;
	SPI_finish();
	return processed;
}

struct Due {
	Oid table;
	std::string column;
	std::string keep;
};

/// Deletes some of what was marked long enough ago, as the table's owner, but for so many of the oldest.
std::uint64_t delete_marked(const Due &due, int rows, int skipped) {
	const std::string name = qualified_name(due.table);
	const std::string mark = call([&] { return quote_identifier(due.column.c_str()); });
	const std::string is_due = mark + " < pg_catalog.now() - " + quoted_literal(due.keep) + "::pg_catalog.interval";
	const std::string statement = "DELETE FROM " + name + " WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM " +
	                              name + " WHERE " + is_due + " ORDER BY " + mark + ", tableoid, ctid" +
	                              format(" OFFSET %d LIMIT %d", skipped, rows) + ") AND " + is_due;
	const AsOwner owner(owner_of(due.table));
	return Spi().execute(statement.c_str());
}

void warn(const Due &due, int skipped, const Error &error) {
	const std::string rows = skipped == 1 ? "a marked row" : format("%d marked rows", skipped);
	Error warning(error.sqlstate, format("%s of table %s could not be deleted: %s", rows.c_str(),
	                                     qualified_name(due.table).c_str(), error.what()));
	warning.detail = error.detail;
	warning.hint = error.hint;
	report(WARNING, warning);
}

/// A transaction for each some rows.  Where one of them cannot be deleted, because others refer to it, fewer at a time
/// are tried, until it is that one alone which stays.
void purge(const Procedure &procedure, const Due &due) {
	std::optional<Error> first;
	int skipped = 0;
	bool is_more = true;
	for (int rows = rows_at_once; is_more;) {
		check_for_interrupts();
		std::uint64_t deleted = 0;
		const auto error = attempt([&] { deleted = delete_marked(due, rows, skipped); });
		procedure.commit();
		if (!error) {
			is_more = deleted == static_cast<std::uint64_t>(rows);
			rows = std::min(2 * rows, rows_at_once);
		} else if (rows > 1) {
			rows /= 2;
		} else {
			first = first ? first : error;
			is_more = ++skipped < most_skipped;
		}
	}
	if (first) {
		warn(due, skipped, *first);
	}
}

std::vector<Due> read_due() {
	const AsExtension owner;
	Spi spi;
	std::vector<Due> due;
	for (const auto &[table, column, keep] : spi.query_latest<Oid, std::string_view, std::string_view>(select_due)) {
		due.push_back({table, std::string(column), std::string(keep)});
	}
	return due;
}

// The trigger's function is nobody's to execute: whoever deletes from the view need not be able to.
void perform(const Step &step, Oid table) {
	if (step.action == "create trigger") {
		const AsExtension owner;
		Spi().execute(step.command.c_str());
	} else {
		const AsOwner owner(owner_of(table));
		Spi().execute(step.command.c_str());
	}
}

} // namespace

void purge_marked(const Procedure &procedure) {
	const std::vector<Due> tables = read_due();
	procedure.commit();
	for (const Due &due : tables) {
		purge(procedure, due);
	}
}

/// audit_soft_delete(target regclass, column_name name, keep interval, dry_run boolean) returns table (relation,
/// action, status, command, detail)
PG_FUNCTION(audit_soft_delete) {
	const auto table = required_argument<Oid>(fcinfo, 0, "target");
	const auto column = std::string(required_argument<std::string_view>(fcinfo, 1, "column_name"));
	const auto keep = argument<std::optional<partition::Span>>(fcinfo, 2);
	const auto dry_run = required_argument<bool>(fcinfo, 3, "dry_run");
	check_owner(table);
	if (keep && partition::nominal_microseconds(*keep) < 0) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "\"keep\" cannot be negative")
			.with_hint("Type for instance keep => '30 days', or leave it out to keep marked rows for ever.");
	}
	ResultSet<Oid, std::string, std::string, std::optional<std::string>, std::optional<std::string>> rows(fcinfo);
	const PinnedSettings settings;
	if (!dry_run) {
		call(PreventCommandIfReadOnly, "warden.audit_soft_delete()");
	}
	lock(table, dry_run ? AccessShareLock : AccessExclusiveLock);
	check_owner(table); // it may have changed hands meanwhile
	check_table(table, column);
	for (const Step &step : read_steps(table, column)) {
		const bool is_done = !dry_run && !step.is_for_caller;
		if (is_done) {
			perform(step, table);
		}
		rows.add(table, step.action, is_done ? "done" : "planned", step.command, step.detail);
	}
	if (!dry_run) {
		const AsExtension owner;
		Spi().execute(upsert_table, table, column, keep);
	}
	PG_RETURN_NULL();
}

/// audit_mark_deleted() returns trigger
PG_FUNCTION(audit_mark_deleted) {
	const auto *const data =
		CALLED_AS_TRIGGER(fcinfo) ? reinterpret_cast<const TriggerData *>(fcinfo->context) : nullptr;
	if (data == nullptr || !TRIGGER_FIRED_INSTEAD(data->tg_event) || !TRIGGER_FIRED_BY_DELETE(data->tg_event) ||
	    data->tg_trigger->tgnargs != 1) {
		throw Error(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
		            "function \"audit_mark_deleted\" must be fired INSTEAD OF DELETE, with the name of a column")
			.with_hint("Use warden.audit_soft_delete().");
	}
	const Oid table = table_of(RelationGetRelid(data->tg_relation));
	const std::string mark = call([&] { return quote_identifier(data->tg_trigger->tgargs[0]); });
	const std::vector<std::string> key = read_key(table);
	const std::vector<int> places = places_of(data, key);
	std::string statement =
		"UPDATE " + qualified_name(table) + " SET " + mark + " = pg_catalog.now() WHERE " + mark + " IS NULL";
	for (std::size_t i = 0; i < key.size(); ++i) {
		const std::string name = call([&] { return quote_identifier(key[i].c_str()); });
		statement += " AND " + name + format(" = $%zu", i + 1);
	}
	const char *const sql = statement.c_str();
	const int *const numbers = places.data();
	const auto count = static_cast<int>(places.size());
	const bool found = call([&] { return execute_for_row(sql, data, numbers, count); }) > 0;
	return found ? PointerGetDatum(data->tg_trigtuple) : PointerGetDatum(nullptr);
}

} // namespace warden::audit
