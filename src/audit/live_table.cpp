#include "audit/live_table.hpp"

#include "audit/decoders.hpp"

#include "pg/datum.hpp"
#include "pg/names.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "utils/lsyscache.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constinit Statement select_columns{R"(
SELECT attname::text, atttypid, atttypmod, attgenerated <> ''
FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum)"};

constinit Statement select_members{"SELECT key, value::text FROM jsonb_each($1)"};

// Server code.  The first row of a result, as capture writes rows; null if it has none.
Jsonb *read_row(const char *query) {
	SPI_connect();
	const int result = SPI_execute(query, false, 1);
	if (result != SPI_OK_SELECT) {
		elog(ERROR, "could not read a row: %s", SPI_result_code_string(result));
	}
	Jsonb *row = nullptr;
	if (SPI_processed > 0) {
		const TupleDesc columns = SPI_tuptable->tupdesc;
		auto *const members =
			static_cast<Member *>(palloc(sizeof(Member) * static_cast<std::size_t>(columns->natts + 1)));
		Writing writing = begin_writing();
		for (int i = 0; i < columns->natts; ++i) {
			bool is_null = false;
			const Datum value = SPI_getbinval(SPI_tuptable->vals[0], columns, i + 1, &is_null);
			members[i].key = NameStr(TupleDescAttr(columns, i)->attname);
			members[i].value =
				is_null ? Item{} : encode(encoder_for(TupleDescAttr(columns, i)->atttypid), value, writing);
		}
		end_writing(writing);
		std::sort(members, members + columns->natts,
		          [](const Member &one, const Member &other) { return comes_before(one.key, other.key); });
		const Item object = object_item(members, static_cast<std::size_t>(columns->natts));
		row = static_cast<Jsonb *>(SPI_palloc(VARHDRSZ + object.bytes.size()));
		memcpy(&row->root, object.bytes.data(), object.bytes.size());
		SET_VARSIZE(row, VARHDRSZ + object.bytes.size());
	}
	SPI_finish();
	return row;
}

// Server code.  The text of a value of the log as a type's input function reads it; null for NULL.
const char *text_of(Oid type, int modifier, const char *json) {
	auto *const jsonb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	JsonbValue value;
	if (!JB_ROOT_IS_SCALAR(jsonb) || !JsonbExtractScalar(&jsonb->root, &value)) {
		value.type = jbvBinary;
		value.val.binary.data = &jsonb->root;
		value.val.binary.len = static_cast<int>(VARSIZE(jsonb) - VARHDRSZ);
	}
	const int level = NewGUCNestLevel();
	pin_value_settings();
	Datum datum = 0;
	const char *text = nullptr;
	switch (decode(decoder_for(type, modifier), value, datum)) {
	case Decoded::Value: {
		Oid output = InvalidOid;
		bool is_varlena = false;
		getTypeOutputInfo(type, &output, &is_varlena);
		text = OidOutputFunctionCall(output, datum);
		break;
	}
	case Decoded::Null:
		break;
	case Decoded::Lost:
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION), errmsg("a value was too long for the log"),
		        errdetail("The log has its digest only."));
	}
	AtEOXact_GUC(false, level);
	return text;
}

std::string quoted(const std::string &name) {
	return call([&] { return quote_identifier(name.c_str()); });
}

} // namespace

LiveTable::LiveTable(Oid table) : table_(table), name_(qualified_name(table)) {
	Spi spi;
	for (const auto &[name, type, modifier, is_generated] :
	     spi.query_latest<std::string_view, Oid, int32, bool>(select_columns, table)) {
		columns_.push_back({std::string(name), type, modifier, is_generated});
	}
}

const LiveTable::Column *LiveTable::find_column(const std::string &name) const {
	const auto found = std::ranges::find(columns_, name, &Column::name);
	return found == columns_.end() ? nullptr : &*found;
}

bool LiveTable::has(const std::string &column) const {
	const Column *const found = find_column(column);
	return found != nullptr && !found->is_generated;
}

std::string LiveTable::literal(const Column &column, const std::string &json) const {
	const char *const text = call([&] { return text_of(column.type, column.modifier, json.c_str()); });
	return text == nullptr ? "NULL" : quoted_literal(text);
}

std::string LiveTable::condition(const Values &key) const {
	std::string text;
	for (const auto &[name, json] : key) {
		const Column *const column = find_column(name);
		if (column == nullptr) {
			throw Error(ERRCODE_UNDEFINED_COLUMN,
			            format("table %s has no column \"%s\" any more", name_.c_str(), name.c_str()))
				.with_detail("Rows were known by it.");
		}
		text += (text.empty() ? "" : " AND ") + quoted(name) + " = " + literal(*column, json);
	}
	return text;
}

std::optional<Values> LiveTable::find(const Values &key, bool locks) const {
	const std::string query = "SELECT * FROM " + name_ + " WHERE " + condition(key) + (locks ? " FOR UPDATE" : "");
	Jsonb *const row = call([&] { return read_row(query.c_str()); });
	if (row == nullptr) {
		return std::nullopt;
	}
	Values values;
	Spi spi;
	for (const auto &[name, value] :
	     spi.query<std::string_view, std::string_view>(select_members, Json{PointerGetDatum(row)})) {
		values.emplace(name, value);
	}
	return values;
}

std::string LiveTable::insertion(const Values &row) const {
	std::string names;
	std::string values;
	for (const auto &[name, json] : row) {
		const Column *const column = find_column(name);
		if (column != nullptr && !column->is_generated) {
			names += (names.empty() ? "" : ", ") + quoted(name);
			values += (values.empty() ? "" : ", ") + literal(*column, json);
		}
	}
	return "INSERT INTO " + name_ + " (" + names + ") OVERRIDING SYSTEM VALUE VALUES (" + values + ")";
}

std::string LiveTable::update(const Values &key, const Values &changes) const {
	std::string text;
	for (const auto &[name, json] : changes) {
		const Column *const column = find_column(name);
		if (column != nullptr && !column->is_generated) {
			text += (text.empty() ? "" : ", ") + quoted(name) + " = " + literal(*column, json);
		}
	}
	return "UPDATE " + name_ + " SET " + text + " WHERE " + condition(key);
}

std::string LiveTable::deletion(const Values &key) const {
	return "DELETE FROM " + name_ + " WHERE " + condition(key);
}

} // namespace warden::audit
