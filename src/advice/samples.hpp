// samples.hpp - What was sampled, as it is remembered: the table warden.advice_samples, and what is still in shared
// memory.
#pragma once

#include "advice/workload.hpp"

#include "pg/procedure.hpp"

namespace warden::advice {

/// Takes what was sampled in this database from shared memory into the table, and forgets there what is too old or too
/// much.  What fails is a WARNING.
void take_in_samples(const pg::Procedure &procedure);

/// All that was sampled, one for a sample; those of a statement stand next to each other.  With the text as it was run.
std::vector<Recorded> read_samples();

} // namespace warden::advice
