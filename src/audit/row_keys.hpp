// row_keys.hpp - The key of a row, as the log has it.
//
// The invariant: a key is found under whatever names its columns have had, in the very form that capture wrote it in
// under each version of the table.
#pragma once

#include "audit/readable.hpp"

#include "pg/datum.hpp"

#include <string>

namespace warden::audit {

/// A key in the log: of these versions of a relation.
struct RowKey {
	std::int32_t relation;
	std::int64_t number;
	std::optional<pg::Json> key; ///< none if the number says it all; in the memory context that was current
	std::string versions;        ///< an array, as text
};

/// The forms that a key has in the log.  Its columns go by the names that they have today or had once.  Error 22023 if
/// it is not the key of the table, or of a user that may not read these columns 42501, 0A000 for a table without key.
std::vector<RowKey> row_keys(const Readable &table, pg::Json key);

} // namespace warden::audit
