// served_queries.hpp - What an index does for the queries that it serves: of one that was sampled with several values,
// all of them together.
//
// Plain C++.  The invariant: a query id is there once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace warden::advice {

struct ServedCost {
	std::int64_t id = 0;
	double cost_before = 0; ///< the mean of its samples
	double cost_after = 0;
	double calls_per_day = 0; ///< the sum
	double saved_ms = 0;
	int samples = 1;
};

/// Adds a sample of a query, which may be there already.
void add_sample(std::vector<ServedCost> &queries, const ServedCost &sample);

/// An array of objects; with calls and milliseconds a day if these are known.
std::string json_of(const std::vector<ServedCost> &queries, bool are_timed);

} // namespace warden::advice
