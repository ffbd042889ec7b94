// number_layout.hpp - The bytes of a numeric, written for the numbers that keys and columns mostly are.
//
// Plain C++.  The layout is that of the server's numeric.c, which pg_upgrade keeps stable.  The invariant: the bytes
// are those that the server itself would write.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace warden::audit {

/// A numeric in memory: a four-byte header, which says how long it is, and up to so many more that 64 bits need.
struct Number {
	alignas(4) std::array<char, 24> bytes;
	std::size_t size;

	std::string_view view() const { return {bytes.data(), size}; }
};

/// The numeric of an integer.
Number number_of(std::int64_t value);

} // namespace warden::audit
