#include "bloat/remedy.hpp"

#include <utility>

namespace warden::bloat {

namespace {

constexpr const char *share_update_exclusive = "SHARE UPDATE EXCLUSIVE";
constexpr const char *access_exclusive = "ACCESS EXCLUSIVE";
constexpr const char *access_exclusive_at_the_end = "ACCESS EXCLUSIVE, only at the end";

double seconds_for(std::int64_t bytes) {
	return static_cast<double>(bytes) / bytes_a_second;
}

std::int64_t wal_for(const Facts &facts, std::int64_t bytes) {
	return facts.writes_wal ? bytes : 0;
}

std::string for_shell(const std::string &text) {
	std::string quoted = "'";
	for (const char c : text) {
		quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
	}
	return quoted + "'";
}

std::string rewrite_command(const Facts &facts) {
	switch (facts.rewriter) {
	case Rewriter::Repack:
		return "REPACK (CONCURRENTLY) " + facts.table;
	case Rewriter::PgRepack:
		return "pg_repack --dbname=" + for_shell(facts.database) + " --table=" + for_shell(facts.table);
	case Rewriter::PgSqueeze:
		return "SELECT squeeze.squeeze_table(" + facts.squeeze_arguments + ", NULL, NULL, NULL)";
	default:
		return "VACUUM (FULL, ANALYZE) " + facts.table;
	}
}

} // namespace

Remedy no_remedy() {
	return {};
}

Remedy just_run(std::string command) {
	if (command.empty()) {
		return {};
	}
	return {.command = std::move(command), .lock = {}, .disk_bytes = 0, .wal_bytes = {}, .seconds = {}};
}

Remedy vacuum(const Facts &facts, const std::string &options) {
	// How much WAL: an image of each page that has dead rows perhaps, and it is not known how many these are.
	return {.command = "VACUUM " + (options.empty() ? "" : "(" + options + ") ") + facts.table,
	        .lock = share_update_exclusive,
	        .disk_bytes = 0,
	        .wal_bytes = facts.writes_wal ? std::nullopt : std::optional<std::int64_t>(0),
	        .seconds = seconds_for(facts.family_bytes)};
}

Remedy rewrite(const Facts &facts) {
	return {.command = rewrite_command(facts),
	        .lock = facts.rewriter == Rewriter::VacuumFull ? access_exclusive : access_exclusive_at_the_end,
	        .disk_bytes = facts.family_rewritten,
	        .wal_bytes = wal_for(facts, facts.family_rewritten),
	        .seconds = seconds_for(facts.family_bytes + facts.family_rewritten)};
}

Remedy rebuild(const Facts &facts, std::int64_t bytes) {
	// It reads the table twice if it lets others write meanwhile.
	const int readings = facts.can_be_concurrent ? 2 : 1;
	return {.command = (facts.can_be_concurrent ? "REINDEX INDEX CONCURRENTLY " : "REINDEX INDEX ") + facts.name,
	        .lock = facts.can_be_concurrent ? share_update_exclusive : access_exclusive,
	        .disk_bytes = bytes,
	        .wal_bytes = wal_for(facts, bytes),
	        .seconds = seconds_for(readings * facts.table_bytes + bytes)};
}

Remedy drop_index(const Facts &facts) {
	return {.command = "DROP INDEX CONCURRENTLY " + facts.name,
	        .lock = share_update_exclusive,
	        .disk_bytes = 0,
	        .wal_bytes = 0,
	        .seconds = 0};
}

} // namespace warden::bloat
