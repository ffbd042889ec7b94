// outcomes.hpp - Measures what became of the indexes that were advised.
//
// The invariants: where nothing was built, dropped or is due, nothing is written; no lock is stronger than ACCESS
// SHARE, and none is waited for; one table's failure does not stop the others.
#pragma once

#include "pg/procedure.hpp"

namespace warden::advice {

/// Defines the settings.  Server code, for _PG_init().
void init_outcomes();

/// The part of CALL maintain(): commits after each table.
void measure_outcomes(const pg::Procedure &procedure);

} // namespace warden::advice
