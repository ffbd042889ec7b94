#include "partition/policy.hpp"

#include "partition/partition.hpp"
#include "pg/lock.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

namespace warden::partition {

using namespace pg;

namespace {

constexpr int minutes_per_day = 24 * 60;
constinit int history_minutes = 90 * minutes_per_day; // warden.partition_history

/// A connection as the owner of our tables.
struct OwnTables {
	const PinnedSettings settings;
	const RunAs owner = RunAs::extension_owner();
	Spi spi;
};

} // namespace

std::vector<Policy> read_policies(std::optional<Oid> parent) {
	OwnTables tables;
	std::vector<Policy> policies;
	for (const auto &[relation, every, ahead, keep, detach, timezone, anchor, storage, failed] :
	     tables.spi.query_latest<Oid, Span, Span, std::optional<Span>, bool, std::string_view, Timestamptz,
	                             std::optional<std::string_view>, bool>(
			 R"(SELECT parent::oid, every, ahead, keep, on_expiry = 'detach', timezone, anchor,
			           storage_parameters::text,
			           EXISTS (SELECT FROM warden.partition_states s
			                   WHERE s.parent = p.parent AND s.last_error IS NOT NULL)
			    FROM warden.partition_policies p
			    WHERE ($1 IS NULL OR parent = $1) AND EXISTS (SELECT FROM pg_class c WHERE c.oid = p.parent)
			    ORDER BY parent)",
			 parent)) {
		policies.push_back({relation, every, ahead, keep, detach, std::string(timezone), anchor.value,
		                    storage ? std::optional<std::string>(*storage) : std::nullopt, failed});
	}
	return policies;
}

void write_policy(const Policy &policy) {
	OwnTables().spi.execute(R"(INSERT INTO warden.partition_policies AS p
	                     (parent, every, ahead, keep, on_expiry, timezone, anchor, storage_parameters)
	                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text[])
	                 ON CONFLICT (parent) WHERE parent <> 0::oid DO UPDATE
	                 SET (every, ahead, keep, on_expiry, timezone, anchor, storage_parameters)
	                     = (excluded.every, excluded.ahead, excluded.keep, excluded.on_expiry, excluded.timezone,
	                        excluded.anchor, excluded.storage_parameters))",
	                        policy.parent, policy.every, policy.ahead, policy.keep,
	                        std::string_view(policy.detach ? "detach" : "drop"), policy.timezone,
	                        Timestamptz{policy.anchor}, policy.storage_parameters);
}

bool delete_policy(Oid parent) {
	OwnTables tables;
	tables.spi.execute("DELETE FROM warden.partition_states WHERE parent = $1", parent);
	return tables.spi.execute("DELETE FROM warden.partition_policies WHERE parent = $1", parent) > 0;
}

void delete_orphans() {
	OwnTables tables;
	const auto orphans = tables.spi.query<bool>(
		R"(SELECT EXISTS (SELECT FROM warden.partition_policies p
		                  WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = p.parent)))");
	if (std::get<0>(orphans.front())) {
		tables.spi.execute(R"(DELETE FROM warden.partition_policies p
		               WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = p.parent))");
		tables.spi.execute(R"(DELETE FROM warden.partition_states s
		               WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.parent))");
	}
}

void log_step(Oid parent, const std::string &partition, const char *action, const std::string &command) {
	OwnTables().spi.execute(
		"INSERT INTO warden.partition_log (parent, partition, action, command) VALUES ($1, $2, $3, $4)", parent,
		partition, std::string_view(action), command);
}

void trim_log() {
	OwnTables tables;
	const auto past = tables.spi.query<bool>(
		"SELECT EXISTS (SELECT FROM warden.partition_log WHERE at < now() - $1 * interval '1 minute')",
		int32{history_minutes});
	if (std::get<0>(past.front())) {
		tables.spi.execute("DELETE FROM warden.partition_log WHERE at < now() - $1 * interval '1 minute'",
		                   int32{history_minutes});
	}
}

void write_state(const Policy &policy, const State &state) {
	if (!state.did_something && !state.error && !policy.failed) {
		return;
	}
	OwnTables tables;
	if (state.error) {
		tables.spi.execute(R"(INSERT INTO warden.partition_states AS s (parent, last_error, last_error_at, blocked_by)
		               VALUES ($1, $2, clock_timestamp(), $3)
		               ON CONFLICT (parent) DO UPDATE
		               SET (last_error, last_error_at, blocked_by)
		                   = (excluded.last_error, excluded.last_error_at, excluded.blocked_by))",
		                   policy.parent, state.error, state.blocked_by);
	} else {
		tables.spi.execute(R"(INSERT INTO warden.partition_states AS s (parent, last_success)
		               VALUES ($1, clock_timestamp())
		               ON CONFLICT (parent) DO UPDATE
		               SET (last_success, last_error, last_error_at, blocked_by)
		                   = (excluded.last_success, NULL, NULL, NULL))",
		                   policy.parent);
	}
}

void init() {
	pg::init_locks();
	DefineCustomIntVariable("warden.partition_history", "Sets how long the log of what was done to partitions is kept.",
	                        nullptr, &history_minutes, 90 * minutes_per_day, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MIN,
	                        nullptr, nullptr, nullptr);
}

} // namespace warden::partition
