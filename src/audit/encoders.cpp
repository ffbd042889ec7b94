#include "audit/encoders.hpp"

#include "audit/number_layout.hpp"
#include "audit/time_layout.hpp"

#include <cmath>

extern "C" {
#include "access/detoast.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
}

namespace warden::audit {

// All of this is server code.

int most_kilobytes = 1024;

namespace {

constexpr std::size_t head_bytes = 256;
constexpr std::size_t most_elements = most_json_bytes / sizeof(Item);

struct Setting {
	const char *name;
	const char *value;
};

// What the output functions of the server's own types ask for.
constexpr Setting pinned[] = {
	{"datestyle", "ISO, MDY"}, {"intervalstyle", "postgres"}, {"extra_float_digits", "1"},
	{"bytea_output", "hex"},   {"timezone", "UTC"},           {"lc_monetary", "C"},
	{"xmlbinary", "base64"},   {"search_path", "pg_catalog"}, {"quote_all_identifiers", "off"}};

void pin_settings(Writing &writing) {
	if (writing.settings_level == 0) {
		writing.settings_level = NewGUCNestLevel();
		pin_value_settings();
	}
}

// Types whose output depends on no setting.
bool has_plain_output(Oid type) {
	switch (type) {
	case OIDOID:
	case XIDOID:
	case XID8OID:
	case CIDOID:
	case TIDOID:
	case NAMEOID:
	case CHAROID:
	case UUIDOID:
	case INETOID:
	case CIDROID:
	case MACADDROID:
	case MACADDR8OID:
	case BITOID:
	case VARBITOID:
	case PG_LSNOID:
	case TSVECTOROID:
	case TSQUERYOID:
	case JSONPATHOID:
		return true;
	default:
		return type_is_enum(type);
	}
}

Encoder::Form form_of(Oid type) {
	switch (type) {
	case BOOLOID:
		return Encoder::Form::Boolean;
	case INT2OID:
		return Encoder::Form::Int2;
	case INT4OID:
		return Encoder::Form::Int4;
	case INT8OID:
		return Encoder::Form::Int8;
	case FLOAT4OID:
		return Encoder::Form::Float4;
	case FLOAT8OID:
		return Encoder::Form::Float8;
	case NUMERICOID:
		return Encoder::Form::Numeric;
	case TEXTOID:
	case VARCHAROID:
	case BPCHAROID:
	case JSONOID:
	case XMLOID: // its output function leaves out the declaration
		return Encoder::Form::Text;
	case BYTEAOID:
		return Encoder::Form::Bytes;
	case DATEOID:
	case TIMEOID:
	case TIMETZOID:
	case TIMESTAMPOID:
	case TIMESTAMPTZOID:
		return Encoder::Form::Time;
	case JSONBOID:
		return Encoder::Form::Jsonb;
	default:
		return OidIsValid(get_element_type(type)) ? Encoder::Form::Array : Encoder::Form::Output;
	}
}

Item number_item(Numeric number) {
	return {Item::Kind::Number, {reinterpret_cast<const char *>(number), VARSIZE(number)}};
}

Item integer_item(std::int64_t value) {
	auto *const number = static_cast<Number *>(palloc(sizeof(Number)));
	*number = number_of(value);
	return {Item::Kind::Number, number->view()};
}

// Without the digits that only float8's own text has, like those of 1e300, a numeric holds what a shortest text says.
Item float_item(const char *text, bool is_plain) {
	if (!is_plain) {
		return string_item(text);
	}
	const Datum number =
		DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	return number_item(DatumGetNumeric(number));
}

// JSON has no -0 that is told apart from 0, no infinity and no NaN.
bool is_plain(double value) {
	return std::isfinite(value) && !(value == 0 && std::signbit(value));
}

Item float8_item(double value) {
	char *const text = static_cast<char *>(palloc(DOUBLE_SHORTEST_DECIMAL_LEN));
	double_to_shortest_decimal_buf(value, text);
	return float_item(text, is_plain(value));
}

Item float4_item(float value) {
	char *const text = static_cast<char *>(palloc(FLOAT_SHORTEST_DECIMAL_LEN));
	float_to_shortest_decimal_buf(value, text);
	return float_item(text, is_plain(value));
}

Item numeric_item(Numeric number) {
	if (numeric_is_nan(number) || numeric_is_inf(number)) {
		return string_item(DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number))));
	}
	return number_item(number);
}

