#include "advice/sql_tokens.hpp"

#include <algorithm>

namespace warden::advice {

namespace {

constexpr std::size_t npos = std::string_view::npos;

bool is_space(char c) noexcept {
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_digit(char c) noexcept {
	return c >= '0' && c <= '9';
}

bool begins_word(char c) noexcept {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool continues_word(char c) noexcept {
	return begins_word(c) || is_digit(c) || c == '$';
}

char lower(char c) noexcept {
	return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

template <class Predicate>
std::size_t skip(std::string_view text, std::size_t at, Predicate &&predicate) noexcept {
	while (at < text.size() && predicate(text[at])) {
		++at;
	}
	return at;
}

/// The end of a comment that begins here, or of nothing.  Those in C's style are nested.
std::size_t skip_comment(std::string_view text, std::size_t at) noexcept {
	const std::string_view begin = text.substr(at, 2);
	if (begin == "--") {
		return skip(text, at, [](char c) { return c != '\n' && c != '\r'; });
	}
	if (begin != "/*") {
		return at;
	}
	int depth = 0;
	do {
		const std::string_view two = text.substr(at, 2);
		depth += two == "/*" ? 1 : two == "*/" ? -1 : 0;
		at += two == "/*" || two == "*/" ? 2 : 1;
	} while (depth > 0 && at < text.size());
	return std::min(at, text.size());
}

/// The end of what is quoted from here on; `at` is that of the first quote.
std::size_t skip_quoted(std::string_view text, std::size_t at, bool has_escapes) noexcept {
	const char quote = text[at++];
	while (at < text.size()) {
		const bool is_escape = has_escapes && text[at] == '\\';
		const bool is_doubled = text[at] == quote && text.substr(at + 1, 1) == std::string_view(&quote, 1);
		if (text[at] == quote && !is_doubled) {
			return at + 1;
		}
		at += is_escape || is_doubled ? 2 : 1;
	}
	return text.size();
}

/// The end of $tag$...$tag$, or where it begins if it is none.
std::size_t skip_dollar_quoted(std::string_view text, std::size_t at) noexcept {
	const std::size_t end = skip(text, at + 1, [](char c) { return continues_word(c) && c != '$'; });
	if (text.substr(end, 1) != "$" || is_digit(text[at + 1])) {
		return at;
	}
	const std::string_view tag = text.substr(at, end + 1 - at);
	const std::size_t closing = text.find(tag, end + 1);
	return closing == npos ? text.size() : closing + tag.size();
}

std::size_t skip_number(std::string_view text, std::size_t at) noexcept {
	at = skip(text, at, [](char c) { return is_digit(c) || c == '.' || c == '_'; });
	if (at < text.size() && lower(text[at]) == 'e') {
		std::size_t exponent = at + 1;
		exponent += exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-') ? 1 : 0;
		if (exponent < text.size() && is_digit(text[exponent])) {
			return skip(text, exponent, is_digit);
		}
	}
	return skip(text, at, [](char c) { return begins_word(c) || is_digit(c); }); // 0x1F
}

/// How long the letters are before the quote of a string or a name: E'', U&"".
std::size_t prefix_length(std::string_view text, std::size_t at) noexcept {
	const std::string_view next = text.substr(at, 3);
	switch (next.empty() ? '\0' : lower(next.front())) {
	case 'e':
	case 'b':
	case 'x':
	case 'n':
		return next.substr(1, 1) == "'" ? 1 : 0;
	case 'u':
		return next.substr(1) == "&'" || next.substr(1) == "&\"" ? 2 : 0;
	default:
		return 0;
	}
}

} // namespace

bool Token::is(std::string_view word) const noexcept {
	return kind == TokenKind::Word && std::ranges::equal(text, word, [](char a, char b) { return lower(a) == b; });
}

Token Tokens::take(TokenKind kind, std::size_t end) noexcept {
	const Token token{kind, text_.substr(at_, std::min(end, text_.size()) - at_)};
	at_ = std::min(end, text_.size());
	return token;
}

Token Tokens::next() noexcept {
	if (at_ >= text_.size()) {
		return {};
	}
	const char c = text_[at_];
	if (is_space(c)) {
		return take(TokenKind::Blank, skip(text_, at_, is_space));
	}
	if (const std::size_t end = skip_comment(text_, at_); end > at_) {
		return take(TokenKind::Blank, end);
	}
	const std::size_t prefix = prefix_length(text_, at_);
	if (c == '\'' || c == '"' || prefix > 0) {
		const std::size_t quote = at_ + prefix;
		return take(text_[quote] == '"' ? TokenKind::Name : TokenKind::String,
		            skip_quoted(text_, quote, prefix == 1 && lower(c) == 'e'));
	}
	if (begins_word(c)) {
		return take(TokenKind::Word, skip(text_, at_, continues_word));
	}
	if (c == '$' && at_ + 1 < text_.size()) {
		if (is_digit(text_[at_ + 1])) {
			return take(TokenKind::Parameter, skip(text_, at_ + 1, is_digit));
		}
		if (const std::size_t end = skip_dollar_quoted(text_, at_); end > at_) {
			return take(TokenKind::String, end);
		}
	}
	if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) {
		return take(TokenKind::Number, skip_number(text_, at_));
	}
	return take(c == ';' ? TokenKind::Semicolon : TokenKind::Symbol, at_ + 1);
}

Token Tokens::next_significant() noexcept {
	Token token = next();
	while (token.kind == TokenKind::Blank) {
		token = next();
	}
	return token;
}

} // namespace warden::advice
