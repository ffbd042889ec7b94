// index_command.hpp - The commands that build an index, and what to know before they are run.
//
// C++ code.  The invariant: every command can be run as it is, whatever the search path is, outside of a transaction;
// and the index it builds has the shape that was asked for.
#pragma once

#include "advice/known_indexes.hpp"

namespace warden::advice {

struct IndexCommand {
	std::string name;                      ///< of the index, without its schema
	std::string command;                   ///< one statement a line, each with its semicolon
	std::string undo;                      ///< that removes the index again, or what is left of it
	std::string lock;                      ///< the strongest on a table that is held for long
	double seconds = 0;                    ///< that it may take; roughly
	std::int64_t disk_bytes = 0;           ///< while it is built, with what is sorted
	std::vector<std::string> caveats = {}; ///< what to know before
};

/// The caller holds a lock on the table.  taken: names that are about to be given in the same schema.
IndexCommand command_for(const IndexShape &shape, const IndexSize &size, const std::vector<std::string> &taken = {});

/// The same with an estimate of its size.
IndexCommand command_for(const IndexShape &shape);

/// The definition, from USING on: what CREATE INDEX name ON table is followed by, of the table and of its partitions.
std::string definition_of(const IndexShape &shape);

} // namespace warden::advice
