// repair_settings.hpp - The settings of the history and of repairs.
#pragma once

#include "pg/call.hpp"

#include "util/window.hpp"

namespace warden::bloat {

int history_minutes();        ///< warden.bloat_history
int snapshot_every_minutes(); ///< warden.bloat_snapshot_every
int snapshot_budget_ms();     ///< warden.bloat_snapshot_budget; 0: none are taken
bool repairs_by_itself();     ///< warden.bloat_auto_repair
Window repair_window();       ///< warden.bloat_window; without a rule: always
int max_wait_ms();            ///< warden.bloat_max_wait
std::int64_t max_lag_bytes(); ///< warden.bloat_max_lag; negative: no limit

/// Defines them.  Server code, for _PG_init().
void init_repair_settings();

} // namespace warden::bloat
