// throttle.hpp - How fast rows are copied: plain C++.
#pragma once

#include <cstdint>
#include <optional>

namespace warden::move {

/// What a batch has done, and taken.
struct Batch {
	std::int64_t rows;
	std::int64_t bytes;
	double seconds;
};

struct Rates {
	std::optional<std::int64_t> rows_per_second = {};
	std::optional<std::int64_t> bytes_per_second = {};
};

/// How long to pause after a batch so that the rates are kept.
double pause_after(const Batch &batch, const Rates &rates);

/// How many blocks the next batch has: about 100 ms of work, no more than a second's share of the rates, 1 to 4096, and
/// at most twice the last.
std::int64_t next_batch(std::int64_t blocks, const Batch &batch, const Rates &rates);

} // namespace warden::move
