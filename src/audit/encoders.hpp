// encoders.hpp - Values as members of jsonb, in a form that depends on their type alone.
//
// All of this is server code.  The invariant: what is written for a value does not depend on a session's settings, can
// be read back as the same value, and never fails for its size; but a value of more than so many bytes is cut to its
// length, its digest and its beginning.
#pragma once

#include "audit/json_layout.hpp"
#include "pg/server.hpp"

namespace warden::audit {

/// How the values of one type are written:
///
///     true and false, numbers: as JSON has them; what it has not, like NaN, as a string
///     date and time: a string by ISO 8601, an instant in UTC
///     jsonb: as it is, but what could be taken for something else: {"$json": null}
///     an array of one dimension from 1 on: an array
///     everything else: a string, as the type's output function writes it under settings that are pinned
///     too long: {"$big": {"bytes": 123456789, "sha256": "...", "head": "..."}}
struct Encoder {
	enum class Form : std::uint8_t {
		Boolean,
		Int2,
		Int4,
		Int8,
		Float4,
		Float8,
		Numeric,
		Text, ///< also what is text inside: json, xml
		Bytes,
		Time, ///< date, time, timestamp and their like
		Jsonb,
		Array,
		Output
	};

	Form form;
	bool is_pinned; ///< whether settings decide what its output function writes
	bool is_domain;
	Oid type; ///< the one below the domain
	std::int16_t length;
	bool by_value;
	char alignment;
	FmgrInfo output;
	const Encoder *element; ///< of an array
};

/// What is longer is cut: warden.audit_max_value, in kilobytes.
extern int most_kilobytes;

/// Whether a column that is the whole key is told by its number alone: as audit_versions has it, not one of a domain.
bool is_whole_number(const Encoder &encoder);

/// The encoder of a type, in the current memory context.
Encoder encoder_for(Oid type);

/// Whether two values have the same bytes.  What is stored out of line is not read when it is the same copy.
bool are_identical(Datum one, Datum other, bool by_value, int length);

/// Writes values, in the current memory context; under pinned settings from the first value on that needs them.
struct Writing {
	std::size_t most;   ///< bytes of a value that is not cut
	bool is_cut;        ///< whether one was
	int settings_level; ///< of the settings that are pinned, or 0
};
Writing begin_writing();
Item encode(const Encoder &encoder, Datum value, Writing &writing);
void end_writing(Writing &writing);

/// Pins the settings that the text of values depends on, until the current nesting level of settings ends.
void pin_value_settings();
void pin_setting(const char *name, const char *value);

/// A string, and an object, as a value of their own.
Item string_item(const char *text);
Item object_item(const Member *members, std::size_t count);

} // namespace warden::audit
