// key_population.hpp - How many keys there are in all, and how many rows have each, if some pages of rows were seen.
//
// Plain C++.  Rows of a page are no sample of the table: what has the same key is often written together.  So keys are
// counted by the pages that they are on, and a page is what was drawn.  The invariant: if all pages were seen, all
// figures are what was counted.
#pragma once

#include <cstdint>
#include <vector>

namespace warden::advice {

/// A key of a row.  Plain: server code makes them.
struct SeenKey {
	std::uint64_t hash;
	std::uint32_t page;
	std::uint32_t size;
};

struct KeyPopulation {
	/// A key that many rows have.
	struct Frequent {
		double entries;
		double pages; ///< that they are on
		std::uint32_t size;
	};

	std::vector<Frequent> frequent;
	double rest_entries = 0; ///< of all other keys
	double rest_keys = 0;
	double rest_pages = 0;                 ///< of each of those, summed up
	std::vector<std::uint32_t> rest_sizes; ///< of those that were seen, each once

	double keys() const { return static_cast<double>(frequent.size()) + rest_keys; }
};

/// times: so many entries there are for each that was seen.
KeyPopulation estimate_population(std::vector<SeenKey> seen, double times);

/// How many keys were seen on so many pages.
struct SeenKeys {
	double on_one;
	double on_two;
	double on_three;
	double on_more;
};

/// How many keys there are on so many times as many pages.  Those that are on two and three pages tell how frequent
/// they are, and so how many keys like them are on one page or on none (Good and Turing); what that does not explain of
/// the keys on one page are keys that have hardly more than that one.
double estimate_distinct(const SeenKeys &seen, double times);

} // namespace warden::advice
