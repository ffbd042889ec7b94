#include "move/throttle.hpp"

#include <algorithm>

namespace warden::move {

namespace {

constexpr double aim = 0.1; // seconds that a batch should take
constexpr double most_blocks = 4096;

// How many seconds a batch should take at least, by one limit.
double seconds_needed(std::int64_t amount, const std::optional<std::int64_t> &per_second) {
	return per_second && *per_second > 0 ? static_cast<double>(amount) / static_cast<double>(*per_second) : 0;
}

} // namespace

double pause_after(const Batch &batch, const Rates &rates) {
	const double needed = std::max(seconds_needed(batch.rows, rates.rows_per_second),
	                               seconds_needed(batch.bytes, rates.bytes_per_second));
	return std::max(needed - batch.seconds, 0.0);
}

std::int64_t next_batch(std::int64_t blocks, const Batch &batch, const Rates &rates) {
	const auto size = static_cast<double>(std::max<std::int64_t>(blocks, 1));
	double next = 2 * size;
	if (batch.seconds > 0) {
		next = std::min(next, size * aim / batch.seconds);
	}
	const double share = std::max(seconds_needed(batch.rows, rates.rows_per_second),
	                              seconds_needed(batch.bytes, rates.bytes_per_second));
	if (share > 0) {
		next = std::min(next, size / share);
	}
	return static_cast<std::int64_t>(std::clamp(next, 1.0, most_blocks)); // before it may not fit
}

} // namespace warden::move
