#include "audit/live_table.hpp"

#include "audit/decoders.hpp"

#include "pg/datum.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "commands/trigger.h"
#include "executor/executor.h"
#include "catalog/pg_operator.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constinit Statement select_columns{R"(
SELECT attname::text, atttypid, atttypmod, attgenerated <> ''
FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum)"};

constinit Statement select_table{"SELECT relkind = 'p', relhassubclass FROM pg_class WHERE oid = $1"};

constinit Statement select_members{"SELECT key, value::text FROM jsonb_each($1)"};
constinit Statement select_members_of_text{"SELECT key, value::text FROM jsonb_each($1::jsonb)"};

/// Values for a statement, as the server takes them.
struct Bound {
	int count;
	Oid *types;
	Datum *values;
	char *nulls;
};

struct Given {
	Oid type;
	std::int32_t modifier;
	const char *json;
	Oid owner;
};

// Server code, from here:

void bind(Bound &bound, int n, const Given &given) {
	auto *const jsonb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(given.json)));
	JsonbValue value;
	if (!JB_ROOT_IS_SCALAR(jsonb) || !JsonbExtractScalar(&jsonb->root, &value)) {
		value.type = jbvBinary;
		value.val.binary.data = &jsonb->root;
		value.val.binary.len = static_cast<int>(VARSIZE(jsonb) - VARHDRSZ);
	}
	bound.types[n] = given.type;
	bound.values[n] = 0;
	bound.nulls[n] = ' ';
	switch (decode(decoder_for(given.type, given.modifier), value, bound.values[n])) {
	case Decoded::Value:
		break;
	case Decoded::Null:
		bound.nulls[n] = 'n';
		break;
	case Decoded::Lost:
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION), errmsg("a value was too long for the log"),
		        errdetail("The log has its digest only."));
	}
}

Bound bind(const Given *given, int count) {
	const auto size = static_cast<std::size_t>(count) + 1;
	Bound bound{count, static_cast<Oid *>(palloc(sizeof(Oid) * size)),
	            static_cast<Datum *>(palloc(sizeof(Datum) * size)), static_cast<char *>(palloc(size))};
	const int level = NewGUCNestLevel();
	pin_reading_settings();
	Oid user = InvalidOid;
	int context = 0;
	GetUserIdAndSecContext(&user, &context);
	for (int i = 0; i < count; ++i) {
		SetUserIdAndSecContext(given[i].owner, context | SECURITY_RESTRICTED_OPERATION);
		bind(bound, i, given[i]);
	}
	SetUserIdAndSecContext(user, context);
	AtEOXact_GUC(false, level);
	return bound;
}

Jsonb *row_of(HeapTuple tuple, TupleDesc columns) {
	auto *const members = static_cast<Member *>(palloc(sizeof(Member) * static_cast<std::size_t>(columns->natts + 1)));
	Writing writing = begin_writing();
	for (int i = 0; i < columns->natts; ++i) {
		bool is_null = false;
		const Datum value = SPI_getbinval(tuple, columns, i + 1, &is_null);
		members[i].key = NameStr(TupleDescAttr(columns, i)->attname);
		members[i].value = is_null ? Item{} : encode(encoder_for(TupleDescAttr(columns, i)->atttypid), value, writing);
	}
	end_writing(writing);
	std::sort(members, members + columns->natts,
	          [](const Member &one, const Member &other) { return comes_before(one.key, other.key); });
	const Item object = object_item(members, static_cast<std::size_t>(columns->natts));
	auto *const row = static_cast<Jsonb *>(SPI_palloc(VARHDRSZ + object.bytes.size()));
	memcpy(&row->root, object.bytes.data(), object.bytes.size());
	SET_VARSIZE(row, VARHDRSZ + object.bytes.size());
	return row;
}

struct Found {
	Jsonb **rows;
	std::size_t count;
};

