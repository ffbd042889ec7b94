#include "bloat/bloat_settings.hpp"

#include "pg/server.hpp"

#include <climits>

namespace warden::bloat {

namespace {

constinit int cost_delay = 0;           // warden.bloat_cost_delay
constinit double min_ratio = 0.2;       // warden.bloat_min_ratio
constinit int min_size_kb = 8 * 1024;   // warden.bloat_min_size
constinit int min_waste_kb = 16 * 1024; // warden.bloat_min_waste

} // namespace

Thresholds thresholds() {
	return {.min_size = std::int64_t{min_size_kb} * 1024,
	        .min_waste = std::int64_t{min_waste_kb} * 1024,
	        .min_ratio = min_ratio};
}

int cost_delay_ms() {
	return cost_delay;
}

void init_settings() {
	DefineCustomIntVariable("warden.bloat_cost_delay", "Sets how long measuring rests after each 200 units of cost.",
	                        "A page that is in memory costs 1, one that is not 2. 0 is never to rest.", &cost_delay, 0,
	                        0, 1000, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
	DefineCustomRealVariable("warden.bloat_min_ratio",
	                         "Sets the part of a file that must be wasted for something to be worth doing.", nullptr,
	                         &min_ratio, 0.2, 0, 1, PGC_USERSET, 0, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("warden.bloat_min_size",
	                        "Sets the size of a file below which its waste is of no importance.", nullptr, &min_size_kb,
	                        8 * 1024, 0, INT_MAX, PGC_USERSET, GUC_UNIT_KB, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("warden.bloat_min_waste",
	                        "Sets how much of a file must be wasted for something to be worth doing.", nullptr,
	                        &min_waste_kb, 16 * 1024, 0, INT_MAX, PGC_USERSET, GUC_UNIT_KB, nullptr, nullptr, nullptr);
}

} // namespace warden::bloat
