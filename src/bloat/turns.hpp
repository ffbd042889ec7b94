// turns.hpp - Work that one process of a database does at a time.
//
// The invariant: who has the turn keeps it over commits, and loses it by an error that ends its transaction or with its
// process, whatever kills that.
#pragma once

#include "pg/call.hpp"

#include <cstdint>
#include <optional>

extern "C" {
#include "storage/lock.h"
}

namespace warden::bloat {

enum class Turn : std::uint8_t { Repairs = 2, Snapshots = 3 };

/// Nothing, at once, if another process has it.
std::optional<LOCKTAG> take_turn(Turn turn);

/// Of what take_turn() returned: the extension may have been dropped meanwhile, and made again.
void end_turn(LOCKTAG turn);

} // namespace warden::bloat
