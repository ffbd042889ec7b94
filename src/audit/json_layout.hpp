// json_layout.hpp - The bytes of jsonb, written where they will be, from values that are encoded already.
//
// Plain C++.  The server's own way to a jsonb builds a tree of values, sorts its keys and writes it out: three times
// the work, of which a table's keys need the sorting once.  The layout is that of the server's utils/jsonb.h, which
// pg_upgrade keeps stable.  The invariant: the bytes are those that the server itself would write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace warden::audit {

/// A value as a member of a jsonb object or an element of an array has it.
struct Item {
	enum class Kind : std::uint8_t { Null, False, True, String, Number, Container };

	Kind kind = Kind::Null;
	std::string_view bytes; ///< of a string; of a numeric with its four-byte header; of a container without a header
};

/// A key and its value.
struct Member {
	std::string_view key;
	Item value;
};

/// The order of keys in an object: the shorter first, then by their bytes.
bool comes_before(std::string_view key, std::string_view other);

/// The most bytes that the parts of a container may have together, and the most members or elements.
inline constexpr std::size_t most_json_bytes = 0x0FFFFFFF;
inline constexpr std::size_t most_json_items = 0x0FFFFFFF;

/// How much room an object or an array needs at most.
std::size_t room_for_object(const Member *members, std::size_t count);
std::size_t room_for_array(const Item *elements, std::size_t count);

/// Writes an object, whose members are in the order of their keys and have each key once, or an array, and returns how
/// many bytes it has.  `out` has room for it and is aligned to four bytes, as what a container begins with is.
std::size_t write_object(char *out, const Member *members, std::size_t count);
std::size_t write_array(char *out, const Item *elements, std::size_t count);

} // namespace warden::audit
