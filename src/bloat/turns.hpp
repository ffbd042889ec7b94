// turns.hpp - Work that one process of a database does at a time.
//
// The invariant: who has the turn keeps it over commits, and loses it by an error that ends its transaction or with its
// process, whatever kills that.
#pragma once

#include "pg/call.hpp"

namespace warden::bloat {

enum class Turn : std::uint8_t { Repairs = 2, Snapshots = 3 };

/// False, at once, if another process has it.
bool take_turn(Turn turn);
void end_turn(Turn turn);

} // namespace warden::bloat
