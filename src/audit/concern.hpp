// concern.hpp - Whether a DDL command concerns the audit at all: nearly all do not, and are not to pay for it.
//
// The invariants: no query is run to find out, and nobody is waited for: a DROP EXTENSION in another session is none of
// a command's business.  What is said to concern nobody concerns nobody; the contrary is looked at again by who
// follows.
//
// All of this is server code, for event triggers.
#pragma once

#include "pg/server.hpp"

#include <cstdint>

namespace warden::audit {

enum class Concern : std::uint8_t {
	None,
	Some,
	Blocked ///< an audited table was changed, but somebody is dropping the extension
};

/// At the end of a command; when it has dropped something; and before it writes a table anew.
Concern concern_of_command();
Concern concern_of_drop();
Concern concern_of_rewrite();

/// What a command that has not begun is to attach, and to what, if both are audited and the current user's.
struct Attachment {
	Oid parent = InvalidOid;
	Oid table = InvalidOid;
};

Attachment attachment_of(const Node *command);

/// The audited table of the current user's of which a command that has not begun is to rename or drop columns.
Oid table_of_columns(const Node *command);

/// Whether a command that has not begun may change columns of tables that it does not name, and anything is audited.
bool may_reach_far(const Node *command);

} // namespace warden::audit
