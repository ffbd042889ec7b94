#include "bloat/hash_packing.hpp"

#include "bloat/heap_packing.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace warden::bloat {

namespace {

constexpr std::uint32_t entry = 16; // its header, and a hash value
constexpr std::uint32_t special = 16;
constexpr std::uint64_t pages_of_bitmap = 32768;
constexpr std::uint32_t least_target = 10;
constexpr std::uint64_t most_buckets = 0x40000000;
constexpr std::uint64_t single_phase = 512; // up to so many, buckets are doubled at once
constexpr std::uint64_t phases = 4;         // above: in so many steps

static_assert((page::size - page::header - special) / (entry + page::line_pointer) == HashPacking::entries_of_page);

// Beyond its first page.
std::uint64_t overflow_pages(std::uint64_t entries) {
	return entries == 0 ? 0 : (entries - 1) / HashPacking::entries_of_page;
}

} // namespace

std::uint32_t HashPacking::target(int fillfactor) {
	const std::uint32_t usage = page::size * static_cast<std::uint32_t>(fillfactor) / 100;
	return std::max(least_target, usage / (entry + page::line_pointer));
}

std::uint64_t HashPacking::phase_of(std::uint64_t buckets) {
	const std::uint64_t all = std::bit_ceil(buckets);
	if (all <= single_phase) {
		return all;
	}
	const std::uint64_t half = all / 2;
	const std::uint64_t step = half / phases;
	return half + (buckets - half + step - 1) / step * step;
}

std::uint32_t HashPacking::buckets_for(double rows, int fillfactor) {
	const double wanted = rows / target(fillfactor);
	if (wanted <= 2) {
		return 2;
	}
	return static_cast<std::uint32_t>(
		wanted >= static_cast<double>(most_buckets) ? most_buckets : phase_of(static_cast<std::uint64_t>(wanted)));
}

HashPacking::HashPacking(double estimated_rows, int fillfactor, std::uint64_t entries)
	: target_(target(fillfactor)), buckets_(buckets_for(estimated_rows, fillfactor)),
	  high_mask_(std::bit_ceil(buckets_ + 1) - 1), may_split_(entries > std::uint64_t{target_} * buckets_),
	  contents_(buckets_) {}

std::uint32_t HashPacking::bucket_of(std::uint32_t hash) const {
	const std::uint32_t bucket = hash & high_mask_;
	return bucket < buckets_ ? bucket : bucket & (high_mask_ >> 1U);
}

void HashPacking::add(std::uint32_t hash) {
	Bucket &bucket = contents_[bucket_of(hash)];
	put(bucket);
	++entries_;
	if (may_split_) {
		values_.push_back({hash, none});
		link(bucket, static_cast<std::uint32_t>(values_.size() - 1));
		if (entries_ > std::uint64_t{target_} * buckets_) {
			split();
		}
	}
}

void HashPacking::put(Bucket &bucket) {
	if (bucket.entries > 0 && bucket.entries % entries_of_page == 0) {
		take_overflow_page();
	}
	++bucket.entries;
}

void HashPacking::link(Bucket &bucket, std::uint32_t value) {
	values_[value].previous = bucket.last;
	bucket.last = value;
}

void HashPacking::take_overflow_page() {
	if (free_ > 0) {
		--free_;
		return;
	}
	spares_ += spares_ % pages_of_bitmap == 0 ? 2 : 1; // a bitmap first, if the last one is full
}

// The new bucket has taken its overflow pages before the old one gives back those that it needs no longer.
void HashPacking::split() {
	const std::uint32_t made = buckets_;
	++buckets_;
	if (made > high_mask_) {
		high_mask_ = made | high_mask_;
	}
	contents_.emplace_back();
	Bucket &from = contents_[made & (high_mask_ >> 1U)];
	Bucket &to = contents_.back();
	const std::uint64_t before = overflow_pages(from.entries);
	std::uint32_t value = from.last;
	from.last = none;
	while (value != none) {
		const std::uint32_t next = values_[value].previous;
		const bool moves = bucket_of(values_[value].hash) == made;
		if (moves) {
			put(to);
			--from.entries;
		}
		link(moves ? to : from, value);
		value = next;
	}
	free_ += before - overflow_pages(from.entries);
}

std::uint64_t HashPacking::pages() const {
	return 1 + phase_of(buckets_) + spares_;
}

// By the distribution of Poisson, for the number of entries of a bucket.
HashPacking::Overflow HashPacking::by_chance(double entries, double buckets) {
	const double mean = entries / buckets;
	const double deviation = std::sqrt(mean);
	Overflow sum{0, 0};
	const double first = std::max<double>(entries_of_page + 1, std::floor(mean - 8 * deviation));
	for (double k = first; k <= mean + 8 * deviation + 1; ++k) {
		const double share = std::exp(k * std::log(mean) - mean - std::lgamma(k + 1));
		sum.pages += share * static_cast<double>(overflow_pages(static_cast<std::uint64_t>(k)));
		sum.entries += share * (k - entries_of_page);
	}
	return {sum.pages * buckets, sum.entries * buckets};
}

} // namespace warden::bloat
