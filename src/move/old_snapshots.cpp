#include "move/old_snapshots.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <cstring>
#include <string_view>

extern "C" {
#include "storage/fd.h"
}

namespace warden::move {

using namespace pg;

namespace {

// $1 the transaction id, $2 a moment after its commit.  The horizon
// of a snapshot alone is not enough: while a long transaction writes, new snapshots have an old one as well.  Read as
// the extension's owner, who sees the processes of others; what is told of them is who they are, not what they run.
constinit Statement select_holders{R"(
SELECT string_agg(who, '; ' ORDER BY since, who)
FROM (SELECT a.xact_start AS since,
             CASE WHEN a.usesysid IS NULL THEN format('process %s (%s)', a.pid, a.backend_type)
                  ELSE format('process %s (user "%s"%s, %s)', a.pid, pg_get_userbyid(a.usesysid),
                              ', application "' || nullif(a.application_name, '') || '"', a.state)
             END || coalesce(' since ' || to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'), '') AS who
      FROM pg_stat_get_activity(NULL) a
      WHERE a.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND a.pid <> pg_backend_pid()
        AND a.backend_type NOT IN ('autovacuum worker', 'parallel worker')
        AND age(a.backend_xmin) >= age($1::xid) AND coalesce(a.xact_start <= $2, true)
        AND NOT EXISTS (SELECT FROM pg_stat_get_progress_info('VACUUM') v WHERE v.pid = a.pid)
      ORDER BY 1 LIMIT 5) holder)"};

// Server code.  Of whatever database: who it is of, the name of the file does not say.
bool has_exported_snapshot() {
	constexpr char folder[] = "pg_snapshots";
	DIR *const files = AllocateDir(folder);
	bool has = false;
	for (const dirent *file = ReadDir(files, folder); file != nullptr && !has; file = ReadDir(files, folder)) {
		has = strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0;
	}
	FreeDir(files);
	return has;
}

} // namespace

bool may_be_given_away() {
	return call(has_exported_snapshot);
}

std::optional<std::string> find_old_snapshot(const Mark &mark) {
	const AsExtension owner;
	Spi spi;
	const auto rows =
		spi.query_latest<std::optional<std::string_view>>(select_holders, format("%u", mark.xid), Timestamptz{mark.at});
	const auto &who = std::get<0>(rows.front());
	return who ? std::optional("older snapshots: " + std::string(*who)) : std::nullopt;
}

} // namespace warden::move
