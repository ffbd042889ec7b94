// btree_sample.hpp - A B-tree, from some of its pages.
#pragma once

#include "bloat/subject.hpp"

#include <optional>

namespace warden::bloat {

/// Nothing, if it may decline and it is as well to read all of it: it is small, or the sample would be a third of it,
/// and what all of it takes is allowed.
std::optional<Measurement> sample_btree(Relation index, Relation heap, const Effort &effort, bool may_decline);

} // namespace warden::bloat
