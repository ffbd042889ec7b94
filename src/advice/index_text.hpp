// index_text.hpp - A shape as CREATE INDEX has it.
//
// Server code.  Names are qualified where the search path that is current would not find them.
#pragma once

#include "advice/index_shape.hpp"

#include "pg/server.hpp"

namespace warden::advice {

/// From USING on; in the current memory context.
char *index_definition(const IndexShape &shape);

/// Of a key, what a name may say of it: the column's name, or the words of the expression.
char *key_words(const IndexShape &shape, std::size_t key);

} // namespace warden::advice
