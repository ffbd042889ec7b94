#include "bloat/byte_account.hpp"

#include <cmath>

namespace warden::bloat {

Account scaled_to(const Account &some, std::int64_t bytes) {
	Account all;
	const std::int64_t sum = some.sum();
	if (sum == 0) {
		all.free = bytes;
		return all;
	}
	// Sums are rounded, and not the parts, so that what is lost by one is won by the next.
	std::int64_t parts = 0;
	std::int64_t given = 0;
	const auto next = [&](std::int64_t part) {
		parts += part;
		const auto until = static_cast<std::int64_t>(std::llround(static_cast<long double>(bytes) * parts / sum));
		const std::int64_t share = until - given;
		given = until;
		return share;
	};
	all.live = next(some.live);
	all.overhead = next(some.overhead);
	all.reserve = next(some.reserve);
	all.vacuum_frees = next(some.vacuum_frees);
	all.blocked = next(some.blocked);
	all.free = next(some.free);
	return all;
}

} // namespace warden::bloat
