// soft_delete.cpp - Rows that are marked instead of deleted, and deleted later.
//
// The invariants: what is done to a table is done as its owner; a row that is marked is deleted no sooner than was
// said, and only by its table's owner; who deletes from the view needs the rights that he would need to mark the row
// himself; and columns that have exchanged their names are not taken for each other.  So which column marks is what the
// view shows by the name that it was made with, as columns of views do not follow RENAME.
#include "audit/audit.hpp"

#include "audit/live_view.hpp"
#include "audit/options.hpp"

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
#include "utils/lsyscache.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constexpr int rows_at_once = 1000;
constexpr int most_skipped = 1000; // in one maintenance
constexpr int most_blocked = 5;    // by somebody's locks: each was waited for

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

// The same with the operators of its index: to the caller, the name alone may mean another one.
constinit Statement select_equal{R"(
SELECT a.attnum::integer, a.attname::text, format('OPERATOR(%I.%s)', s.nspname, o.oprname)
FROM (SELECT * FROM pg_index WHERE indrelid = $1 AND indislive AND (indisprimary OR indisreplident)
      ORDER BY indisprimary DESC LIMIT 1) i
CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) n
JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = i.indkey[n]
JOIN pg_opclass c ON c.oid = i.indclass[n]
JOIN pg_amop m ON m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
              AND m.amopstrategy = 3
JOIN pg_operator o ON o.oid = m.amopopr
JOIN pg_namespace s ON s.oid = o.oprnamespace
ORDER BY n)"};

// $1 the table, $2 the column: what has the view's name, whether it is no view of its owner's of that table alone, and
// what it calls the column that it marks.  The trigger is made with our rights.
constinit Statement find_view{R"(
SELECT v.oid, v.relkind <> 'v' OR v.relowner <> c.relowner
       OR (SELECT array_agg(DISTINCT d.refobjid)
           FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
           WHERE r.ev_class = v.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.oid)
          IS DISTINCT FROM ARRAY[c.oid],
       coalesce((SELECT convert_from(substr(tgargs, 1, length(tgargs) - 1), getdatabaseencoding()) FROM pg_trigger
                 WHERE tgrelid = v.oid AND tgname = '!pg_warden_mark_deleted'), $2)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class v ON v.oid = to_regclass(format('%I.%I', n.nspname, left(c.relname, 58) || '_live'))
WHERE c.oid = $1)"};

// $1 the table: its views whose rows are marked, and what they call the column.
constinit Statement select_views{R"(
SELECT DISTINCT tgrelid, convert_from(substr(tgargs, 1, length(tgargs) - 1), getdatabaseencoding())
FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_trigger ON tgrelid = r.ev_class
WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1
  AND tgfoid = 'warden.audit_mark_deleted()'::regprocedure)"};

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

Error keyless(Oid table) {
	return Error(ERRCODE_FEATURE_NOT_SUPPORTED, format("table %s has no primary key", qualified_name(table).c_str()))
	    .with_hint("Add one: a row to be marked is found by it.");
}

/// Whether the column of the view that goes by a name shows the one of the table that goes by another.
bool shows(Oid view, const std::string &name, Oid table, const std::string &column) {
	return call([&] {
		const Relation relation = try_relation_open(view, AccessShareLock);
		if (relation == nullptr) {
			return false;
		}
		const int number = table_of_view(relation) == table ? column_shown(relation, name.c_str()) : 0;
		relation_close(relation, NoLock);
		return number > 0 && number == get_attnum(table, column.c_str());
	});
}

void check_table(Oid table, const std::string &column) {
	const std::string name = qualified_name(table);
	const OpenRelation relation(table, NoLock);
	if (relation->rd_rel->relkind != RELKIND_RELATION && relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, format("%s is not a table", name.c_str()))
			.with_hint("Rows of tables and partitioned tables can be marked.");
	}
	if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP) {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, format("cannot mark rows of the temporary table %s", name.c_str()))
			.with_detail("Maintenance does not see it.");
	}
	const AsExtension owner;
	Spi spi;
	if (spi.query_latest<std::string_view>(select_key, table).empty()) {
		throw keyless(table);
	}
	for (const auto &[type] : spi.query_latest<std::string_view>(find_type, table, column)) {
		throw Error(ERRCODE_DATATYPE_MISMATCH, format("column \"%s\" of table %s is of type %s", column.c_str(),
		                                              name.c_str(), std::string(type).c_str()))
			.with_hint("Name another column, or one of type timestamp with time zone.");
	}
	for (const auto &[view, is_other, mark] : spi.query_latest<Oid, bool, std::string_view>(find_view, table, column)) {
		if (!is_other && shows(view, std::string(mark), table, column)) {
			continue;
		}
		throw Error(ERRCODE_DUPLICATE_TABLE, format("relation %s is there already", qualified_name(view).c_str()))
			.with_detail(format("It is not a view of table %s alone, of the same owner, that marks column \"%s\".",
		                        name.c_str(), column.c_str()))
			.with_hint("Rename it, or drop it.");
	}
}

struct KeyColumn {
	int number;
	std::string name;
	std::string equal; ///< its operator
};

std::vector<KeyColumn> read_key(Oid table) {
	const AsExtension owner;
	Spi spi;
	std::vector<KeyColumn> key;
	for (const auto &[number, name, equal] :
	     spi.query_latest<int32, std::string_view, std::string_view>(select_equal, table)) {
		key.push_back({number, std::string(name), std::string(equal)});
	}
	if (key.empty()) {
		throw keyless(table);
	}
	return key;
}

Error unlike(const TriggerData *data, const char *problem) {
	return Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
	             format("view %s %s", qualified_name(RelationGetRelid(data->tg_relation)).c_str(), problem))
	    .with_hint("Drop the view, and use warden.audit_soft_delete() again.");
}

