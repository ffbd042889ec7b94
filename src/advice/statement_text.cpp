#include "advice/statement_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace warden::advice {

namespace {

using enum TokenKind;
using Words = std::vector<Token>;

// Names of types that a constant may follow: TYPE 'text'.
constexpr std::array<std::string_view, 44> types{
	"bit",     "bool",  "boolean",   "box",         "bpchar",   "bytea",  "char",    "character", "cidr",
	"circle",  "date",  "decimal",   "double",      "float",    "float4", "float8",  "inet",      "int",
	"int2",    "int4",  "int8",      "integer",     "interval", "json",   "jsonb",   "line",      "lseg",
	"macaddr", "money", "name",      "numeric",     "path",     "point",  "polygon", "real",      "regclass",
	"text",    "time",  "timestamp", "timestamptz", "timetz",   "uuid",   "varchar", "xml"};

/// What an array of unknown length is taken to have by the planner.
constexpr int unknown_elements = 10;

bool is_type(const Token &token) noexcept {
	return std::ranges::any_of(types, [&](std::string_view type) { return token.is(type); });
}

Words all_tokens(std::string_view text) {
	Words words;
	for (Tokens tokens(text);;) {
		const Token token = tokens.next();
		if (token.kind == End) {
			return words;
		}
		words.push_back(token);
	}
}

/// The place of the next token that is not blank, from `at` on; the end if there is none.
std::size_t significant(const Words &words, std::size_t at) {
	while (at < words.size() && words[at].kind == Blank) {
		++at;
	}
	return at;
}

Token token_at(const Words &words, std::size_t at) {
	return at < words.size() ? words[at] : Token();
}

/// Past a modifier in parentheses, if one is here.
std::size_t skip_parentheses(const Words &words, std::size_t at) {
	std::size_t next = significant(words, at);
	if (!token_at(words, next).is_symbol('(')) {
		return at;
	}
	int depth = 0;
	for (; next < words.size(); ++next) {
		depth += words[next].is_symbol('(') ? 1 : words[next].is_symbol(')') ? -1 : 0;
		if (depth == 0) {
			return next + 1;
		}
	}
	return at;
}

/// Past words that belong to the name of a type, in this order, each of which may be missing.
std::size_t skip_words(const Words &words, std::size_t at, std::initializer_list<std::string_view> names) {
	for (const std::string_view name : names) {
		const std::size_t next = significant(words, at);
		at = token_at(words, next).is(name) ? next + 1 : at;
	}
	return at;
}

/// Past the name of a type, of which the first word is here.
std::size_t skip_type(const Words &words, std::size_t at) {
	at = skip_words(words, at + 1, {"precision", "varying"});
	at = skip_parentheses(words, at);
	return skip_words(words, at, {"with", "without", "time", "zone"});
}

std::string text_between(const Words &words, std::size_t from, std::size_t to) {
	std::string text;
	for (; from < to; ++from) {
		text += words[from].text;
	}
	return text;
}

/// A type and a parameter as a cast: what to go on with, or `at`.
std::size_t repair_type(const Words &words, std::size_t at, std::string &to) {
	const std::size_t end = skip_type(words, at);
	const std::size_t value = significant(words, end);
	if (token_at(words, value).kind != Parameter) {
		return at;
	}
	to.append(words[value].text).append("::").append(text_between(words, at, end));
	return value + 1;
}

std::size_t repair_extract(const Words &words, std::size_t at, std::string &to) {
	const std::size_t parenthesis = significant(words, at + 1);
	const std::size_t field = significant(words, parenthesis + 1);
	const std::size_t from = significant(words, field + 1);
	if (!token_at(words, parenthesis).is_symbol('(') || token_at(words, field).kind != Parameter ||
	    !token_at(words, from).is("from")) {
		return at;
	}
	to.append("pg_catalog.extract(").append(words[field].text).append(",");
	return from + 1;
}

/// `$1 /*, ... */`, and U&'' UESCAPE '!', of which the first part only was replaced.
std::size_t repair_parameter(const Words &words, std::size_t at, std::string &to) {
	const Token parameter = words[at];
	const std::size_t next = significant(words, at + 1);
	if (const std::size_t string = significant(words, next + 1);
	    token_at(words, next).is("uescape") && token_at(words, string).kind == String) {
		to += parameter.text;
		return string + 1;
	}
	for (std::size_t i = at + 1; i < next; ++i) {
		if (words[i].text == "/*, ... */") {
			for (int n = 0; n < unknown_elements; ++n) {
				to.append(n > 0 ? ", " : "").append(parameter.text);
			}
			return i + 1;
		}
	}
	return at;
}

/// Past PREPARE name (types) AS.
std::size_t skip_wrapping(const Words &words) {
	const std::size_t begin = significant(words, 0);
	if (token_at(words, begin).is("prepare")) {
		std::size_t at = skip_parentheses(words, significant(words, begin + 1) + 1);
		at = significant(words, at);
		return token_at(words, at).is("as") ? at + 1 : 0;
	}
	return 0;
}

/// Where what can be parsed ends: before semicolons, with what follows them if it is not blank.
std::size_t end_of(const Words &words) {
	std::size_t end = words.size();
	while (end > 0 && (words[end - 1].kind == Blank || words[end - 1].kind == Semicolon)) {
		--end;
	}
	return end;
}

} // namespace

