// collation.hpp - The order of text.
#pragma once

#include "pg/server.hpp"

namespace warden::pg {

/// Whether a collation orders text by its bytes, as C and POSIX do.  Server code.
bool sorts_by_bytes(Oid collation);

} // namespace warden::pg
