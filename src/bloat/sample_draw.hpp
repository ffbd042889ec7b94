// sample_draw.hpp - Which pages a sample is made of.
//
// Plain C++.  The invariant: each number is drawn once at most, each as likely as the others, and in an order that is
// random too: what is drawn first is a sample by itself.
#pragma once

#include "bloat/random_numbers.hpp"

#include <cstdint>
#include <vector>

namespace warden::bloat {

/// So many of the numbers from 0 to less than population, or all of them.
std::vector<std::uint32_t> draw(RandomNumbers &numbers, std::uint32_t population, std::uint64_t count);

} // namespace warden::bloat
