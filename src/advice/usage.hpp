// usage.hpp - How indexes were used, watched for longer than the server's counters last.
//
// The invariant: a scan that a server counted and was asked about is never forgotten, whatever happens to its counters;
// a time of which counters may have been lost unseen is a gap, and observation begins anew after it.
#pragma once

#include "pg/procedure.hpp"

#include <cstdint>

namespace warden::advice {

/// Defines the settings.  Server code, for _PG_init().
void init_usage();

/// The setting warden.advice_observation.
std::int32_t observation_minutes();

/// The setting warden.advice_standbys.
bool asks_standbys();

/// Notes what this server has counted, if that was not done within the hour.  Reports a failure, and commits.
void note_usage(const pg::Procedure &procedure);

} // namespace warden::advice
