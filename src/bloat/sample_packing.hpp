// sample_packing.hpp - How many pages rows take after a rewrite, of which only some pages were drawn.
//
// Plain C++.  A page of a heap ends where the next row did not fit.  In a sample another page follows than in the file,
// whose first row may well fit: packed one after the other, pages that were drawn look as if a rewrite made them fewer,
// which matters where a page has few rows.  Hence some are held back, and next comes one that could have been next.
#pragma once

#include "bloat/heap_packing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace warden::bloat {

class SamplePacking {
public:
	explicit SamplePacking(int fillfactor) : packing_(fillfactor) {}

	/// The rows of a page, and how much of it is empty for more.
	void add(const std::uint16_t *lengths, std::uint32_t count, std::int64_t room) {
		if (count == 0) {
			return;
		}
		if (held_ == most_held) {
			pack(next());
		}
		Held &page = pages_[held_++];
		page.count = count;
		page.room = room;
		for (std::uint32_t i = 0; i < count; ++i) {
			page.lengths[i] = lengths[i];
		}
	}

	/// Of all pages that were added.
	double pages_filled() {
		while (held_ > 0) {
			pack(next());
		}
		return packing_.pages_filled();
	}

	/// The standard error of what a page has room for, relative: pages are not all as full.
	double error_of_fullness() const {
		if (packing_.pages() < 3) {
			return 0;
		}
		const auto full = static_cast<double>(packing_.pages() - 1);
		const double mean = sum_ / full;
		const double variance = std::max(0.0, squares_ / full - mean * mean) * full / (full - 1);
		return std::sqrt(variance / full) / mean;
	}

private:
	static constexpr std::size_t most_held = 8;

	struct Held {
		std::array<std::uint16_t, page::most_tuples> lengths;
		std::uint32_t count;
		std::int64_t room;
	};

	std::size_t next() const {
		for (std::size_t i = 0; i < held_; ++i) {
			if (align(pages_[i].lengths[0]) + page::line_pointer > room_) {
				return i;
			}
		}
		return 0;
	}

	void pack(std::size_t which) {
		for (std::uint32_t i = 0; i < pages_[which].count; ++i) {
			const std::uint64_t pages = packing_.pages();
			packing_.add(pages_[which].lengths[i]);
			if (packing_.pages() > pages && pages > 0) {
				sum_ += used_;
				squares_ += used_ * used_;
				used_ = 0;
			}
			used_ += align(pages_[which].lengths[i]) + page::line_pointer;
		}
		room_ = pages_[which].room;
		--held_;
		for (std::size_t i = which; i < held_; ++i) {
			pages_[i] = pages_[i + 1];
		}
	}

	HeapPacking packing_;
	std::array<Held, most_held> pages_{};
	std::size_t held_ = 0;
	std::int64_t room_ = 0; ///< of the page that was packed last
	double used_ = 0;       ///< bytes of the page that is being filled
	double sum_ = 0;        ///< of the others
	double squares_ = 0;
};

} // namespace warden::bloat
