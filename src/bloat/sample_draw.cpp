#include "bloat/sample_draw.hpp"

#include <algorithm>
#include <numeric>

namespace warden::bloat {

std::vector<std::uint32_t> draw(RandomNumbers &numbers, std::uint32_t population, std::uint64_t count) {
	std::vector<std::uint32_t> drawn;
	const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(count, population));
	if (wanted > population / 2) {
		drawn.resize(population);
		std::iota(drawn.begin(), drawn.end(), 0U);
		for (std::size_t i = 0; i < wanted; ++i) {
			std::swap(drawn[i], drawn[i + numbers() % (population - i)]);
		}
		drawn.resize(wanted);
		return drawn;
	}
	std::vector<std::uint32_t> taken; // in order
	while (drawn.size() < wanted) {
		const auto number = static_cast<std::uint32_t>(numbers() % population);
		const auto place = std::ranges::lower_bound(taken, number);
		if (place == taken.end() || *place != number) {
			taken.insert(place, number);
			drawn.push_back(number);
		}
	}
	return drawn;
}

} // namespace warden::bloat
