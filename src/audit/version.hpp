// version.hpp - The columns that an audited relation has had: each event names the version that it was written under.
//
// The invariant: nobody waits for anybody else's version.  Two sessions may write the same one twice.
#pragma once

#include "pg/server.hpp"

#include <cstdint>

namespace warden::audit {

struct Version {
	std::int32_t id; ///< in audit_versions
	bool is_new;     ///< it was written just now, and may be rolled back
};

/// The version of the columns that a relation has now.  Writes it if there is none: normally audit_enable() or the
/// event trigger of the DDL has done that.
Version current_version(std::int32_t relation, Oid table);

} // namespace warden::audit
