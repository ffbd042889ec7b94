// version.hpp - The columns that an audited relation has had: each event names the version that it was written under;
// and what has changed in its definition.
//
// The invariants: the newest version is the one that holds now; and nobody waits for anybody else's: two sessions may
// write the same one twice.
#pragma once

#include "pg/server.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace warden::audit {

struct Version {
	std::int32_t id; ///< in audit_versions
	bool is_new;     ///< it was written in this transaction, and may be rolled back
};

/// The version of the columns that a relation has now.  Writes it if there is none, and as what
/// command's change: normally audit_enable() or the event trigger of the DDL has done that.
Version current_version(std::int32_t relation, Oid table, const std::string &command);

/// The version that has all columns that a relation has now, while a command drops others.
std::int32_t covering_version(std::int32_t relation, Oid table);

/// What is written in audit_changes; versions are 0 where there are no columns.
struct Change {
	std::int32_t relation;
	std::string command;
	std::optional<std::string> old_name;
	std::optional<std::string> new_name;
	std::int32_t before;
	std::int32_t after;
	std::optional<std::string> gaps;
};
void write_change(const Change &change);

/// The version that was written last, or 0.
std::int32_t latest_version(std::int32_t relation);

/// What keeps changes of a relation from being logged, for people; and what audit_changes has as that.
std::optional<std::string> gaps_of(std::int32_t relation, Oid table);
std::optional<std::string> known_gaps(std::int32_t relation);

} // namespace warden::audit
