#include "bloat/repair_settings.hpp"

#include <climits>

namespace warden::bloat {

using namespace pg;

namespace {

constexpr int minutes_per_day = 24 * 60;
constexpr int megabyte = 1024 * 1024;

constinit int history = 365 * minutes_per_day;
constinit int every = minutes_per_day;
constinit int budget = 5000;
constinit bool by_itself = false;
constinit char *window = nullptr;
constinit int max_lag = 1024;
constinit int max_wait = 60'000;

Window read_window(const char *text) {
	return *text == '\0' ? Window() : parse_window(text);
}

// The server's check hook.
bool check_window(char **value, void **, GucSource) {
	return entry([&] {
		const auto error = error_of([&] { read_window(*value); });
		if (error) {
			call([&] {
				GUC_check_errmsg("%s", error->message.c_str());
				GUC_check_errdetail("%s", error->detail.c_str());
				GUC_check_errhint("%s", error->hint.c_str());
			});
		}
		return !error;
	});
}

} // namespace

int history_minutes() {
	return history;
}

int snapshot_every_minutes() {
	return every;
}

int snapshot_budget_ms() {
	return budget;
}

bool repairs_by_itself() {
	return by_itself;
}

Window repair_window() {
	return read_window(window);
}

int max_wait_ms() {
	return max_wait;
}

std::int64_t max_lag_bytes() {
	return std::int64_t{max_lag} * megabyte;
}

void init_repair_settings() {
	DefineCustomBoolVariable("warden.bloat_auto_repair", "Has maintenance repair what verdicts of bloat recommend.",
	                         "By REINDEX CONCURRENTLY and VACUUM, never by a rewrite that locks.", &by_itself, false,
	                         PGC_SUSET, 0, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("warden.bloat_history", "Sets how long measurements and repairs are remembered.", nullptr,
	                        &history, 365 * minutes_per_day, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MIN, nullptr, nullptr,
	                        nullptr);
	DefineCustomIntVariable(
		"warden.bloat_max_lag", "Sets how far standbys and replication slots may be behind when a repair begins.",
		"-1 means without limit.", &max_lag, 1024, -1, INT_MAX, PGC_SUSET, GUC_UNIT_MB, nullptr, nullptr, nullptr);
	DefineCustomIntVariable(
		"warden.bloat_max_wait", "Sets how long REINDEX CONCURRENTLY waits for transactions of others at each step.",
		"Nobody who reads or writes waits for it. Behind one that is open for longer it does not begin.", &max_wait,
		60'000, 1, 3'600'000, PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
	DefineCustomIntVariable(
		"warden.bloat_snapshot_budget", "Sets how long each maintenance measures for the history of bloat.",
		"0 takes no snapshots.", &budget, 5000, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("warden.bloat_snapshot_every",
	                        "Sets after what time a relation is measured again for the history of bloat.", nullptr,
	                        &every, minutes_per_day, 1, INT_MAX, PGC_SUSET, GUC_UNIT_MIN, nullptr, nullptr, nullptr);
	DefineCustomStringVariable(
		"warden.bloat_window", "Sets the days and hours in which repairs may run.",
		"For instance \"Mon-Fri 22:00-06:00; Sat,Sun\"; empty means always, but for a rewrite that "
		"locks.",
		&window, "", PGC_SUSET, 0, check_window, nullptr, nullptr);
}

} // namespace warden::bloat
