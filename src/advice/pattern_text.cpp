#include "advice/pattern_text.hpp"

#include <algorithm>

namespace warden::advice {

namespace {

/// A letter or digit, or a byte of a character beyond ASCII.
bool is_word(char c) {
	const auto byte = static_cast<unsigned char>(c);
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || byte >= 0x80;
}

bool is_quantifier(char c) {
	return c == '*' || c == '?' || c == '{' || c == '+';
}

bool is_plain(char c) {
	constexpr std::string_view special = "\\^$.[](){}|*+?";
	return special.find(c) == std::string_view::npos;
}

} // namespace

PatternText read_like(std::string_view pattern) {
	PatternText found;
	bool is_prefix = true;
	std::size_t run = 0;
	for (std::size_t i = 0; i < pattern.size(); ++i) {
		if (pattern[i] == '%' || pattern[i] == '_') {
			is_prefix = false;
			run = 0;
			continue;
		}
		if (pattern[i] == '\\' && i + 1 < pattern.size()) {
			++i;
		}
		run = is_word(pattern[i]) ? run + 1 : 0;
		found.run = std::max(found.run, run);
		found.prefix += is_prefix ? 1 : 0;
	}
	return found;
}

PatternText read_regex(std::string_view pattern) {
	PatternText found;
	if (pattern.find('|') != std::string_view::npos || pattern.starts_with("***") || pattern.starts_with("(?")) {
		return found; // one of several, or another syntax
	}
	const bool is_anchored = pattern.starts_with('^');
	bool is_prefix = is_anchored;
	std::size_t run = 0;
	std::size_t depth = 0;
	for (std::size_t i = is_anchored ? 1 : 0; i < pattern.size(); ++i) {
		const char c = pattern[i];
		const bool may_be_absent = i + 1 < pattern.size() && is_quantifier(pattern[i + 1]);
		if (c == '[' || c == '{' || c == '(') { // what is inside is not looked at
			++depth;
		} else if ((c == ']' || c == '}' || c == ')') && depth > 0) {
			--depth;
		} else if (depth == 0 && is_plain(c) && !may_be_absent) {
			run = is_word(c) ? run + 1 : 0;
			found.run = std::max(found.run, run);
			found.prefix += is_prefix ? 1 : 0;
			continue;
		} else if (c == '\\') {
			++i;
		}
		is_prefix = false;
		run = 0;
	}
	return found;
}

} // namespace warden::advice