Item text_item(Datum value) {
	const text *const data = DatumGetTextPP(value);
	return {Item::Kind::String, {VARDATA_ANY(data), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(data))}};
}

Item bytes_item(Datum value) {
	const bytea *const data = DatumGetByteaPP(value);
	const auto size = static_cast<std::size_t>(VARSIZE_ANY_EXHDR(data));
	char *const text = static_cast<char *>(palloc(2 + 2 * size));
	text[0] = '\\';
	text[1] = 'x';
	hex_encode(VARDATA_ANY(data), size, text + 2);
	return {Item::Kind::String, {text, 2 + 2 * size}};
}

// How many bytes were written; 0 of what is infinite, before the year 1 or after 9999, or another type.
std::size_t write_time(char *out, Datum value, Oid type) {
	switch (type) {
	case DATEOID:
		return write_date(out, DatumGetDateADT(value));
	case TIMESTAMPOID:
	case TIMESTAMPTZOID:
		return write_timestamp(out, DatumGetTimestamp(value), type == TIMESTAMPTZOID);
	default:
		return 0;
	}
}

Item time_item(Datum value, Oid type) {
	static_assert(most_time_text <= MAXDATELEN);
	const int utc = 0;
	char *const text = static_cast<char *>(palloc(MAXDATELEN + 1));
	if (const std::size_t size = write_time(text, value, type); size > 0) {
		return {Item::Kind::String, {text, size}};
	}
	JsonEncodeDateTime(text, value, type, type == TIMESTAMPTZOID ? &utc : nullptr);
	return string_item(text);
}

Item scalar_item(const JsonbValue &value) {
	switch (value.type) {
	case jbvString:
		return {Item::Kind::String, {value.val.string.val, static_cast<std::size_t>(value.val.string.len)}};
	case jbvNumeric:
		return number_item(value.val.numeric);
	case jbvBool:
		return {value.val.boolean ? Item::Kind::True : Item::Kind::False, {}};
	default:
		return {};
	}
}

Item escaped(const Item &item) {
	const Member member{"$json", item};
	return object_item(&member, 1);
}

// An object that looks like one of ours.
bool looks_escaped(JsonbContainer *container) {
	if (!JsonContainerIsObject(container) || JsonContainerSize(container) != 1) {
		return false;
	}
	JsonbValue found;
	return getKeyJsonValueFromContainer(container, "$json", 5, &found) != nullptr ||
	       getKeyJsonValueFromContainer(container, "$big", 4, &found) != nullptr;
}

Item jsonb_item(Datum value) {
	Jsonb *const jsonb = DatumGetJsonbP(value);
	JsonbValue scalar;
	if (JB_ROOT_IS_SCALAR(jsonb) && JsonbExtractScalar(&jsonb->root, &scalar)) {
		const Item item = scalar_item(scalar);
		return item.kind == Item::Kind::Null ? escaped(item) : item;
	}
	const Item item{Item::Kind::Container, {reinterpret_cast<const char *>(&jsonb->root), VARSIZE(jsonb) - VARHDRSZ}};
	return looks_escaped(&jsonb->root) ? escaped(item) : item;
}

Item big_item(const Encoder &encoder, Datum value, Writing &writing);

// A function or an operator by its name, which is all that its type writes; by its number if several have that name.
const char *unique_name(const Encoder &encoder, const char *name) {
	if (encoder.type != REGPROCOID && encoder.type != REGOPEROID) {
		return name;
	}
	LOCAL_FCINFO(find, 1);
	InitFunctionCallInfoData(*find, nullptr, 1, InvalidOid, nullptr, nullptr);
	find->args[0].value = CStringGetTextDatum(name);
	find->args[0].isnull = false;
	encoder.type == REGPROCOID ? to_regproc(find) : to_regoper(find);
	return find->isnull ? nullptr : name;
}

