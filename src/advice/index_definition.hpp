// index_definition.hpp - A CREATE INDEX command, taken for what it would make.
#pragma once

#include "advice/index_shape.hpp"

namespace warden::advice {

struct IndexDefinition {
	IndexShape shape = {};
	std::string name = {}; ///< that the command gives it or that the server would; not qualified, not quoted
};

/// C++ code.  Names are looked up as the server would for the current user, who needs SELECT on the table, and the
/// rights of its owner for an expression or a predicate, because that is evaluated as the owner.  Whether it is to be
/// unique does not matter.  Keeps no lock.  Errors are those of CREATE INDEX, and 42601 if the text is another command.
IndexDefinition define_index(const std::string &command);

} // namespace warden::advice
