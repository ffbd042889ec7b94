#include "bloat/page_draw.hpp"

#include <algorithm>
#include <random>
#include <unordered_set>

namespace warden::bloat {

namespace {

constexpr std::size_t stretch = 64;

// Below `end`; the library's distributions are not the same everywhere.
std::uint32_t below(std::mt19937 &random, std::uint32_t end) {
	return static_cast<std::uint32_t>((static_cast<std::uint64_t>(random()) * end) >> 32U);
}

} // namespace

// Floyd's way: as many steps as pages, however large the file is.
std::vector<std::uint32_t> draw_pages(std::uint32_t first, std::uint32_t end, std::uint64_t count, std::uint32_t seed) {
	std::mt19937 random(seed);
	const std::uint32_t all = end > first ? end - first : 0;
	const auto wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, all));
	std::vector<std::uint32_t> drawn;
	drawn.reserve(wanted);
	std::unordered_set<std::uint32_t> taken;
	for (std::uint32_t last = all - wanted; last < all; ++last) {
		const std::uint32_t page = below(random, last + 1);
		drawn.push_back(first + (taken.insert(page).second ? page : last));
		taken.insert(drawn.back() - first);
	}
	for (std::size_t i = drawn.size(); i > 1; --i) {
		std::swap(drawn[i - 1], drawn[below(random, static_cast<std::uint32_t>(i))]);
	}
	for (std::size_t i = 0; i < drawn.size(); i += stretch) {
		const auto from = drawn.begin() + static_cast<std::ptrdiff_t>(i);
		std::sort(from, drawn.begin() + static_cast<std::ptrdiff_t>(std::min(drawn.size(), i + stretch)));
	}
	return drawn;
}

} // namespace warden::bloat
