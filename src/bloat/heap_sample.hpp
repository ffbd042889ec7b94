// heap_sample.hpp - A heap by some of its pages.
//
// The invariants: nineteen of twenty samples have the truth between low and high; and no more is read than was allowed.
#pragma once

#include "bloat/measurement.hpp"

#include "pg/call.hpp"

#include <optional>

namespace warden::bloat {

/// Nothing if a sample would be so much of the file that it is better read whole, and that is allowed.
std::optional<Measurement> sample_heap(Relation relation, const Effort &effort);

} // namespace warden::bloat
