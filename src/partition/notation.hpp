// notation.hpp - How a partition key writes its bounds: as a time, as a count of seconds, in a UUID or a ULID, as a
// number.
//
// Plain C++.  Whatever the notation, the planner works with moments; those of a number are the numbers themselves.  The
// invariant: a moment becomes the least key that belongs to it or to later ones, and a key the first moment that is not
// before it; so what is written and read again is the same, and ranges that do not overlap never do as keys.
#pragma once

#include "util/clock.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace warden::partition {

enum class Notation {
	Timestamptz,
	Timestamp,
	Date,
	UnixSeconds,
	UnixMilliseconds,
	UnixMicroseconds,
	UnixNanoseconds,
	UuidV7, ///< RFC 9562: the first 48 bits are milliseconds of the Unix epoch
	Ulid,   ///< text of 26 digits in Crockford's base 32, of which the first 10 are those milliseconds
	Number,
};

/// What key_format calls a notation; nullptr for those that go without saying.
const char *key_format(Notation notation);
std::optional<Notation> notation_of(std::string_view key_format);

/// Whether moments are instants, and not what a clock on the wall shows, or numbers.
bool has_instants(Notation notation);
bool is_unix_time(Notation notation);

/// The least difference of two keys, as of moments; 1 where a key is finer than that.
Moment resolution_of(Notation notation);

/// What can be written: bounds beyond are MINVALUE and MAXVALUE.
struct Domain {
	Moment first;
	Moment last;
};

/// That of an integer type, for counts and numbers; of the other notations, whose own limits hold, type is not looked
/// at.
enum class Integer { Two, Four, Eight };
Domain domain_of(Notation notation, Integer type);

/// A moment the way SQL reads it in any DateStyle: '2026-11-21 13:00:00+01', without the offset for keys that have no
/// zone, and the day alone for dates; '1795262400'; '019aa6f4-c800-0000-0000-000000000000'; '01KAKF9J00'.  The moment
/// is finite.
std::string literal(Moment moment, Notation notation, const Zone &zone);

/// The moment of a key that is an integer, also for numbers.
Moment moment_of(std::int64_t key, Notation notation);

/// Of a UUID: later by a millisecond if more than its first 48 bits are set.
Moment moment_of(const std::array<std::uint8_t, 16> &uuid);

/// Of any text in the order of bytes.  Infinite if it is after all ULIDs.
Moment moment_of_ulid(std::string_view text);

} // namespace warden::partition
