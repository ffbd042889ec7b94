#include "advice/key_population.hpp"

#include <algorithm>
#include <cmath>

namespace warden::advice {

namespace {

// A key that was seen as often is as frequent in all, to a third or so.
constexpr std::uint64_t often = 10;
constexpr std::uint64_t on_several_pages = 4;

/// The mean of a Poisson distribution of which what is 0 or 1 was left out.
double mean_of_several(double rate) {
	const double none = std::exp(-rate);
	return rate * (1 - none) / (1 - none - rate * none);
}

/// The rate that has that mean.
double rate_of(double mean) {
	double low = 1e-3;
	double high = std::max(mean, 2.0);
	for (int i = 0; i < 40; ++i) {
		const double middle = (low + high) / 2;
		(mean_of_several(middle) < mean ? low : high) = middle;
	}
	return (low + high) / 2;
}

} // namespace

double estimate_distinct(const SeenKeys &seen, double times) {
	if (times <= 1) {
		return seen.on_one_page + seen.on_several;
	}
	if (seen.on_several < 1) {
		return seen.on_one_page * times;
	}
	const double rate = rate_of(seen.pages_of_several / seen.on_several);
	const double none = std::exp(-rate);
	const double alike = seen.on_several / (1 - none - rate * none); // keys as frequent as these, seen or not
	const double alike_once = std::min(alike * rate * none, seen.on_one_page);
	const double seen_alike = seen.on_several + alike_once;
	const double unseen_share = std::pow(1 - 1 / times, rate * times);
	return seen_alike / (1 - unseen_share) + (seen.on_one_page - alike_once) * times;
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
			(pages == 1 ? keys.on_one_page : keys.on_several) += 1;
			keys.pages_of_several += pages == 1 ? 0 : static_cast<double>(pages);
			result.rest_sizes.push_back(seen[i].size);
		}
		i = j;
	}
	result.rest_entries = rest * times;
	result.rest_pages = on_pages * times;
	result.rest_keys = std::min(estimate_distinct(keys, times), result.rest_entries);
	return result;
}

} // namespace warden::advice
