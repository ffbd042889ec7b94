// heap_packing.hpp - How many pages the tuples of a heap take after a rewrite.
//
// Plain C++.  The invariant: given the tuples in the order of their pages, it is the size that VACUUM FULL makes, to
// the page: its rule (raw_heap_insert() of the server's rewriteheap.c) is followed here tuple by tuple.
#pragma once

#include <cstdint>

namespace warden::bloat {

/// What is the same in all files.
namespace page {
inline constexpr std::uint32_t size = 8192;
inline constexpr std::uint32_t header = 24;
inline constexpr std::uint32_t line_pointer = 4;
inline constexpr std::uint32_t most_tuples = 291; ///< of a heap's page: header and line pointer of each
} // namespace page

constexpr std::uint32_t align(std::uint32_t length) {
	return (length + 7U) & ~7U;
}

/// What a page is left empty for, by its fill factor in percent.
constexpr std::uint32_t reserve(int fillfactor) {
	return page::size * static_cast<std::uint32_t>(100 - fillfactor) / 100;
}

class HeapPacking {
public:
	explicit HeapPacking(int fillfactor) : reserve_(reserve(fillfactor)) {}

	/// A tuple's length with its header, as it is stored.
	void add(std::uint32_t length) {
		const std::uint32_t aligned = align(length);
		if (pages_ == 0 || aligned + reserve_ > room()) {
			filled_ += used();
			++pages_;
			free_ = page::size - page::header;
			tuples_ = 0;
		}
		free_ -= aligned + page::line_pointer;
		++tuples_;
	}

	std::uint64_t pages() const { return pages_; }

	/// The same with the last page in proportion: parts of a file, packed each by itself, add up to all of it.
	double pages_filled() const {
		if (pages_ == 0) {
			return 0;
		}
		const auto others = static_cast<double>(pages_ - 1);
		const double full = pages_ > 1 ? static_cast<double>(filled_) / others : page::size - page::header - reserve_;
		return others + (used() < full ? used() / full : 1);
	}

private:
	std::uint32_t used() const { return pages_ == 0 ? 0 : page::size - page::header - free_; }

	std::uint32_t room() const {
		return tuples_ >= page::most_tuples || free_ < page::line_pointer ? 0 : free_ - page::line_pointer;
	}

	std::uint32_t reserve_;
	std::uint64_t pages_ = 0;
	std::uint64_t filled_ = 0; ///< bytes, of all pages but the last
	std::uint32_t free_ = 0;
	std::uint32_t tuples_ = 0; ///< of the last page
};

} // namespace warden::bloat
