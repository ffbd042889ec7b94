// enrolment.hpp - Schemas that are audited: tables that are new in them are audited by themselves.
#pragma once

#include "pg/server.hpp"

#include <vector>

namespace warden::audit {

struct NewTable {
	Oid oid;
	bool has_rows; ///< that were there before any trigger: CREATE TABLE AS
};

/// In an event trigger: the tables that the command has made in such a schema, moved there, or detached there.
std::vector<NewTable> new_tables();

/// Before a table becomes a partition: if both are audited, and it as its schema's tables are, that ends, as it is
/// logged with its root from then on.  Both have the trigger otherwise, which the server refuses.
void make_way(Oid parent, Oid table);

/// Audits a table as its schema's tables are.
void enrol(Oid table);

/// Logs what rows it has as inserted.
void log_rows(Oid table);

} // namespace warden::audit
