// sql_tokens.hpp - The tokens of a statement's text, as the server's scanner finds them.
//
// Plain C++ that allocates nothing and raises nothing, so that it may run while a user's statement does.  The
// invariant: what is in a literal, a quoted name or a comment is never taken for anything else.  Strings are read as
// standard_conforming_strings = on has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace warden::advice {

enum class TokenKind : std::uint8_t {
	End,       ///< there are no more
	Blank,     ///< space and comments
	Word,      ///< a key word or a name
	Name,      ///< a quoted name
	String,    ///< of any kind, whole
	Number,    //
	Parameter, ///< $1
	Semicolon, //
	Symbol,    ///< one character of anything else
};

struct Token {
	TokenKind kind = TokenKind::End;
	std::string_view text = {};

	/// Whether it is a word, written in lower case here and in any case there.
	bool is(std::string_view word) const noexcept;
	bool is_symbol(char symbol) const noexcept { return kind == TokenKind::Symbol && text.front() == symbol; }
};

class Tokens {
public:
	explicit Tokens(std::string_view text) noexcept : text_(text) {}

	/// The next one, blanks among them.
	Token next() noexcept;

	/// The next one that is not blank.
	Token next_significant() noexcept;

private:
	Token take(TokenKind kind, std::size_t end) noexcept;

	std::string_view text_;
	std::size_t at_ = 0;
};

} // namespace warden::advice
