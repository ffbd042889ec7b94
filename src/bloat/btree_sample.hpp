// btree_sample.hpp - A B-tree, from some of its pages.
#pragma once

#include "bloat/subject.hpp"

#include <optional>

namespace warden::bloat {

/// Nothing if it is as well to read all of it: the sample would be a third of it, and what all of it takes is allowed.
std::optional<Measurement> sample_btree(Relation index, Relation heap, const Effort &effort);

} // namespace warden::bloat
