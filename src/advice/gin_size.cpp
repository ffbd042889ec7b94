#include "advice/gin_size.hpp"

#include "bloat/gin_batches.hpp"
#include "bloat/random_numbers.hpp"

#include <algorithm>
#include <cmath>

namespace warden::advice {

using bloat::GinKey;
using bloat::RandomNumbers;

namespace {

constexpr double most_made = 100'000;
constexpr std::uint64_t lines = 2048; // a page, in the places of rows

/// The bytes of a distance of so many on the average, if they differ as if by chance.
double bytes_of_distance(double mean) {
	double bytes = 1;
	for (double limit = 128; limit < mean * 64; limit *= 128) {
		bytes += std::exp(-limit / mean);
	}
	return bytes;
}

/// The rows of a key: of each page that has some, all but the first are near to each other.
bloat::PostingRun run_of(double entries, double pages, double table_pages, RandomNumbers &numbers) {
	const auto items = static_cast<std::uint64_t>(std::max(1.0, std::round(entries)));
	const double groups = std::clamp(std::round(pages), 1.0, std::max(1.0, std::min(table_pages, entries)));
	double first = 1;
	double last = 0;
	if (groups > 100) {
		first = 0;
		last = 1;
	}
	for (double i = 0; i < groups && groups <= 100; ++i) {
		const double place = numbers.fraction();
		first = std::min(first, place);
		last = std::max(last, place);
	}
	const double distance = std::max(1.0, table_pages / groups) * lines;
	const double bytes = (static_cast<double>(items) - groups) + (groups - 1) * bytes_of_distance(distance);
	const double end = std::max(1.0, table_pages) * lines;
	const auto begin = static_cast<std::uint64_t>(first * end);
	return {.first = begin,
	        .last = std::max(begin + items - 1, static_cast<std::uint64_t>(last * end)),
	        .items = items,
	        .bytes = static_cast<std::uint64_t>(std::max(bytes, 0.0))};
}

/// Numbers whose mean is a fraction.
double either_side(double mean, RandomNumbers &numbers) {
	return std::floor(mean) + (numbers.fraction() < mean - std::floor(mean) ? 1 : 0);
}

} // namespace

double gin_pages(const KeyPopulation &population, double table_pages, const bloat::GinBuild &build) {
	RandomNumbers numbers(1);
	const double times = std::max(1.0, population.keys() / most_made);
	std::vector<GinKey> keys;
	const auto add = [&](double entries, double pages, std::uint32_t size) {
		keys.push_back(
			{.hash = numbers(), .rows = run_of(entries, pages, table_pages, numbers), .size = size, .tree = 0});
	};
	double due = 0;
	for (const auto &key : population.frequent) {
		for (due += 1; due >= 1; due -= times) {
			add(key.entries, key.pages, key.size);
		}
	}
	const double rest = std::round(population.rest_keys / times);
	for (double i = 0; i < rest && !population.rest_sizes.empty(); ++i) {
		const double entries = std::max(1.0, either_side(population.rest_entries / population.rest_keys, numbers));
		add(entries, entries * population.rest_pages / population.rest_entries,
		    population.rest_sizes[numbers() % population.rest_sizes.size()]);
	}
	std::ranges::sort(keys, [](const GinKey &a, const GinKey &b) { return a.hash < b.hash; });
	const bloat::KeySizes sizes = bloat::pack_keys(keys, build, times);
	return 1 + std::ceil(sizes.pages * times + sizes.tree_pages * times);
}

} // namespace warden::advice
