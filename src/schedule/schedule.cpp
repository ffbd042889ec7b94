#include "schedule/schedule.hpp"

#include "pg/worker.hpp"
#include "schedule/board.hpp"
#include "schedule/processes.hpp"
#include "schedule/settings.hpp"

namespace warden::schedule {

void init() {
	init_settings();
	// During an upgrade the server is not to change by itself.
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade) {
		return;
	}
	init_board();
	BackgroundWorker launcher = pg::describe_worker("pg_warden launcher");
	launcher.bgw_restart_time = 1;
	strlcpy(launcher.bgw_function_name, "schedule_launch", BGW_MAXLEN);
	RegisterBackgroundWorker(&launcher);
}

} // namespace warden::schedule
