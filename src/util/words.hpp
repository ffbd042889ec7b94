// words.hpp - How schedules and windows are read: names of days and months in any case, and parts of a text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warden {

/// Longer texts are a mistake, or an attempt to keep us busy.
inline constexpr std::size_t longest_text = 1000;

/// Sunday is 0, January 1.  Names have three letters or are whole.
std::optional<int> weekday_named(std::string_view word);
std::optional<int> month_named(std::string_view word);

bool same_word(std::string_view a, std::string_view b); ///< in any case
bool is_space(char c);
bool is_digit(char c);
bool is_letter(char c);
std::string_view trim(std::string_view text);

/// The parts between separators, also empty ones.
std::vector<std::string_view> split(std::string_view text, char separator);

/// The parts between spaces, none of them empty.
std::vector<std::string_view> words(std::string_view text);

/// A number of one or two digits; std::nullopt if it is anything else.
std::optional<int> parse_number(std::string_view text);

/// A part of a text for a message: "part".
std::string quoted(std::string_view part);

} // namespace warden
