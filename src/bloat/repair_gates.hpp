// repair_gates.hpp - Why a repair has to wait: looked at directly before it.
//
// The invariant: a look asks for no lock, and two looks at the same obstacle say the same words, so that waiting writes
// nothing.
#pragma once

#include "bloat/repair_plan.hpp"

namespace warden::bloat {

/// The first gate that is closed; none if the repair may begin.  bytes: of new files that it makes, at most.
std::optional<std::string> find_closed_gate(Action action, Oid relation, Oid table, std::int64_t bytes);

} // namespace warden::bloat
