// undo_order.hpp - In which order rows get back what only one row can have.
//
// The invariant: a row comes after the one that holds what it is to get, unless rows hold each other's: then no order
// would do, and the server refuses it.
#pragma once

#include "audit/undo_plan.hpp"

#include <vector>

namespace warden::audit {

/// Updates, which are in the order that they should have otherwise.
std::vector<Undo *> by_holders(const std::vector<Undo *> &updates);

} // namespace warden::audit
