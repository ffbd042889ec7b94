#include "move/move_load.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

namespace warden::move {

using namespace pg;

namespace {

// How far the connected replica is behind that is behind most: a standby by what it has replayed, a logical subscriber
// by what it has applied, who only receives by what it has flushed.
constinit Statement select_lag{R"(
SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(replay_lsn, flush_lsn, write_lsn)))::bigint
FROM pg_stat_get_wal_senders() WHERE state IN ('streaming', 'catchup'))"};

constinit Statement select_active{R"(
SELECT count(*)::integer FROM pg_stat_get_activity(NULL)
WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid())"};

} // namespace

std::optional<std::string> find_overload(const Limits &limits) {
	if (!limits.lag_bytes && !limits.sessions) {
		return std::nullopt;
	}
	const AsExtension owner;
	Spi spi;
	if (limits.lag_bytes) {
		const auto lag = std::get<0>(spi.query_latest<std::optional<int64>>(select_lag).front()).value_or(0);
		if (lag > *limits.lag_bytes) {
			return format("a replica is %lld bytes behind", static_cast<long long>(lag));
		}
	}
	if (limits.sessions) {
		const int active = std::get<0>(spi.query_latest<int32>(select_active).front());
		if (active > *limits.sessions) {
			return format("%d sessions are active", active);
		}
	}
	return std::nullopt;
}

} // namespace warden::move
