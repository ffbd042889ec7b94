// page_draw.hpp - Which pages a sample reads.
//
// Plain C++.  The invariant: the same seed draws the same pages of as many, on every machine; each page is as likely as
// any other, and none comes twice; what has been read when the time is over is a sample too.
#pragma once

#include <cstdint>
#include <vector>

namespace warden::bloat {

/// So many of the pages from first to end - 1, or all of them: in an order at random, but that of the file within each
/// stretch of some dozens, for the sake of who reads them.
std::vector<std::uint32_t> draw_pages(std::uint32_t first, std::uint32_t end, std::uint64_t count, std::uint32_t seed);

} // namespace warden::bloat
