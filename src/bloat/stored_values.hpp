// stored_values.hpp - Whether the values of a row, or of an entry, are where its columns say.
//
// Server code.  The server believes what a value says of its own length, and reads on where it would end.  On a damaged
// page that may be anywhere, also where there is no memory; so who takes apart what nobody has asked for asks first.
#pragma once

#include "pg/server.hpp"

#include <cstdint>

extern "C" {
#include "access/htup_details.h"
#include "access/itup.h"
}

namespace warden::bloat {

/// Also, that its header does not say that its values begin outside of it.
bool has_sound_header(HeapTupleHeader tuple, std::uint32_t length);

/// Of one with such a header.
bool has_sound_values(HeapTupleHeader tuple, std::uint32_t length, TupleDesc columns);

/// Of an entry whose values end there.
bool has_sound_values(IndexTuple entry, std::uint32_t end, TupleDesc columns);

} // namespace warden::bloat