Item output_item(const Encoder &encoder, Datum value, Writing &writing) {
	if (encoder.is_pinned) {
		pin_settings(writing);
	}
	FmgrInfo output = encoder.output;
	output.fn_mcxt = CurrentMemoryContext; // what it keeps between calls goes with this one, not with the plan
	const char *const text = unique_name(encoder, OutputFunctionCall(&output, value));
	return string_item(text != nullptr ? text : psprintf("%u", DatumGetObjectId(value)));
}

Item array_item(const Encoder &encoder, Datum value, Writing &writing) {
	ArrayType *const array = DatumGetArrayTypeP(value);
	if (ARR_NDIM(array) > 1 || (ARR_NDIM(array) == 1 && ARR_LBOUND(array)[0] != 1)) {
		return output_item(encoder, PointerGetDatum(array), writing);
	}
	// Of small elements an array has room for more than JSON has.
	if (static_cast<std::size_t>(ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array))) > most_elements) {
		return big_item(encoder, PointerGetDatum(array), writing);
	}
	Datum *values = nullptr;
	bool *nulls = nullptr;
	int count = 0;
	deconstruct_array(array, ARR_ELEMTYPE(array), encoder.element->length, encoder.element->by_value,
	                  encoder.element->alignment, &values, &nulls, &count);
	const auto size = static_cast<std::size_t>(count);
	auto *const items = static_cast<Item *>(palloc(sizeof(Item) * (size + 1)));
	for (std::size_t i = 0; i < size; ++i) {
		items[i] = nulls[i] ? Item{} : encode(*encoder.element, values[i], writing);
	}
	if (room_for_array(items, size) > most_json_bytes) {
		return big_item(encoder, PointerGetDatum(array), writing);
	}
	char *const out = static_cast<char *>(palloc(room_for_array(items, size)));
	return {Item::Kind::Container, {out, write_array(out, items, size)}};
}

Item digest_item(const char *data, std::size_t size) {
	std::uint8_t digest[PG_SHA256_DIGEST_LENGTH];
	pg_cryptohash_ctx *const context = pg_cryptohash_create(PG_SHA256);
	if (pg_cryptohash_init(context) < 0 ||
	    pg_cryptohash_update(context, reinterpret_cast<const std::uint8_t *>(data), size) < 0 ||
	    pg_cryptohash_final(context, digest, sizeof digest) < 0) {
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(context));
	}
	pg_cryptohash_free(context);
	char *const text = static_cast<char *>(palloc(2 * sizeof digest));
	hex_encode(reinterpret_cast<const char *>(digest), sizeof digest, text);
	return {Item::Kind::String, {text, 2 * sizeof digest}};
}

// Of a value that is too long, what can be told of it.
Item big_item(const Encoder &encoder, Datum value, Writing &writing) {
	writing.is_cut = true;
	struct varlena *const data = PG_DETOAST_DATUM_PACKED(value);
	const auto size = static_cast<std::size_t>(VARSIZE_ANY_EXHDR(data));
	const bool is_text = encoder.form == Encoder::Form::Text;
	const int head = is_text ? pg_mbcliplen(VARDATA_ANY(data), static_cast<int>(size), head_bytes) : 0;
	const Member parts[] = {{"head", {Item::Kind::String, {VARDATA_ANY(data), static_cast<std::size_t>(head)}}},
	                        {"bytes", integer_item(static_cast<std::int64_t>(size))},
	                        {"sha256", digest_item(VARDATA_ANY(data), size)}};
	const std::size_t without_head = is_text ? 0 : 1;
	const Member member{"$big", object_item(parts + without_head, 3 - without_head)};
	return object_item(&member, 1);
}

// Before it is read: what is stored out of line says how long it is.
bool is_big(const Encoder &encoder, Datum value, const Writing &writing) {
	return encoder.length == -1 && toast_raw_datum_size(value) > writing.most;
}

} // namespace

