// fingerprint.hpp - Whether a table is still defined as when its rows began to be copied.
#pragma once

#include "move/move_job.hpp"

namespace warden::move {

/// A digest of all that a copy depends on: of the target, of the sources and of partitions: columns, constraints,
/// indexes, user triggers, rules, owner, bounds.  Not of storage, grants, comments, or what the job itself makes.
std::string fingerprint_of(const Job &job);

} // namespace warden::move
