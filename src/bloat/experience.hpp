// experience.hpp - What the history of a relation says of its future.
//
// The invariant: it is made of sizes that were measured, and absent where there are too few of them.
#pragma once

#include <cstdint>
#include <optional>

namespace warden::bloat {

struct Experience {
	int repairs;                            ///< that were measured afterwards
	std::optional<double> half_life_days;   ///< after the last of them, until half of what it had saved was taken again
	std::optional<double> growth_a_day;     ///< of the file, in bytes
	bool is_steady;                         ///< its size has been the same for weeks while it was written to
	std::optional<double> prediction_error; ///< of the last repair: (truth - prediction) / truth
};

} // namespace warden::bloat
