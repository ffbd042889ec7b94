// horizon.hpp - Who keeps dead rows of a relation from being removed.
#pragma once

#include "bloat/facts.hpp"

#include "pg/server.hpp"

namespace warden::bloat {

/// The one who does so most, at this moment.  Of a relation that is shared by all databases, of a catalog, or of a
/// table of this database.
std::optional<Holder> find_holder(bool is_shared, bool is_catalog);

} // namespace warden::bloat
