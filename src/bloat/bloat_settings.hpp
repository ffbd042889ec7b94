// bloat_settings.hpp - The settings of measuring.
#pragma once

#include "bloat/verdict.hpp"

namespace warden::bloat {

Thresholds thresholds(); ///< warden.bloat_min_size, bloat_min_waste and bloat_min_ratio
int cost_delay_ms();     ///< warden.bloat_cost_delay

/// Defines them.  Server code, for _PG_init().
void init_settings();

} // namespace warden::bloat
