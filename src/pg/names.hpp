// names.hpp - Names of relations, and text, the way SQL reads them.
#pragma once

#include "pg/call.hpp"

#include <string_view>

namespace warden::pg {

/// The name of a relation with its schema, quoted where needed.  Error 42P01 if there is none.
std::string qualified_name(Oid relation);

/// schema.name, quoted where needed.
std::string qualified_name(const std::string &schema, const std::string &name);

/// Text as a string constant.
std::string quoted_literal(const std::string &text);

bool relation_exists(Oid relation);

} // namespace warden::pg