/// The table that a view of ours is of.
Oid table_of(const TriggerData *data) {
	const Oid table = call(table_of_view, data->tg_relation);
	if (!OidIsValid(table)) {
		throw unlike(data, "is not of one table");
	}
	return table;
}

/// What the table calls the column that the view's rows are marked by.
std::string mark_of(const TriggerData *data, Oid table) {
	const char *const name = data->tg_trigger->tgargs[0];
	const int number = call(column_shown, data->tg_relation, name);
	if (number == 0) {
		throw unlike(data, format("does not show a column of the table as \"%s\"", name).c_str());
	}
	return call([&] { return quote_identifier(get_attname(table, static_cast<AttrNumber>(number), false)); });
}

/// A condition that a row of the view is the only one to meet in its table, and the values for it, as they are: as text
/// they would be others under some settings.
struct Identity {
	std::string condition;
	std::vector<Oid> types;
	std::vector<Datum> values;
};

Identity identity_of(const TriggerData *data, const std::vector<KeyColumn> &key) {
	Identity identity;
	for (const KeyColumn &column : key) {
		const TupleDesc columns = RelationGetDescr(data->tg_relation);
		bool is_null = true;
		const int number = call(column_showing, data->tg_relation, column.number);
		const Datum value = number > 0 ? call(SPI_getbinval, data->tg_trigtuple, columns, number, &is_null) : Datum{0};
		if (is_null) {
			throw unlike(data, format("has no column \"%s\"", column.name.c_str()).c_str());
		}
		identity.types.push_back(call(SPI_gettypeid, columns, number));
		identity.values.push_back(value);
		const std::string name = call([&] { return quote_identifier(column.name.c_str()); });
		identity.condition += (identity.condition.empty() ? "" : " AND ") + name + ' ' + column.equal +
		                      format(" $%d", static_cast<int>(identity.values.size()));
	}
	return identity;
}

/// Whether there was such a row.
bool mark_row(const std::string &statement, Identity &identity) {
	const Spi spi;
	return call([&] {
		const int result = SPI_execute_with_args(statement.c_str(), static_cast<int>(identity.values.size()),
		                                         identity.types.data(), identity.values.data(), nullptr, false, 0);
		if (result < 0) {
			elog(ERROR, "could not mark a row: %s", SPI_result_code_string(result));
		}
		return SPI_processed > 0;
	});
}

struct Due {
	Oid table;
	std::string column;
	std::string keep;
};

/// What bears the name that the marks had may be another column by now, the values of which say nothing of deletion.
void check_marked(const Due &due) {
	const AsExtension owner;
	Spi spi;
	bool is_shown = false;
	for (const auto &[view, mark] : spi.query_latest<Oid, std::string_view>(select_views, due.table)) {
		is_shown = is_shown || shows(view, std::string(mark), due.table, due.column);
	}
	if (!is_shown) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("no view marks rows of it in column \"%s\"", due.column.c_str()))
			.with_hint("Use warden.audit_soft_delete() again, with the column's name of today.");
	}
}

/// Deletes some of what was marked long enough ago, as the table's owner, but for so many of the oldest.
std::uint64_t delete_marked(const Due &due, int rows, int skipped) {
	{
		const PinnedSettings settings;
		lock(due.table, RowExclusiveLock);
	}
	check_marked(due);
	const std::string name = qualified_name(due.table);
	const std::string mark = call([&] { return quote_identifier(due.column.c_str()); });
	const std::string is_due = mark + " < pg_catalog.now() - " + quoted_literal(due.keep) + "::pg_catalog.interval";
	const std::string statement = "DELETE FROM " + name + " WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM " +
	                              name + " WHERE " + is_due + " ORDER BY " + mark + ", tableoid, ctid" +
	                              format(" OFFSET %d LIMIT %d FOR UPDATE SKIP LOCKED", skipped, rows) + ") AND " +
	                              is_due;
	const AsOwner owner(owner_of(due.table));
	return Spi().execute(statement.c_str());
}

void warn(const Due &due, int skipped, const Error &error) {
	const std::string rows = skipped == 1  ? "a marked row"
	                         : skipped > 1 ? format("%d marked rows", skipped)
	                                       : "marked rows";
	Error warning(error.sqlstate, format("%s of table %s could not be deleted: %s", rows.c_str(),
	                                     qualified_name(due.table).c_str(), error.what()));
	warning.detail = error.detail;
	warning.hint = error.hint;
	report(WARNING, warning);
}

/// A transaction for each some rows.  Where one of them cannot be deleted, because others refer to it, fewer at a time
/// are tried, until it is that one alone which stays.  What fails without any row, would with each.  What somebody has
/// locked is left to the next maintenance.
void purge(const Procedure &procedure, const Due &due) {
	std::optional<Error> first;
	int skipped = 0;
	int blocked = 0;
	const auto failed = attempt([&] { std::ignore = delete_marked(due, 0, 0); });
	procedure.commit();
	bool is_more = !failed;
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
			blocked += is_blocked(*error) ? 1 : 0;
			is_more = ++skipped < most_skipped && blocked < most_blocked;
		}
	}
	if (failed || first) {
		warn(due, skipped, failed ? *failed : *first);
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
	check_keep(keep);
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
	const Oid table = table_of(data);
	const std::string mark = mark_of(data, table);
	Identity identity = identity_of(data, read_key(table));
	const std::string statement = "UPDATE " + qualified_name(table) + " SET " + mark + " = pg_catalog.now() WHERE " +
	                              mark + " IS NULL AND " + identity.condition;
	return mark_row(statement, identity) ? PointerGetDatum(data->tg_trigtuple) : PointerGetDatum(nullptr);
}

} // namespace warden::audit
