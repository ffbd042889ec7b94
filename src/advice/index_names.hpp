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

/// The wish as far as it fits, with a number for as long as is_taken() says that the name is.  Longer parts are cut
/// first.
template <class IsTaken>
std::string choose_name(const NameWish &wish, Clip clip, IsTaken &&is_taken);

/// The one to be tried first (0), second (1) ...
std::string name_of(const NameWish &wish, Clip clip, std::size_t attempt);

template <class IsTaken>
std::string choose_name(const NameWish &wish, Clip clip, IsTaken &&is_taken) {
	for (std::size_t attempt = 0;; ++attempt) {
		std::string name = name_of(wish, clip, attempt);
		if (!is_taken(name)) {
			return name;
		}
	}
}

} // namespace warden::advice