Found read_rows(const char *query, const Given *given, int count, long most) {
	SPI_connect();
	const Bound bound = bind(given, count);
	const int result = SPI_execute_with_args(query, bound.count, bound.types, bound.values, bound.nulls, false, most);
	if (result != SPI_OK_SELECT) {
		elog(ERROR, "could not read rows: %s", SPI_result_code_string(result));
	}
	const auto size = static_cast<std::size_t>(SPI_processed);
	Found found{static_cast<Jsonb **>(SPI_palloc(sizeof(Jsonb *) * (size + 1))), size};
	for (std::size_t i = 0; i < size; ++i) {
		found.rows[i] = row_of(SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	}
	SPI_finish();
	return found;
}

std::uint64_t run_without_triggers(const char *sql, const Given *given, int count) {
	SPI_connect();
	const Bound bound = bind(given, count);
	const SPIPlanPtr plan = SPI_prepare(sql, bound.count, bound.types);
	const int result = plan == nullptr ? SPI_result
	                                   : SPI_execute_snapshot(plan, bound.values, bound.nulls, InvalidSnapshot,
	                                                          InvalidSnapshot, false, false, 0);
	if (result < 0) {
		elog(ERROR, "could not change a row: %s", SPI_result_code_string(result));
	}
	const std::uint64_t processed = SPI_processed;
	SPI_finish();
	return processed;
}

// The text of a value of the log as a type's input function reads it; null for NULL.
const char *text_of(const Given &given) {
	const Bound bound = bind(&given, 1);
	if (bound.nulls[0] == 'n') {
		return nullptr;
	}
	const int level = NewGUCNestLevel();
	pin_reading_settings();
	Oid output = InvalidOid;
	bool is_varlena = false;
	getTypeOutputInfo(given.type, &output, &is_varlena);
	const char *const text = OidOutputFunctionCall(output, bound.values[0]);
	AtEOXact_GUC(false, level);
	return text;
}

const char *schema_of_operator(Oid found) {
	const HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(found));
	if (!HeapTupleIsValid(tuple)) {
		elog(ERROR, "operator %u is not there any more", found);
	}
	const Oid schema = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple))->oprnamespace;
	ReleaseSysCache(tuple);
	return get_namespace_name(schema);
}

// With its schema, as a name alone may mean another one to the caller; empty if there is none.
const char *equal_operator(Oid type) {
	const Oid found = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
	return OidIsValid(found)
	           ? psprintf("OPERATOR(%s.%s)", quote_identifier(schema_of_operator(found)), get_opname(found))
	           : "";
}

// To here.

std::vector<Given> given_from(const std::vector<Parameter> &parameters) {
	std::vector<Given> given;
	given.reserve(parameters.size());
	for (const Parameter &parameter : parameters) {
		given.push_back({parameter.type, parameter.modifier, parameter.json.c_str(), parameter.owner});
	}
	return given;
}

std::string quoted(const std::string &name) {
	return call([&] { return quote_identifier(name.c_str()); });
}

void add(RowStatement &statement, const std::string &text) {
	statement.sql += text;
	statement.text += text;
}

template <class Object>
Values read_members(Statement &statement, const Object &json) {
	Values values;
	Spi spi;
	for (const auto &[name, value] : spi.query<std::string_view, std::string_view>(statement, json)) {
		values.emplace(name, value);
	}
	return values;
}

} // namespace

LiveTable::LiveTable(Oid table)
	: table_(table), owner_(owner_of(table)), name_(qualified_name(table)),
	  of_place_{{"ctid", TIDOID, -1, "OPERATOR(pg_catalog.=)", true},
                {"tableoid", OIDOID, -1, "OPERATOR(pg_catalog.=)", true}} {
	const PinnedSettings settings;
	Spi spi;
	for (const auto &[name, type, modifier, is_generated] :
	     spi.query_latest<std::string_view, Oid, int32, bool>(select_columns, table)) {
		int32 base_modifier = modifier;
		const Oid base = call([&] { return getBaseTypeAndTypmod(type, &base_modifier); });
		columns_.push_back({std::string(name), base, base_modifier, call(equal_operator, base), is_generated});
	}
	const auto [is_partitioned, has_children] = spi.query_latest<bool, bool>(select_table, table).front();
	is_partitioned_ = is_partitioned;
	name_ = (has_children && !is_partitioned ? "ONLY " : "") + name_;
}

