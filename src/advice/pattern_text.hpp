// pattern_text.hpp - What a pattern of LIKE or of a regular expression fixes of the texts that match it.
//
// Plain C++.  It says less than there is where it is not sure.
#pragma once

#include <cstddef>
#include <string_view>

namespace warden::advice {

struct PatternText {
	std::size_t prefix = 0; ///< bytes that every match begins with
	std::size_t run = 0;    ///< letters and digits that every match has in a row somewhere
};

PatternText read_like(std::string_view pattern);
PatternText read_regex(std::string_view pattern);

} // namespace warden::advice
