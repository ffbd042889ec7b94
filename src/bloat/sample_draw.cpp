#include "bloat/sample_draw.hpp"

#include <algorithm>
#include <numeric>

namespace warden::bloat {

namespace {

/// What is drawn already: a few in their order, whatever they are drawn from; more, as a bit for each that could be.
class Taken {
public:
	Taken(std::uint32_t population, std::size_t wanted) : bits_(wanted > few ? population : 0) {}

	/// False if it has been there.
	bool add(std::uint32_t number) {
		if (!bits_.empty()) {
			const bool is_new = !bits_[number];
			bits_[number] = true;
			return is_new;
		}
		const auto place = std::ranges::lower_bound(few_, number);
		const bool is_new = place == few_.end() || *place != number;
		if (is_new) {
			few_.insert(place, number);
		}
		return is_new;
	}

private:
	static constexpr std::size_t few = 10'000;
	std::vector<bool> bits_;
	std::vector<std::uint32_t> few_;
};

} // namespace

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
	Taken taken(population, wanted);
	while (drawn.size() < wanted) {
		const auto number = static_cast<std::uint32_t>(numbers() % population);
		if (taken.add(number)) {
			drawn.push_back(number);
		}
	}
	return drawn;
}

} // namespace warden::bloat
