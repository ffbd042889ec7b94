// byte_account.hpp - What each byte of a file is for.
//
// Plain C++.  The invariant: the six kinds of bytes sum to the file, to the byte, however they were found out.
#pragma once

#include <cstdint>

namespace warden::bloat {

/// Bytes of a page, or of a file.  Of an index, "row" reads "entry".
struct Account {
	std::int64_t live = 0;     ///< rows that a rewrite keeps, with their headers, without alignment after them
	std::int64_t overhead = 0; ///< page headers, line pointers, alignment; of an index all pages that have no entries
	std::int64_t reserve = 0;  ///< empty by the fill factor: a rewrite would leave it again
	std::int64_t vacuum_frees = 0; ///< dead for everybody: VACUUM makes it free
	std::int64_t blocked = 0;      ///< dead, but somebody may see it still
	std::int64_t free = 0;         ///< empty, and there for new rows

	std::int64_t sum() const { return live + overhead + reserve + vacuum_frees + blocked + free; }

	Account &operator+=(const Account &other) {
		live += other.live;
		overhead += other.overhead;
		reserve += other.reserve;
		vacuum_frees += other.vacuum_frees;
		blocked += other.blocked;
		free += other.free;
		return *this;
	}

	bool operator==(const Account &) const = default;
};

/// An account of some pages, in proportion for so many bytes; it sums to these.
Account scaled_to(const Account &some, std::int64_t bytes);

} // namespace warden::bloat
