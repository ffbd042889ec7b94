// processes.hpp - The scheduler's processes, which the server finds by name.
#pragma once

#include "pg/server.hpp"

extern "C" {
PGDLLEXPORT void schedule_launch(Datum argument);
PGDLLEXPORT void schedule_visit(Datum argument);
PGDLLEXPORT void schedule_execute(Datum argument);
}