const LiveTable::Column *LiveTable::find_column(const std::string &name) const {
	const auto found = std::ranges::find(columns_, name, &Column::name);
	return found == columns_.end() ? nullptr : &*found;
}

const LiveTable::Column &LiveTable::known_column(const std::string &name) const {
	const auto found = std::ranges::find(of_place_, name, &Column::name);
	if (found != of_place_.end()) {
		return *found;
	}
	const Column *const column = find_column(name);
	if (column == nullptr) {
		throw Error(ERRCODE_UNDEFINED_COLUMN,
		            format("table %s has no column \"%s\" any more", qualified_name(table_).c_str(), name.c_str()))
			.with_detail("Rows were known by it.");
	}
	return *column;
}

Values LiveTable::place_of(const Values &row) const {
	Values place{{"ctid", row.at("ctid")}};
	if (is_partitioned_) {
		place.emplace("tableoid", row.at("tableoid"));
	}
	return place;
}

bool LiveTable::has(const std::string &column) const {
	const Column *const found = find_column(column);
	return found != nullptr && !found->is_generated;
}

std::vector<std::string> LiveTable::missing(const Values &row) const {
	std::vector<std::string> names;
	for (const Column &column : columns_) {
		if (!column.is_generated && !row.contains(column.name)) {
			names.push_back(column.name);
		}
	}
	return names;
}

Parameter LiveTable::parameter(const std::string &name, const std::string &json) const {
	const Column &column = known_column(name);
	return {column.type, column.modifier, json, owner_};
}

void LiveTable::add_value(RowStatement &statement, const Column &column, const std::string &json) const {
	statement.parameters.push_back({column.type, column.modifier, json, owner_});
	statement.sql += format("$%zu", statement.parameters.size());
	const Given given{column.type, column.modifier, json.c_str(), owner_};
	const ScratchMemory memory;
	const char *const text = call([&] { return text_of(given); });
	statement.text += text == nullptr ? "NULL" : quoted_literal(text);
}

void LiveTable::add_condition(RowStatement &statement, const Values &key) const {
	const char *separator = " WHERE ";
	for (const auto &[name, json] : key) {
		const Column &column = known_column(name);
		add(statement, separator + quoted(name));
		statement.sql += " " + (column.equal.empty() ? "=" : column.equal) + " ";
		statement.text += " = ";
		add_value(statement, column, json);
		separator = " AND ";
	}
}

std::vector<Values> LiveTable::find_all(const std::string &condition, const std::vector<Parameter> &parameters,
                                        bool locks, long most) const {
	const std::string query =
		"SELECT tableoid, ctid, * FROM " + name_ + " WHERE " + condition + (locks ? " FOR UPDATE" : "");
	const std::vector<Given> given = given_from(parameters);
	const Given *const data = given.data();
	const auto count = static_cast<int>(given.size());
	const ScratchMemory memory;
	std::optional<AsOwnerOfRows> owner; // who only looks: a plan can call what indexes are made of
	if (!locks) {
		owner.emplace(owner_);
	}
	const Found found = call([&] { return read_rows(query.c_str(), data, count, most); });
	std::vector<Values> rows;
	rows.reserve(found.count);
	for (std::size_t i = 0; i < found.count; ++i) {
		rows.push_back(read_members(select_members, Json{PointerGetDatum(found.rows[i])}));
	}
	return rows;
}

std::vector<Values> LiveTable::find(const Values &key, bool locks) const {
	std::string condition;
	std::vector<Parameter> parameters;
	for (const auto &[name, json] : key) {
		const Column &column = known_column(name);
		parameters.push_back({column.type, column.modifier, json, owner_});
		condition += (condition.empty() ? "" : " AND ") + quoted(name) + " " +
		             (column.equal.empty() ? "=" : column.equal) + format(" $%zu", parameters.size());
	}
	return find_all(condition, parameters, locks, 2);
}

