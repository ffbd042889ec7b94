#include "audit/imported_row.hpp"

#include "audit/event.hpp"
#include "audit/images.hpp"

#include "pg/scoped.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/htup_details.h"
#include "nodes/value.h"
#include "utils/timestamp.h"
}

namespace warden::audit {

// All of this is server code.

namespace {

/// One column of an image.
struct Field {
	ImportedColumn *column; ///< null if it is not known
	std::string_view name;
	Item item;
	Datum value; ///< of a column that is typed
	bool is_typed;
};

struct Image {
	Field *fields; ///< in the order of their names
	std::size_t count;
	bool is_untyped; ///< a value was kept as it is
	bool is_cut;
};

bool is_null(const Field &field) {
	return field.item.kind == Item::Kind::Null;
}

bool are_same(const Item &one, const Item &other) {
	return one.kind == other.kind && one.bytes == other.bytes;
}

Datum from_text(const ImportedColumn &column, char *text) {
	FmgrInfo input = column.decoder.input;
	input.fn_mcxt = CurrentMemoryContext;
	return InputFunctionCall(&input, text, column.decoder.parameter, column.decoder.modifier);
}

bool has_arrays(JsonbContainer *array) {
	JsonbValue *const first = getIthJsonbValueFromContainer(array, 0);
	return first != nullptr && first->type == jbvBinary && JsonContainerIsArray(first->val.binary.data);
}

// As the input functions of arrays read it.
void append_array(StringInfoData &literal, JsonbContainer *array) {
	check_stack_depth();
	for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(JsonContainerSize(array)); ++i) {
		appendStringInfoChar(&literal, i == 0 ? '{' : ',');
		JsonbValue *const element = getIthJsonbValueFromContainer(array, i);
		if (element->type == jbvBinary && JsonContainerIsArray(element->val.binary.data)) {
			append_array(literal, element->val.binary.data);
		} else if (element->type == jbvNull) {
			appendStringInfoString(&literal, "NULL");
		} else {
			Jsonb *const json = JsonbValueToJsonb(element);
			const char *text = element->type == jbvString
			                       ? pnstrdup(element->val.string.val, static_cast<Size>(element->val.string.len))
			                       : JsonbToCString(nullptr, &json->root, static_cast<int>(VARSIZE(json) - VARHDRSZ));
			appendStringInfoChar(&literal, '"');
			for (; *text != '\0'; ++text) {
				if (*text == '"' || *text == '\\') {
					appendStringInfoChar(&literal, '\\');
				}
				appendStringInfoChar(&literal, *text);
			}
			appendStringInfoChar(&literal, '"');
		}
	}
	appendStringInfoChar(&literal, '}');
}

// Where the log has texts, these are to be read; where it has JSON, only what is no JSON itself.
Datum datum_of(const ImportedTable &table, const ImportedColumn &column, const JsonbValue &value) {
	const Encoder::Form form = column.decoder.form;
	const bool is_array = value.type == jbvBinary && JsonContainerIsArray(value.val.binary.data);
	if (table.has_texts && value.type == jbvString) {
		return from_text(column, pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len)));
	}
	if (form == Encoder::Form::Jsonb) {
		return PointerGetDatum(JsonbValueToJsonb(const_cast<JsonbValue *>(&value)));
	}
	if (column.decoder.type == JSONOID) {
		Jsonb *const json = JsonbValueToJsonb(const_cast<JsonbValue *>(&value));
		return CStringGetTextDatum(JsonbToCString(nullptr, &json->root, static_cast<int>(VARSIZE(json) - VARHDRSZ)));
	}
	if (is_array && form == Encoder::Form::Array && has_arrays(value.val.binary.data)) {
		StringInfoData literal;
		initStringInfo(&literal);
		append_array(literal, value.val.binary.data);
		return from_text(column, literal.data);
	}
	Datum out = 0;
	if (decode(column.decoder, value, out) != Decoded::Value) {
		ereport(ERROR, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("a value cannot be read"));
	}
	return out;
}

