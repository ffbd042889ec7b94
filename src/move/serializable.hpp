// serializable.hpp - What SERIALIZABLE transactions have read.
//
// The server keeps it by where it was (SIREAD locks of a table, its pages and rows, and of its indexes), until no
// transaction is open that overlaps with the reader.  After a swap rows are elsewhere: who writes to one then would not
// be seen to be in conflict with who has read it before.  The other way about nothing is lost: copies have the
// transaction ids of their originals.
#pragma once

#include "pg/server.hpp"

#include <vector>

namespace warden::move {

/// Whether what another process has read of these tables, which are locked, may still matter to somebody.
bool is_read_serializably(const std::vector<Oid> &tables);

} // namespace warden::move
