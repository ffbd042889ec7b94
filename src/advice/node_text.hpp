// node_text.hpp - The server's expressions in the form in which an index's shape has them.
//
// C++ code.
#pragma once

#include "advice/index_shape.hpp"

#include "pg/server.hpp"

namespace warden::advice {

/// The normal form of an expression or a list of clauses that is simplified already.
std::string text_of(const void *node);

/// Adds the columns of relation 1 that a node mentions; system columns and whole rows are none.
void add_columns(std::vector<std::int16_t> &columns, const void *node);

/// Ascending, each once.
void normalize(std::vector<std::int16_t> &columns);

} // namespace warden::advice