Item raw_item(const ImportedTable &table, const JsonbValue &value, Writing &writing) {
	Jsonb *const json = JsonbValueToJsonb(const_cast<JsonbValue *>(&value));
	return encode(table.json, PointerGetDatum(json), writing);
}

// A session's settings decide how dates and intervals are written as text; which they were, nobody knows any more.
bool depends_on_settings(const ImportedTable &table, const Encoder &encoder) {
	switch (encoder.form) {
	case Encoder::Form::Time:
		return table.has_texts;
	case Encoder::Form::Output:
		return encoder.is_pinned;
	case Encoder::Form::Array:
		return depends_on_settings(table, *encoder.element);
	default:
		return false;
	}
}

// A date as ISO 8601 has it, which is not taken for another one.
bool is_plain_date(const JsonbValue &value) {
	constexpr std::string_view pattern = "0000-00-00";
	if (value.type != jbvString || value.val.string.len < static_cast<int>(pattern.size())) {
		return false;
	}
	for (std::size_t i = 0; i < pattern.size(); ++i) {
		const char c = value.val.string.val[i];
		if (pattern[i] == '0' ? c < '0' || c > '9' : c != pattern[i]) {
			return false;
		}
	}
	return true;
}

// Error if a value would be another one under other settings: the third of February, the second of March.
void check_meaning(const ImportedTable &table, const Field &field, const JsonbValue &value, Writing &writing) {
	const Encoder &encoder = field.column->encoder;
	if (!depends_on_settings(table, encoder) || (encoder.form == Encoder::Form::Time && is_plain_date(value))) {
		return;
	}
	const int level = NewGUCNestLevel();
	for (const auto &[name, other] : {std::pair("datestyle", "ISO, DMY"), std::pair("intervalstyle", "sql_standard")}) {
		set_config_option(name, other, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
	const Datum datum = datum_of(table, *field.column, value);
	AtEOXact_GUC(false, level);
	if (!are_same(encode(encoder, datum, writing), field.item)) {
		ereport(ERROR, errcode(ERRCODE_INVALID_DATETIME_FORMAT), errmsg("a value has more than one meaning"));
	}
}

void set_typed(const ImportedTable &table, Field &field, const JsonbValue &value, Writing &writing) {
	field.value = datum_of(table, *field.column, value);
	field.item = encode(field.column->encoder, field.value, writing);
	check_meaning(table, field, value, writing);
	field.is_typed = true;
}

bool try_typed(const ImportedTable &table, Field &field, const JsonbValue &value, Writing &writing) {
	const MemoryContext memory = CurrentMemoryContext;
	return pg::entry([&] {
		return !pg::attempt([&] {
			const pg::MemoryScope scope(memory); // what a subtransaction has of its own goes with it
			pg::call([&] { set_typed(table, field, value, writing); });
		});
	});
}

void note_unknown(ImportedTable &table, std::string_view name) {
	ListCell *cell = nullptr;
	foreach (cell, table.unknown) {
		if (name == strVal(lfirst(cell))) {
			return;
		}
	}
	const MemoryContext previous = MemoryContextSwitchTo(table.memory);
	table.unknown = lappend(table.unknown, makeString(pnstrdup(name.data(), name.size())));
	MemoryContextSwitchTo(previous);
}

ImportedColumn *find_column(const ImportedTable &table, std::string_view name) {
	for (std::size_t i = 0; i < table.count; ++i) {
		if (table.columns[i].name == name) {
			return &table.columns[i];
		}
	}
	return nullptr;
}

// False for what is left out.
bool read_field(ImportedTable &table, Field &field, const JsonbValue &value, Image &image, Writing &writing,
                bool is_careful) {
	field.column = find_column(table, field.name);
	if (field.column == nullptr ? !table.is_open : field.column->is_left_out) {
		++table.left_out;
		return false;
	}
	if (field.column == nullptr) {
		note_unknown(table, field.name);
	}
	if (value.type == jbvNull) {
		return true;
	}
	if (field.column != nullptr && field.column->is_typed) {
		if (!is_careful) {
			set_typed(table, field, value, writing);
			return true;
		}
		if (try_typed(table, field, value, writing)) {
			return true;
		}
	}
	if (field.column != nullptr) {
		++field.column->failures;
		image.is_untyped = true;
	}
	field.item = raw_item(table, value, writing);
	return true;
}

Image read_image(ImportedTable &table, Datum datum, bool is_careful) {
	Image image{};
	Jsonb *const json = DatumGetJsonbP(datum);
	if (!JB_ROOT_IS_OBJECT(json)) {
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row of the log is not an object"));
	}
	image.fields = static_cast<Field *>(palloc0(sizeof(Field) * (JB_ROOT_COUNT(json) + 1)));
	JsonbIterator *iterator = JsonbIteratorInit(&json->root);
	JsonbValue token;
	Writing writing = begin_writing();
	for (JsonbIteratorToken kind; (kind = JsonbIteratorNext(&iterator, &token, true)) != WJB_DONE;) {
		Field &field = image.fields[image.count];
		if (kind == WJB_KEY) {
			field = {};
			field.name = {token.val.string.val, static_cast<std::size_t>(token.val.string.len)};
		} else if (kind == WJB_VALUE && read_field(table, field, token, image, writing, is_careful)) {
			++image.count;
		}
	}
	end_writing(writing);
	image.is_cut = writing.is_cut;
	return image;
}

const Field *find_field(const Image &image, std::string_view name) {
	for (std::size_t i = 0; i < image.count; ++i) {
		if (image.fields[i].name == name) {
			return &image.fields[i];
		}
	}
	return nullptr;
}

// All of an image, or those columns of it that the other has, too.
Jsonb *json_from(const Image &image, const Image *of) {
	auto *const members = static_cast<Member *>(palloc(sizeof(Member) * (image.count + 1)));
	std::size_t count = 0;
	for (std::size_t i = 0; i < image.count; ++i) {
		const Field &field = image.fields[i];
		if (of == nullptr || find_field(*of, field.name) != nullptr) {
			members[count++] = {field.name, field.item};
		}
	}
	return json_of(members, count);
}

// What of an image differs from the one before.
Image difference(const Image &before, const Image &after) {
	Image changed = after;
	changed.fields = static_cast<Field *>(palloc(sizeof(Field) * (after.count + 1)));
	changed.count = 0;
	for (std::size_t i = 0; i < after.count; ++i) {
		const Field *const old = find_field(before, after.fields[i].name);
		if (old == nullptr || !are_same(old->item, after.fields[i].item)) {
			changed.fields[changed.count++] = after.fields[i];
		}
	}
	return changed;
}

std::int64_t number_of(const Field &field) {
	switch (field.column->encoder.form) {
	case Encoder::Form::Int2:
		return DatumGetInt16(field.value);
	case Encoder::Form::Int4:
		return DatumGetInt32(field.value);
	default:
		return DatumGetInt64(field.value);
	}
}

// The key of the row that an image is of, of which another has what is newer.  False if a part of it is not known.
bool read_key(const ImportedTable &table, const Image &image, const Image *newer, std::int64_t &number,
              Jsonb *&object) {
	auto *const members = static_cast<Member *>(palloc(sizeof(Member) * (table.keys + 1)));
	std::size_t count = 0;
	for (std::size_t i = 0; i < table.count; ++i) {
		const ImportedColumn &column = table.columns[i];
		if (!column.is_key) {
			continue;
		}
		const Field *field = newer == nullptr ? nullptr : find_field(*newer, column.name);
		field = field == nullptr ? find_field(image, column.name) : field;
		if (field == nullptr || is_null(*field) || !field->is_typed) {
			return false;
		}
		members[count++] = {column.name, field->item};
		number = table.has_number_key ? number_of(*field) : 0;
	}
	object = json_of(members, count);
	if (!table.has_number_key) {
		number = hash_of(object);
	}
	return count > 0;
}

bool has_key_column(const Image &image) {
	for (std::size_t i = 0; i < image.count; ++i) {
		if (image.fields[i].column != nullptr && image.fields[i].column->is_key) {
			return true;
		}
	}
	return false;
}

void convert_update(ImportedTable &table, ImportedRow &event, const Image &before, const Image &after) {
	const Image changed = difference(before, after);
	event.is_change = changed.count > 0;
	event.has_key = read_key(table, before, nullptr, event.key_number, event.old_key);
	if (event.has_key && has_key_column(changed)) {
		event.leaves = read_key(table, before, &changed, event.next_number, event.next_key);
		event.has_key = event.leaves;
		event.flags = event.leaves ? flag::key_changed : std::int16_t{0};
	}
	// Of a row without a key, the whole one is what it is known by.
	event.before = json_from(before, event.has_key ? &changed : nullptr);
	event.after = json_from(changed, nullptr);
}

Image image_if(ImportedTable &table, Datum datum, bool is_careful) {
	if (datum == 0) {
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row of the log has no image"));
	}
	return read_image(table, datum, is_careful);
}

} // namespace

void learn_type(ImportedColumn &column, Oid type) {
	column.is_typed = true;
	column.encoder = encoder_for(type);
	column.decoder = decoder_for(type, -1);
}

PeerRow read_peer_row(HeapTuple tuple, TupleDesc description) {
	Datum values[11];
	bool nulls[11];
	heap_deform_tuple(tuple, description, values, nulls);
	const auto string = [&](int n) { return nulls[n] ? nullptr : TextDatumGetCString(values[n]); };
	const auto json = [&](int n) { return nulls[n] ? Datum{0} : PointerGetDatum(DatumGetJsonbPCopy(values[n])); };
	const char *const operation = string(1);
	return {.id = DatumGetInt64(values[0]),
	        .operation = operation == nullptr ? '\0' : operation[0],
	        .is_statement = !nulls[2] && DatumGetBool(values[2]),
	        .at = nulls[3] ? DT_NOEND : DatumGetTimestampTz(values[3]),
	        .began = nulls[4] ? DT_NOBEGIN : DatumGetTimestampTz(values[4]),
	        .before = json(5),
	        .after = json(6),
	        .role = string(7),
	        .application = string(8),
	        .client = string(9),
	        .context = json(10)};
}

ImportedRow convert(ImportedTable &table, const PeerRow &row, bool is_careful) {
	ImportedRow event{};
	event.is_change = true;
	event.form = Form::Typed;
	bool is_untyped = false;
	bool is_cut = false;
	const auto note = [&](const Image &image) {
		is_untyped = is_untyped || image.is_untyped;
		is_cut = is_cut || image.is_cut;
	};
	if (row.operation == 'U') {
		const Image before = image_if(table, row.before, is_careful);
		const Image after = image_if(table, row.after, is_careful);
		note(before);
		note(after);
		convert_update(table, event, before, after);
	} else if (row.operation != 'T') {
		const bool is_insert = row.operation == 'I';
		const Image image = image_if(table, is_insert && !table.has_changes ? row.after : row.before, is_careful);
		note(image);
		(is_insert ? event.after : event.before) = json_from(image, nullptr);
		event.has_key = read_key(table, image, nullptr, event.key_number, event.old_key);
	}
	event.key = event.has_key && !table.has_number_key ? event.old_key : nullptr;
	event.flags = static_cast<std::int16_t>(event.flags | (is_cut ? flag::cut : 0));
	if (row.operation != 'T') {
		event.form = !event.has_key && table.keys > 0 ? Form::Keyless : is_untyped ? Form::Untyped : Form::Typed;
	}
	return event;
}

} // namespace warden::audit
