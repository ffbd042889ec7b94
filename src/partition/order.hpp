// order.hpp - In which order sets are maintained: one that refers to another by a foreign key comes before it, so that
// what it refers to may leave in the same run.
//
// Plain C++.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace warden::partition {

using Table = std::uint32_t; // an Oid

/// A foreign key: the table that has it, and the one that it refers to.
using Reference = std::pair<Table, Table>;

/// The tables, those that refer to others before these, and otherwise as they were.  Where they refer to each other in
/// a circle, the first of them comes last.
std::vector<Table> by_references(const std::vector<Table> &tables, const std::vector<Reference> &references);

} // namespace warden::partition
