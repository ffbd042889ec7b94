#include "advice/key_population.hpp"

#include <algorithm>

namespace warden::advice {

namespace {

// A key that was seen as often is as frequent in all, to a third or so.
constexpr std::uint64_t often = 10;
constexpr std::uint64_t on_several_pages = 4;

} // namespace

double estimate_distinct(double seen, double on_pages, double on_one_page, double times) {
	const double divisor = on_pages - on_one_page + on_one_page / std::max(times, 1.0);
	return divisor > 0 ? std::clamp(on_pages * seen / divisor, seen, std::max(seen, on_pages * times)) : seen;
}

KeyPopulation estimate_population(std::vector<SeenKey> seen, double times) {
	std::ranges::sort(
		seen, [](const SeenKey &a, const SeenKey &b) { return a.hash != b.hash ? a.hash < b.hash : a.page < b.page; });
	KeyPopulation result;
	double rest = 0;
	double on_pages = 0;
	double on_one_page = 0;
	for (std::size_t i = 0; i < seen.size();) {
		std::uint64_t entries = 0;
		std::uint64_t pages = 0;
		std::size_t j = i;
		for (; j < seen.size() && seen[j].hash == seen[i].hash; ++j) {
			++entries;
			pages += j == i || seen[j].page != seen[j - 1].page ? 1 : 0;
		}
		if (entries >= often && pages >= on_several_pages) {
			result.frequent.push_back(
				{static_cast<double>(entries) * times, static_cast<double>(pages) * times, seen[i].size});
		} else {
			rest += static_cast<double>(entries);
			on_pages += static_cast<double>(pages);
			on_one_page += pages == 1 ? 1 : 0;
			result.rest_sizes.push_back(seen[i].size);
		}
		i = j;
	}
	result.rest_entries = rest * times;
	result.rest_pages = on_pages * times;
	result.rest_keys = estimate_distinct(static_cast<double>(result.rest_sizes.size()), on_pages, on_one_page, times);
	return result;
}

} // namespace warden::advice