void pin_setting(const char *name, const char *value) {
	if (strcmp(GetConfigOption(name, false, false), value) != 0) {
		set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
}

void pin_value_settings() {
	for (const Setting &setting : pinned) {
		pin_setting(setting.name, setting.value);
	}
}

Item string_item(const char *text) {
	return {Item::Kind::String, text};
}

Item object_item(const Member *members, std::size_t count) {
	char *const out = static_cast<char *>(palloc(room_for_object(members, count)));
	return {Item::Kind::Container, {out, write_object(out, members, count)}};
}

bool is_whole_number(const Encoder &encoder) {
	return !encoder.is_domain && (encoder.form == Encoder::Form::Int2 || encoder.form == Encoder::Form::Int4 ||
	                              encoder.form == Encoder::Form::Int8);
}

Encoder encoder_for(Oid type) {
	Encoder encoder{};
	encoder.type = getBaseType(type);
	encoder.is_domain = encoder.type != type;
	encoder.form = form_of(encoder.type);
	encoder.is_pinned = !has_plain_output(encoder.type);
	get_typlenbyvalalign(encoder.type, &encoder.length, &encoder.by_value, &encoder.alignment);
	Oid output = InvalidOid;
	bool is_varlena = false;
	getTypeOutputInfo(encoder.type, &output, &is_varlena);
	fmgr_info_cxt(output, &encoder.output, CurrentMemoryContext);
	if (encoder.form == Encoder::Form::Array) {
		auto *const element = static_cast<Encoder *>(palloc(sizeof(Encoder)));
		*element = encoder_for(get_element_type(encoder.type));
		encoder.element = element;
		// Of an array in an array, if there is one by way of a domain.
		encoder.form = element->form == Encoder::Form::Array ? Encoder::Form::Output : encoder.form;
	}
	return encoder;
}

// The common cases first: it is asked for every column of every row.
bool are_identical(Datum one, Datum other, bool by_value, int length) {
	if (by_value) {
		return one == other;
	}
	if (length == -1) {
		const auto *const a = reinterpret_cast<const struct varlena *>(DatumGetPointer(one));
		const auto *const b = reinterpret_cast<const struct varlena *>(DatumGetPointer(other));
		if (VARATT_IS_EXTERNAL_ONDISK(a) && VARATT_IS_EXTERNAL_ONDISK(b) &&
		    memcmp(VARDATA_EXTERNAL(a), VARDATA_EXTERNAL(b), sizeof(varatt_external)) == 0) {
			return true;
		}
		const auto is_short = [](const struct varlena *value) {
			return VARATT_IS_SHORT(value) && !VARATT_IS_EXTERNAL(value);
		};
		if (is_short(a) && is_short(b)) {
			return VARSIZE_SHORT(a) == VARSIZE_SHORT(b) && memcmp(a, b, VARSIZE_SHORT(a)) == 0;
		}
	}
	return datum_image_eq(one, other, by_value, length);
}

Writing begin_writing() {
	return {static_cast<std::size_t>(most_kilobytes) * 1024, false, 0};
}

Item encode(const Encoder &encoder, Datum value, Writing &writing) {
	if (is_big(encoder, value, writing)) {
		return big_item(encoder, value, writing);
	}
	switch (encoder.form) {
	case Encoder::Form::Boolean:
		return {DatumGetBool(value) ? Item::Kind::True : Item::Kind::False, {}};
	case Encoder::Form::Int2:
		return integer_item(DatumGetInt16(value));
	case Encoder::Form::Int4:
		return integer_item(DatumGetInt32(value));
	case Encoder::Form::Int8:
		return integer_item(DatumGetInt64(value));
	case Encoder::Form::Float4:
		return float4_item(DatumGetFloat4(value));
	case Encoder::Form::Float8:
		return float8_item(DatumGetFloat8(value));
	case Encoder::Form::Numeric:
		return numeric_item(DatumGetNumeric(value));
	case Encoder::Form::Text:
		return text_item(value);
	case Encoder::Form::Bytes:
		return bytes_item(value);
	case Encoder::Form::Time:
		return time_item(value, encoder.type);
	case Encoder::Form::Jsonb:
		return jsonb_item(value);
	case Encoder::Form::Array:
		return array_item(encoder, value, writing);
	case Encoder::Form::Output:
		break;
	}
	return output_item(encoder, value, writing);
}

void end_writing(Writing &writing) {
	if (writing.settings_level != 0) {
		AtEOXact_GUC(false, writing.settings_level);
		writing.settings_level = 0;
	}
}

} // namespace warden::audit
