#include "audit/decoders.hpp"

extern "C" {
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
}

namespace warden::audit {

// All of this is server code.

namespace {

bool is_object(const JsonbValue &value) {
	return value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data);
}

/// The only member of an object, if it has that name.
bool find_only(const JsonbValue &value, const char *name, JsonbValue &member) {
	return is_object(value) && JsonContainerSize(value.val.binary.data) == 1 &&
	       getKeyJsonValueFromContainer(value.val.binary.data, name, static_cast<int>(strlen(name)), &member) !=
	           nullptr;
}

char *text_of(const JsonbValue &value) {
	switch (value.type) {
	case jbvString:
		return pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
	case jbvNumeric:
		return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
	case jbvBool:
		return pstrdup(value.val.boolean ? "true" : "false");
	case jbvBinary:
		return JsonbToCString(nullptr, value.val.binary.data, value.val.binary.len);
	default:
		return pstrdup("null");
	}
}

Datum from_text(const Decoder &decoder, const JsonbValue &value) {
	FmgrInfo input = decoder.input;
	input.fn_mcxt = CurrentMemoryContext; // what it keeps between calls goes with this one
	return InputFunctionCall(&input, text_of(value), decoder.parameter, decoder.modifier);
}

Datum from_number(const Decoder &decoder, const JsonbValue &value) {
	const Datum number = NumericGetDatum(value.val.numeric);
	const bool is_whole = DatumGetBool(
		DirectFunctionCall2(numeric_eq, number, DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0))));
	if (!is_whole && decoder.form != Encoder::Form::Numeric) {
		return from_text(decoder, value); // which raises it, where others would round
	}
	switch (decoder.form) {
	case Encoder::Form::Int2:
		return DirectFunctionCall1(numeric_int2, number);
	case Encoder::Form::Int4:
		return DirectFunctionCall1(numeric_int4, number);
	case Encoder::Form::Int8:
		return DirectFunctionCall1(numeric_int8, number);
	case Encoder::Form::Numeric:
		return DirectFunctionCall2(numeric, number, Int32GetDatum(decoder.modifier));
	default:
		return from_text(decoder, value);
	}
}

// An array of an array's elements; false if one of them is lost.
bool read_array(const Decoder &decoder, const JsonbValue &value, Datum &out) {
	JsonbContainer *const container = value.val.binary.data;
	const auto count = static_cast<std::uint32_t>(JsonContainerSize(container));
	auto *const values = static_cast<Datum *>(palloc0(sizeof(Datum) * (count + 1)));
	auto *const nulls = static_cast<bool *>(palloc0(sizeof(bool) * (count + 1)));
	for (std::uint32_t i = 0; i < count; ++i) {
		const JsonbValue *const element = getIthJsonbValueFromContainer(container, i);
		const Decoded decoded = decode(*decoder.element, *element, values[i]);
		if (decoded == Decoded::Lost) {
			return false;
		}
		nulls[i] = decoded == Decoded::Null;
	}
	if (count == 0) {
		out = PointerGetDatum(construct_empty_array(get_element_type(decoder.type)));
		return true;
	}
	int size = static_cast<int>(count);
	int lower = 1;
	out = PointerGetDatum(construct_md_array(values, nulls, 1, &size, &lower, get_element_type(decoder.type),
	                                         decoder.element->length, decoder.element->by_value,
	                                         decoder.element->alignment));
	return true;
}

} // namespace

Decoder decoder_for(Oid type, std::int32_t modifier) {
	Decoder decoder{};
	decoder.modifier = modifier;
	decoder.type = getBaseTypeAndTypmod(type, &decoder.modifier);
	const Encoder encoder = encoder_for(decoder.type);
	decoder.form = encoder.form;
	decoder.length = encoder.length;
	decoder.by_value = encoder.by_value;
	decoder.alignment = encoder.alignment;
	Oid input = InvalidOid;
	getTypeInputInfo(decoder.type, &input, &decoder.parameter);
	fmgr_info_cxt(input, &decoder.input, CurrentMemoryContext);
	if (decoder.form == Encoder::Form::Array) {
		auto *const element = static_cast<Decoder *>(palloc(sizeof(Decoder)));
		*element = decoder_for(get_element_type(decoder.type), decoder.modifier);
		decoder.element = element;
	}
	return decoder;
}

void pin_reading_settings() {
	pin_value_settings();
	pin_setting("xmloption", "content");
	pin_setting("array_nulls", "on");
}

Decoded decode(const Decoder &decoder, const JsonbValue &given, Datum &out) {
	JsonbValue value = given;
	if (value.type == jbvNull) {
		return Decoded::Null;
	}
	if (find_only(given, "$big", value)) {
		return Decoded::Lost;
	}
	find_only(given, "$json", value);
	switch (decoder.form) {
	case Encoder::Form::Jsonb:
		out = PointerGetDatum(JsonbValueToJsonb(&value));
		return Decoded::Value;
	case Encoder::Form::Boolean:
		out = value.type == jbvBool ? BoolGetDatum(value.val.boolean) : from_text(decoder, value);
		return Decoded::Value;
	case Encoder::Form::Array:
		if (value.type == jbvBinary && JsonContainerIsArray(value.val.binary.data)) {
			return read_array(decoder, value, out) ? Decoded::Value : Decoded::Lost;
		}
		break;
	default:
		if (value.type == jbvNumeric) {
			out = from_number(decoder, value);
			return Decoded::Value;
		}
	}
	out = from_text(decoder, value);
	return Decoded::Value;
}

bool find_member(const Jsonb *object, std::string_view name, JsonbValue &value) {
	return getKeyJsonValueFromContainer(const_cast<JsonbContainer *>(&object->root), name.data(),
	                                    static_cast<int>(name.size()), &value) != nullptr;
}

} // namespace warden::audit
