#include "util/words.hpp"

#include <algorithm>

namespace warden {

namespace {

constexpr std::string_view weekdays[] = {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};
constexpr std::string_view months[] = {"january", "february", "march",     "april",   "may",      "june",
                                       "july",    "august",   "september", "october", "november", "december"};
constexpr std::size_t short_name = 3;

// The locale has no say in what a schedule means.
char lower(char c) {
	return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

template <std::size_t size>
std::optional<int> find(const std::string_view (&names)[size], std::string_view word) {
	for (std::size_t i = 0; i < size; ++i) {
		if (same_word(word, names[i]) || same_word(word, names[i].substr(0, short_name))) {
			return static_cast<int>(i);
		}
	}
	return std::nullopt;
}

} // namespace

std::optional<int> weekday_named(std::string_view word) {
	return find(weekdays, word);
}

std::optional<int> month_named(std::string_view word) {
	const std::optional<int> index = find(months, word);
	return index ? std::optional(*index + 1) : std::nullopt;
}

bool same_word(std::string_view a, std::string_view b) {
	return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_space(char c) {
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

bool is_letter(char c) {
	return lower(c) >= 'a' && lower(c) <= 'z';
}

std::string_view trim(std::string_view text) {
	while (!text.empty() && is_space(text.front())) {
		text.remove_prefix(1);
	}
	while (!text.empty() && is_space(text.back())) {
		text.remove_suffix(1);
	}
	return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
	std::vector<std::string_view> parts;
	for (;;) {
		const std::size_t length = text.find(separator);
		parts.push_back(text.substr(0, length));
		if (length == std::string_view::npos) {
			return parts;
		}
		text.remove_prefix(length + 1);
	}
}

std::vector<std::string_view> words(std::string_view text) {
	std::vector<std::string_view> parts;
	for (text = trim(text); !text.empty(); text = trim(text)) {
		const auto length = static_cast<std::size_t>(std::ranges::find_if(text, is_space) - text.begin());
		parts.push_back(text.substr(0, length));
		text.remove_prefix(length);
	}
	return parts;
}

std::optional<int> parse_number(std::string_view text) {
	constexpr std::size_t most_digits = 2;
	if (text.empty() || text.size() > most_digits || !std::ranges::all_of(text, is_digit)) {
		return std::nullopt;
	}
	int number = 0;
	for (const char digit : text) {
		number = number * 10 + (digit - '0');
	}
	return number;
}

std::string quoted(std::string_view part) {
	return '"' + std::string(part) + '"';
}

} // namespace warden
