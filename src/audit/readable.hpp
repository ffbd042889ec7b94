// readable.hpp - What the current user may read of what was logged of a table.
//
// The invariant: nobody reads in the log what he could not read in the table; where policies hide rows of it from him,
// he reads nothing.  A table that is gone is read by who may read everything.
#pragma once

#include "pg/server.hpp"

#include <cstdint>
#include <vector>

namespace warden::audit {

struct Readable {
	Oid table;                           ///< the table that is audited: the root, if a partition was named
	Oid reader;                          ///< the current user
	bool is_whole;                       ///< he may read all audited columns
	bool has_all;                        ///< and what was there before as well, as the table itself is his to read
	std::vector<std::int32_t> relations; ///< in audit_relations: one for each time that its audit began
};

/// Error 42704 if the table is not audited and never was, 42501 if he may not read any column of it.
Readable readable(Oid table);

/// Error 42501 for who may read it only in part.
void check_whole(const Readable &table);

} // namespace warden::audit
