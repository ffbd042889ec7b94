// drain_obstacles.hpp - What keeps the rows of a default partition from being moved, told before anything is begun.
#pragma once

#include "partition/set.hpp"

namespace warden::move {

/// Error 42809 of a set by hash, 0A000 or 55000 for what cannot be done, with what would help.  A set without a default
/// partition is none: there is nothing to move.
void check_drain(const partition::Policy &policy, const partition::Set &set);

} // namespace warden::move