std::vector<Values> LiveTable::find_alike(const Values &row, bool locks) const {
	std::string condition = "true";
	std::vector<Parameter> parameters;
	for (const auto &[name, json] : row) {
		const Column *const column = find_column(name);
		if (column == nullptr || is_lost(json)) {
			continue;
		}
		if (json == "null") {
			condition += " AND " + quoted(name) + " IS NULL";
		} else if (!column->equal.empty()) {
			parameters.push_back({column->type, column->modifier, json, owner_});
			condition += " AND " + quoted(name) + " " + column->equal + format(" $%zu", parameters.size());
		}
	}
	std::vector<Values> rows = find_all(condition, parameters, locks, 0);
	std::erase_if(rows, [&](const Values &live) { return !differing(live, row).empty(); });
	return rows;
}

// A number that its column has as text since, or the other way round, is what it was.
std::vector<std::string> LiveTable::differing(const Values &live, const Values &logged) const {
	const auto is_same = [&](const std::string &name, const std::string &one, const std::string &other) {
		const Column *const column = find_column(name);
		const bool is_json = column == nullptr || column->type == JSONOID || column->type == JSONBOID;
		return one == other || (!is_json && one != "null" && other != "null" &&
		                        (one == "\"" + other + "\"" || other == "\"" + one + "\""));
	};
	std::vector<std::string> names;
	for (const auto &[name, value] : logged) {
		const auto found = live.find(name);
		if (found != live.end() && !is_same(name, found->second, value)) {
			names.push_back(name);
		}
	}
	return names;
}

RowStatement LiveTable::insertion(const Values &row) const {
	RowStatement statement;
	std::string names;
	for (const auto &[name, json] : row) {
		names += has(name) ? (names.empty() ? "" : ", ") + quoted(name) : "";
	}
	const std::string table = name_.starts_with("ONLY ") ? name_.substr(5) : name_;
	if (names.empty()) {
		add(statement, "INSERT INTO " + table + " DEFAULT VALUES");
		return statement;
	}
	add(statement, "INSERT INTO " + table + " (" + names + ") OVERRIDING SYSTEM VALUE VALUES (");
	const char *separator = "";
	for (const auto &[name, json] : row) {
		if (has(name)) {
			add(statement, separator);
			add_value(statement, *find_column(name), json);
			separator = ", ";
		}
	}
	add(statement, ")");
	return statement;
}

RowStatement LiveTable::update(const Values &key, const Values &changes) const {
	RowStatement statement;
	add(statement, "UPDATE " + name_ + " SET ");
	const char *separator = "";
	for (const auto &[name, json] : changes) {
		if (has(name)) {
			add(statement, separator + quoted(name) + " = ");
			add_value(statement, *find_column(name), json);
			separator = ", ";
		}
	}
	add_condition(statement, key);
	return statement;
}

RowStatement LiveTable::deletion(const Values &key) const {
	RowStatement statement;
	add(statement, "DELETE FROM " + name_);
	add_condition(statement, key);
	return statement;
}

std::string place_of(const Values &row) {
	return row.at("tableoid") + row.at("ctid");
}

bool is_lost(const std::string &json) {
	return json.starts_with("{\"$big\": ") && members_of(json).size() == 1; // capture escapes what looks like it
}

Values members_of(const std::string &json) {
	return read_members(select_members_of_text, json);
}

std::vector<std::uint64_t> run_as_one(const std::vector<const RowStatement *> &statements) {
	std::vector<std::uint64_t> counts;
	const SnapshotScope snapshot;
	call(AfterTriggerBeginQuery);
	for (const RowStatement *const statement : statements) {
		check_for_interrupts();
		const ScratchMemory memory;
		const std::vector<Given> given = given_from(statement->parameters);
		const Given *const data = given.data();
		const auto count = static_cast<int>(given.size());
		counts.push_back(call([&] { return run_without_triggers(statement->sql.c_str(), data, count); }));
	}
	call([] {
		EState *const state = CreateExecutorState();
		AfterTriggerEndQuery(state);
		ExecCloseResultRelations(state);
		ExecResetTupleTable(state->es_tupleTable, false);
		FreeExecutorState(state);
	});
	return counts;
}

} // namespace warden::audit
