// index_names.hpp - Names for indexes.
//
// Plain C++.  The invariant: a name fits, is cut between characters only, and is none of those that are taken; the same
// wish and the same names taken give the same name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace warden::advice {

inline constexpr std::size_t longest_name = 63;

/// Bytes of the first characters of a text, as many as fit.
using Clip = std::size_t (*)(std::string_view text, std::size_t bytes);

/// The same in UTF-8.
std::size_t clip_utf8(std::string_view text, std::size_t bytes);

/// What is to be in the name: table_part_part_label.
struct NameWish {
	std::string table = {};
	std::vector<std::string> parts = {};
	std::string label = "idx";
};

/// The name to be tried first (0), second (1) ...: the wish as far as it fits, the longer part cut first, and a number.
std::string name_of(const NameWish &wish, Clip clip, std::size_t attempt);

/// The first attempt, from one on, whose name is_taken() does not say to be.
template <class IsTaken>
std::size_t choose_attempt(const NameWish &wish, Clip clip, IsTaken &&is_taken, std::size_t from = 0) {
	while (is_taken(name_of(wish, clip, from))) {
		++from;
	}
	return from;
}

} // namespace warden::advice
