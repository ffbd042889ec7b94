#include "advice/key_population.hpp"

#include <algorithm>
#include <cmath>

namespace warden::advice {

namespace {

// A key that was seen as often is as frequent in all, to a third or so.
constexpr std::uint64_t often = 10;
constexpr std::uint64_t on_several_pages = 4;

} // namespace

double estimate_distinct(const SeenKeys &seen, double times) {
	const double all_seen = seen.on_one + seen.on_two + seen.on_three + seen.on_more;
	if (times <= 1 || seen.on_one < 1) {
		return all_seen;
	}
	if (seen.on_two < 1) {
		return seen.on_one * times + seen.on_three + seen.on_more;
	}
	// Pages that a key is on, on the average.  No fewer than make all of those on one page keys of this kind.
	const double rate = std::max(3 * seen.on_three / seen.on_two, 2 * seen.on_two / seen.on_one);
	const double alike_on_one = 2 * seen.on_two / rate;
	const double unseen = alike_on_one / rate * (1 - 1 / times);
	const double rare = seen.on_one - alike_on_one;
	// Few that are left over may be there because no two keys are as frequent, and then they stand for fewer.
	const double certainty = std::max(0.5, rare / seen.on_one);
	return all_seen - rare + unseen + rare * std::pow(times, certainty);
}

KeyPopulation estimate_population(std::vector<SeenKey> seen, double times) {
	std::ranges::sort(
		seen, [](const SeenKey &a, const SeenKey &b) { return a.hash != b.hash ? a.hash < b.hash : a.page < b.page; });
	KeyPopulation result;
	double rest = 0;
	double on_pages = 0;
	SeenKeys keys{};
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
			double &count = pages == 1   ? keys.on_one
			                : pages == 2 ? keys.on_two
			                : pages == 3 ? keys.on_three
			                             : keys.on_more;
			count += 1;
			result.rest_sizes.push_back(seen[i].size);
		}
		i = j;
	}
	result.rest_entries = rest * times;
	result.rest_pages = on_pages * times;
	// Each is on a page at least.  Where all are on one, those that two neighbouring pages share say nothing of more.
	result.rest_keys = std::min(estimate_distinct(keys, times), result.rest_pages);
	return result;
}

} // namespace warden::advice