std::string repair(std::string_view text) {
	const Words words = all_tokens(text);
	const std::size_t end = end_of(words);
	std::string repaired;
	for (std::size_t at = significant(words, skip_wrapping(words)); at < end;) {
		std::size_t next = at;
		if (words[at].kind == Parameter) {
			next = repair_parameter(words, at, repaired);
		} else if (words[at].is("extract")) {
			next = repair_extract(words, at, repaired);
		} else if (is_type(words[at])) {
			next = repair_type(words, at, repaired);
		}
		if (next == at) {
			repaired += words[at].text;
			++next;
		}
		at = next;
	}
	return repaired;
}

std::string_view reason_to_skip(std::string_view text) noexcept {
	Tokens tokens(text);
	Token first = tokens.next_significant();
	while (first.is_symbol('(') || first.kind == Semicolon) {
		first = tokens.next_significant();
	}
	if (first.kind == End) {
		return "its text is not known";
	}
	if (first.is_symbol('<')) {
		return "its text is not to be read: it is of another role";
	}
	constexpr std::array<std::string_view, 12> plannable{"select", "insert", "update",  "delete", "merge", "with",
	                                                     "values", "table",  "declare", "create", "copy",  "prepare"};
	if (std::ranges::none_of(plannable, [&](std::string_view word) { return first.is(word); })) {
		return "it is a command without a plan";
	}
	bool has_ended = false;
	for (Token token = first; token.kind != End; token = tokens.next_significant()) {
		if (has_ended && token.kind != Semicolon) {
			return "it is more than one statement";
		}
		has_ended = token.kind == Semicolon;
	}
	return {};
}

bool is_about_ourselves(std::string_view text) noexcept {
	Tokens tokens(text);
	for (Token token = tokens.next_significant(); token.kind != End;) {
		const Token next = tokens.next_significant();
		if ((token.is("warden") || token.text == "\"warden\"") && next.is_symbol('.')) {
			return true;
		}
		token = next;
	}
	return false;
}

std::int64_t fingerprint(std::string_view text) noexcept {
	std::uint64_t hash = 14695981039346656037U; // FNV-1a
	const auto add = [&](char c) { hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U; };
	Tokens tokens(text);
	for (Token token = tokens.next_significant(); token.kind != End && token.kind != Semicolon;
	     token = tokens.next_significant()) {
		add(static_cast<char>(token.kind == Number || token.kind == Parameter ? String : token.kind));
		if (token.kind == Word || token.kind == Name || token.kind == Symbol) {
			for (const char c : token.text) {
				add(token.kind == Word && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
			}
		}
	}
	return hash == 0 ? 1 : static_cast<std::int64_t>(hash);
}

namespace {

int highest_parameter(std::string_view text) noexcept {
	int highest = 0;
	Tokens tokens(text);
	for (Token token = tokens.next(); token.kind != End; token = tokens.next()) {
		int number = 0;
		if (token.kind == Parameter) {
			std::from_chars(token.text.data() + 1, token.text.data() + token.text.size(), number);
			highest = std::max(highest, number);
		}
	}
	return highest;
}

/// Keeps what a text becomes within its room.
class Writer {
public:
	Writer(char *to, std::size_t size) noexcept : to_(to), size_(size) {}

	void add(std::string_view text) noexcept {
		if (length_ + text.size() <= size_) {
			std::ranges::copy(text, to_ + length_);
		}
		length_ += text.size();
	}

	void add_parameter(int number) noexcept {
		std::array<char, 12> digits{'$'};
		const auto [end, error] = std::to_chars(digits.data() + 1, digits.data() + digits.size(), number);
		add({digits.data(), end});
	}

	std::size_t length() const noexcept { return length_; }

private:
	char *to_;
	std::size_t size_;
	std::size_t length_ = 0;
};

/// Tells which numbers are no values.
class Places {
public:
	bool is_value(const Token &token) const noexcept {
		return token.kind == String || (token.kind == Number && modifier_ == 0 && order_ != depth_);
	}

	void pass(const Token &token) noexcept {
		if (token.is_symbol('(')) {
			++depth_;
			modifier_ = modifier_ == 0 && follows_type_ ? depth_ : modifier_;
		} else if (token.is_symbol(')')) {
			order_ = order_ == depth_ ? -1 : order_;
			modifier_ = modifier_ == depth_ ? 0 : modifier_;
			--depth_;
		} else if (token.is("by")) {
			order_ = depth_;
		} else if (token.is("limit") || token.is("offset") || token.is("fetch") || token.is("having") ||
		           token.is("union") || token.is("intersect") || token.is("except")) {
			order_ = -1;
		}
		follows_type_ = is_type(token) || token.is("varying");
	}

private:
	int depth_ = 0;
	int order_ = -1; ///< the depth at which the last BY is, if we are in its list
	int modifier_ = 0;
	bool follows_type_ = false;
};

} // namespace

std::size_t replace_constants(std::string_view text, char *to, std::size_t size) noexcept {
	int number = highest_parameter(text);
	Writer writer(to, size);
	Places places;
	Tokens tokens(text);
	for (Token token = tokens.next(); token.kind != End; token = tokens.next()) {
		if (token.kind == Blank) {
			writer.add(" ");
			continue;
		}
		if (places.is_value(token)) {
			writer.add_parameter(++number);
		} else {
			writer.add(token.text);
		}
		places.pass(token);
	}
	return writer.length();
}

} // namespace warden::advice
