#include "advice/served_queries.hpp"

#include "pg/error.hpp"

#include <algorithm>

namespace warden::advice {

void add_sample(std::vector<ServedCost> &queries, const ServedCost &sample) {
	const auto same = std::ranges::find(queries, sample.id, &ServedCost::id);
	if (same == queries.end()) {
		queries.push_back(sample);
		return;
	}
	const double part = 1.0 / ++same->samples;
	same->cost_before += (sample.cost_before - same->cost_before) * part;
	same->cost_after += (sample.cost_after - same->cost_after) * part;
	same->calls_per_day += sample.calls_per_day;
	same->saved_ms += sample.saved_ms;
}

std::string json_of(const std::vector<ServedCost> &queries, bool are_timed) {
	std::string text = "[";
	for (const ServedCost &query : queries) {
		text += text.size() > 1 ? ", " : "";
		text += format("{\"id\": %lld, \"cost_before\": %.2f, \"cost_after\": %.2f", static_cast<long long>(query.id),
		               query.cost_before, query.cost_after);
		if (are_timed) {
			text += format(", \"calls_per_day\": %.2f, \"saved_ms\": %.2f", query.calls_per_day, query.saved_ms);
		}
		text += "}";
	}
	return text + "]";
}

} // namespace warden::advice
