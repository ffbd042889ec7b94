// index_commands.hpp - What a user types to follow a verdict on an index, and what to know before.
//
// C++ code.  The invariant: each can be run as it is, in this order, and blocks no writes for long where that can be.
#pragma once

#include "advice/foreign_keys.hpp"

namespace warden::advice {

struct Commands {
	std::optional<std::string> text = {};
	std::optional<std::string> lock = {};
	std::optional<std::int64_t> bytes = {}; ///< of what it builds, as far as it is known
	std::vector<std::string> caveats = {};
};

Commands drop_commands(const IndexFacts &index);
std::vector<std::string> drop_caveats(const IndexFacts &index, bool is_covered);

Commands repair_commands(const IndexFacts &index, const std::vector<IndexFacts> &indexes, Repair repair);

/// Builds an index that a foreign key lacks.  Its size is estimated from a sample of the table, if it is asked for.
Commands create_commands(const ForeignKey &key, bool with_size);

} // namespace warden::advice
