// context.hpp - What the application says of its transaction: audit_set_context().
//
// It is a setting, warden.audit_context, that ends with the transaction, so that behind a connection pooler nobody gets
// what another has said; and that nobody sets but this function, so that it is always JSON.
#pragma once

#include "pg/server.hpp"

#include <string>

namespace warden::audit {

/// Server code.  The JSON text of the context, or an empty string.
const char *current_context();

/// Adds a value, which is JSON, to the context of the transaction.
void add_to_context(const char *name, const std::string &value);

} // namespace warden::audit
