// index_moves.hpp - Indexes made of others: one that serves what two do, and ones that do less in less room.
//
// Plain C++, for B-trees.  The invariant: what is made is in the same normal form as what it is made of.
#pragma once

#include "advice/index_shape.hpp"

namespace warden::advice {

/// Indexes that each do what the first does, and for the second: look up by its keys too, if after others, or give its
/// columns back.  None if they are of different tables, methods or rows.
std::vector<IndexShape> merge(const IndexShape &first, const IndexShape &second);

/// The index without the columns that it only carries, and without its last key.
std::vector<IndexShape> narrow(const IndexShape &shape);

} // namespace warden::advice
