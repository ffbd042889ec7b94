// decoders.hpp - Values of the log as values of a type again.
//
// All of this is server code.  The invariant: what encode() wrote of a value of a type is read back as that very value,
// but of what was too long for the log.  A value of another type is read as the text that it has; what that type's
// input function says of it is raised.
#pragma once

#include "audit/encoders.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace warden::audit {

/// How to read values of one type.  A domain is read as what it is made of: what it demands today was not demanded of
/// what was there before.
struct Decoder {
	Encoder::Form form;
	Oid type; ///< not a domain
	std::int32_t modifier;
	Oid parameter; ///< for the input function
	FmgrInfo input;
	std::int16_t length;
	bool by_value;
	char alignment;
	const Decoder *element; ///< of an array
};

/// The decoder of a type, in the current memory context.
Decoder decoder_for(Oid type, std::int32_t modifier);

enum class Decoded : std::uint8_t {
	Value,
	Null,
	Lost ///< it was too long for the log
};

/// Pins the settings of pin_value_settings(), and those that input functions ask for.
void pin_reading_settings();

/// Reads a value, into the current memory context, under the settings of pin_reading_settings().
Decoded decode(const Decoder &decoder, const JsonbValue &value, Datum &out);

/// The member of an object; false if there is none.
bool find_member(const Jsonb *object, std::string_view name, JsonbValue &value);

} // namespace warden::audit
