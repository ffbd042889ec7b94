#include "bloat/horizon.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "utils/backend_status.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

// $1 whether of all databases, $2 whether of a catalog.
constinit Statement select_holder{R"(
SELECT holder, CASE WHEN kind = 'prepared transaction' AND database <> current_database() THEN '' ELSE coalesce(command, '') END,
       coalesce(kind = 'session' AND pid = pg_backend_pid(), false)
FROM warden.bloat_horizon()
WHERE ($1 OR kind NOT IN ('session', 'prepared transaction') OR coalesce(database = current_database(), true))
  AND ($2 OR holds = 'all')
LIMIT 1)"};

} // namespace

std::optional<Holder> find_holder(bool is_shared, bool is_catalog) {
	call(pgstat_clear_backend_activity_snapshot); // what this transaction has seen before may be long ago
	const AsExtension owner;
	Spi spi;
	for (const auto &[who, command, is_self] :
	     spi.query_latest<std::string_view, std::string_view, bool>(select_holder, is_shared, is_catalog)) {
		return Holder{std::string(who), std::string(command), is_self};
	}
	return std::nullopt;
}

} // namespace warden::bloat
