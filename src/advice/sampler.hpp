// sampler.hpp - Statements as they are run, a few of many: their text with its constants, and what running them took.
//
// Server code that owns nothing, in every session of a server that has the library preloaded.  The invariants: it
// raises no error of its own in a user's statement, waits for nobody, and keeps nothing beside its place in shared
// memory.
#pragma once

#include "pg/server.hpp"

namespace warden::advice {

/// Defines the settings; where the library is preloaded installs the hooks.  For _PG_init().
void init_sampler();

/// warden.advice_sample_queries, how many there is room for; how long they are remembered.
int sampled_queries();
int sample_retention_minutes();

/// How many are remembered of a database at most.
inline constexpr int most_remembered = 3000;

} // namespace warden::advice
