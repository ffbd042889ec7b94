// statement_text.hpp - The text of a statement, made one that the server can parse, and one without its constants.
//
// Plain C++.  The invariant: nothing but what is said here is changed, and never anything in a literal, a quoted name
// or a comment.
#pragma once

#include "advice/sql_tokens.hpp"

#include <string>

namespace warden::advice {

/// Makes the text of one statement, whose constants pg_stat_statements has replaced by $n, one that can be parsed, if
/// it was one: a type before a constant (`interval $1`, `DATE $1`) becomes a cast; EXTRACT($1 FROM x) a call of the
/// function; a list of constants that was cut short (`$1 /*, ... */`) one of as many as the planner takes an unknown
/// array to have; what only PREPARE needs goes, and semicolons at the end.
std::string repair(std::string_view text);

/// Why a text has nothing to be planned; empty: it seems to.
std::string_view reason_to_skip(std::string_view text) noexcept;

/// Whether it asks for something in our own schema.
bool is_about_ourselves(std::string_view text) noexcept;

/// A number of the text that is the same for other constants, comments, spaces and cases.  Never 0.
std::int64_t fingerprint(std::string_view text) noexcept;

/// Writes the text with constants as parameters, from the next number on that it does not have, and without comments.
/// Left are numbers that are no values: in the modifier of a type, or a place in ORDER BY.  Returns its length, or more
/// than `size` if there is not room enough.
std::size_t replace_constants(std::string_view text, char *to, std::size_t size) noexcept;

} // namespace warden::advice
