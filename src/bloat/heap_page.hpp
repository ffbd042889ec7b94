// heap_page.hpp - What is on one page of a heap.
//
// Server code.  The invariant: its account sums to the page, and the lengths are those that a rewrite would store.
#pragma once

#include "bloat/byte_account.hpp"
#include "bloat/heap_packing.hpp"
#include "bloat/tuple_fate.hpp"

extern "C" {
#include "storage/bufpage.h"
}

namespace warden::bloat {

struct HeapPage {
	Account account;
	std::uint16_t kept;                       ///< tuples that a rewrite keeps
	std::uint16_t dead;                       ///< that VACUUM removes
	std::uint16_t blocked;                    ///< that it must leave
	std::uint16_t lengths[page::most_tuples]; ///< of those that are kept, as a rewrite stores them, in their order
};

} // namespace warden::bloat
