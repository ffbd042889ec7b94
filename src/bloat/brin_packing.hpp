// brin_packing.hpp - How many pages a BRIN index takes after REINDEX.
//
// Plain C++.  The invariant: given the summaries in the order of their ranges, it is the size that CREATE INDEX makes,
// to the page.
#pragma once

#include <cstdint>

namespace warden::bloat {

class BrinPacking {
public:
	/// A summary of so many bytes.
	void add(std::uint32_t length) {
		const std::uint32_t taken = (length + 7U) / 8U * 8U + 4;
		// The server wants room for a line pointer more than it takes.
		if (pages_ == 0 || taken + 4 > free_) {
			++pages_;
			free_ = room;
		}
		free_ -= taken;
		++summaries_;
	}

	std::uint64_t summaries() const { return summaries_; }

	/// With the first page, and those that say where the summary of a range is.
	std::uint64_t pages() const {
		const std::uint64_t maps = (summaries_ + places - 1) / places;
		return 1 + (maps > 0 ? maps : 1) + pages_;
	}

	static constexpr std::uint32_t room = 8192 - 24 - 8;
	static constexpr std::uint64_t places = room / 6; ///< of summaries, in a page of the map

private:
	std::uint64_t pages_ = 0;
	std::uint64_t summaries_ = 0;
	std::uint32_t free_ = 0;
};

} // namespace warden::bloat
