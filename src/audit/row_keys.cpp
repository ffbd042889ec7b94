#include "audit/row_keys.hpp"

#include "audit/decoders.hpp"
#include "audit/event.hpp"

#include "pg/error.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "parser/parse_type.h"
}

namespace warden::audit {

using namespace pg;

namespace {

// $1 the relation, $2 the key, $3 the table, $4 the reader, $5 whether he may read everything: the columns of the key
// in each version, with what was given for each by its name of today, else by that of another time.
constinit Statement select_columns{R"(
WITH versions AS (
    SELECT v.id, v.columns = (SELECT warden.audit_columns($3)) AS is_current, -- a subquery: once, not once a column
           c->>'name' AS name, (c->>'number')::integer AS number, c->>'type' AS type, c ? 'key' AS is_key
    FROM warden.audit_versions v, jsonb_array_elements(warden.audit_columns_here(v.columns, v.transaction, v.relation, $3)) c
    WHERE v.relation = $1),
given AS (
    SELECT DISTINCT ON (k.key) v.number, k.value FROM jsonb_each($2) k JOIN versions v ON v.name = k.key
    ORDER BY k.key, v.is_current DESC NULLS LAST, v.id DESC)
SELECT v.id, v.name, v.type, g.value, $5 OR coalesce(has_column_privilege($4, $3, v.number::smallint, 'SELECT'), false)
FROM versions v LEFT JOIN given g ON g.number = v.number
WHERE v.is_key ORDER BY v.id, length(v.name::bytea), v.name COLLATE "C")"};

using KeyColumns = std::vector<std::tuple<int32, std::string_view, std::string_view, std::optional<Json>, bool>>;

// Server code.
Datum typed(const KeyPart &part, Encoder &encoder) {
	Oid type = InvalidOid;
	int32 modifier = -1;
	parseTypeString(pnstrdup(part.type.data(), part.type.size()), &type, &modifier, {});
	encoder = encoder_for(type);
	Jsonb *const json = DatumGetJsonbP(part.value);
	JsonbValue value;
	value.type = jbvBinary;
	value.val.binary.data = &json->root;
	value.val.binary.len = static_cast<int>(VARSIZE(json) - VARHDRSZ);
	if (JB_ROOT_IS_SCALAR(json)) {
		JsonbExtractScalar(&json->root, &value);
	}
	Datum out = 0;
	if (decode(decoder_for(type, modifier), value, out) != Decoded::Value) {
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a key has no null in it"));
	}
	return out;
}

bool same_key(const std::optional<Json> &known, const Jsonb *key) {
	if (!known || key == nullptr) {
		return !known && key == nullptr;
	}
	const auto *const other = reinterpret_cast<const Jsonb *>(DatumGetPointer(known->datum));
	return VARSIZE(other) == VARSIZE(key) && memcmp(other, key, VARSIZE(key)) == 0;
}

void add(std::vector<RowKey> &keys, std::int32_t relation, std::int32_t version, const KeyForm &form) {
	for (RowKey &known : keys) {
		if (known.relation == relation && known.number == form.number && same_key(known.key, form.key)) {
			known.versions.insert(known.versions.size() - 1, format(",%d", version));
			return;
		}
	}
	keys.push_back({.relation = relation,
	                .number = form.number,
	                .key = form.key == nullptr ? std::nullopt : std::optional(Json{PointerGetDatum(form.key)}),
	                .versions = format("{%d}", version)});
}

/// Adds the forms of one relation.  What a value is no value of the type of, in one version, is not the key there.
class Forms {
public:
	Forms(std::vector<RowKey> &keys, Oid owner) : keys_(keys), owner_(owner) {}

	void add_relation(std::int32_t relation, const KeyColumns &columns) {
		for (auto begin = columns.begin(); begin != columns.end();) {
			const int32 version = std::get<0>(*begin);
			const auto end =
				std::find_if(begin, columns.end(), [&](const auto &column) { return std::get<0>(column) != version; });
			add_version(relation, version, {begin, end});
			begin = end;
		}
	}

	/// If nothing was found.
	[[noreturn]] void fail() const {
		if (error_) {
			throw Error(*error_);
		}
		if (names_.empty()) {
			throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "the table has no key by which its rows could be told apart")
				.with_hint("Add a primary key, or read warden.audit_events.");
		}
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "the key does not have the columns of the table's key")
			.with_detail(format("The key is (%s).", names_.c_str()))
			.with_hint("Give an object that has each of them, like {\"id\": 1}.");
	}

private:
	void add_version(std::int32_t relation, std::int32_t version, const KeyColumns &columns) {
		std::vector<KeyPart> parts;
		names_.clear();
		for (const auto &[id, name, type, value, is_readable] : columns) {
			names_ += (names_.empty() ? "" : ", ") + std::string(name);
			if (!is_readable) {
				throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
				            format("permission denied for column \"%s\" of the key", std::string(name).c_str()));
			}
			if (value) {
				parts.push_back({name, type, value->datum});
			}
		}
		if (parts.size() < columns.size()) {
			return;
		}
		const KeyPart *const data = parts.data();
		const MemoryContext memory = CurrentMemoryContext;
		KeyForm form{};
		const auto error = attempt([&] {
			const AsOwner owner(owner_);     // whose types' functions are called
			const MemoryScope scope(memory); // what a subtransaction has of its own goes with it
			form = call(key_form, data, parts.size());
		});
		if (error) {
			error_.emplace(*error);
		} else {
			add(keys_, relation, version, form);
		}
	}

	std::vector<RowKey> &keys_;
	Oid owner_; ///< of the table
	std::optional<Error> error_;
	std::string names_;
};

} // namespace

KeyForm key_form(const KeyPart *parts, std::size_t count) {
	pin_reading_settings();
	auto *const members = static_cast<Member *>(palloc(sizeof(Member) * (count + 1)));
	Writing writing = begin_writing();
	for (std::size_t i = 0; i < count; ++i) {
		Encoder encoder{};
		const Datum value = typed(parts[i], encoder);
		if (count == 1 && is_whole_number(encoder)) {
			return {encoder.type == INT2OID   ? DatumGetInt16(value)
			        : encoder.type == INT4OID ? DatumGetInt32(value)
			                                  : DatumGetInt64(value),
			        nullptr};
		}
		members[i] = {parts[i].name, encode(encoder, value, writing)};
	}
	end_writing(writing);
	Jsonb *const key = json_of(members, count);
	return {hash_of(key), key};
}

std::vector<RowKey> row_keys(const Readable &table, Json key) {
	if (!call([&] { return JB_ROOT_IS_OBJECT(DatumGetJsonbP(key.datum)); })) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "the key is not a JSON object")
			.with_hint("Give the columns of the key with their values, like {\"id\": 1}.");
	}
	std::vector<RowKey> keys;
	const Oid owner = owner_of(table.table);
	Forms forms(keys, OidIsValid(owner) ? owner : table.reader);
	for (const std::int32_t relation : table.relations) {
		Spi spi;
		KeyColumns columns;
		{
			const AsExtension owner;
			columns = spi.query<int32, std::string_view, std::string_view, std::optional<Json>, bool>(
				select_columns, relation, key, table.table, table.reader, table.has_all);
		}
		forms.add_relation(relation, columns);
	}
	if (keys.empty()) {
		forms.fail();
	}
	return keys;
}

} // namespace warden::audit
