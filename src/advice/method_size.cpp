#include "advice/method_size.hpp"

#include "bloat/brin_packing.hpp"
#include "bloat/gist_packing.hpp"
#include "bloat/hash_packing.hpp"

#include <algorithm>
#include <cmath>

namespace warden::advice {

using bloat::HashPacking;

namespace {

constexpr int hash_fillfactor = 75; // the defaults
constexpr int gist_fillfactor = 90;
constexpr double pages_per_range = 128;

} // namespace

double hash_pages(double rows, double entries, double pages_of_frequent) {
	const double target = HashPacking::target(hash_fillfactor);
	const auto needed = static_cast<std::uint32_t>(std::ceil(entries / target));
	const std::uint32_t buckets = std::max(needed, HashPacking::buckets_for(rows, hash_fillfactor));
	const auto overflow = HashPacking::by_chance(entries, buckets);
	return static_cast<double>(HashPacking::phase_of(buckets)) + 2 + std::ceil(overflow.pages + pages_of_frequent);
}

double brin_pages(double table_pages, std::uint32_t summary) {
	const double ranges = std::max(1.0, std::ceil(table_pages / pages_per_range));
	constexpr double most_made = 100'000;
	bloat::BrinPacking packing;
	for (double i = 0; i < std::min(ranges, most_made); ++i) {
		packing.add(summary);
	}
	return std::ceil(static_cast<double>(packing.pages()) * std::max(1.0, ranges / most_made));
}

double gist_pages_of(double entries, double length, bool sorts) {
	return bloat::gist_pages(
		{.bytes = entries * length, .inner_entry = length, .fillfactor = sorts ? 100 : gist_fillfactor, .apart = 0},
		bloat::gist_fullness::usual);
}

// Leaves are split like those of GiST, without a fill factor; of inner pages there are few.  The first three pages, of
// what the index is, of its root and of the nulls, are always there.
double spgist_pages(double entries, double length) {
	constexpr double room = 8192 - 24 - 8;
	constexpr double fullness = 0.72;
	constexpr double inner = 1.02;
	return 3 + std::ceil(entries * length / (room * fullness) * inner);
}

} // namespace warden::advice
