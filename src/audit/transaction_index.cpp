#include "audit/transaction_index.hpp"

#include "partition/bounds.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

namespace warden::audit {

using namespace pg;

namespace {

// Not one that was dropped by hand.
constinit Statement select_logs{
	"SELECT log::oid FROM warden.audit_classes WHERE EXISTS (SELECT FROM pg_class WHERE oid = log::oid)"};

constinit Statement select_unindexed{R"(
SELECT t.relid::oid FROM pg_partition_tree($1::oid::regclass) t
WHERE t.isleaf AND pg_relation_size(t.relid) > 0
  AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
                  WHERE i.indrelid = t.relid AND m.amname = 'brin'))"};

/// Those of one part of the log.
std::vector<Oid> find_closed(Oid log) {
	std::vector<Oid> unindexed;
	for (const auto &[table] : Spi().query_latest<Oid>(select_unindexed, log)) {
		unindexed.push_back(table);
	}
	if (unindexed.empty()) {
		return {};
	}
	const partition::Bounds bounds = partition::read_bounds(OpenRelation(log, AccessShareLock), std::nullopt);
	const TimestampTz now = call(GetCurrentTimestamp);
	std::vector<Oid> closed;
	for (std::size_t i = 0; i < bounds.ranges.size(); ++i) {
		if (bounds.ranges[i].upper <= now && std::ranges::count(unindexed, bounds.oids[i]) > 0) {
			closed.push_back(bounds.oids[i]);
		}
	}
	return closed;
}

} // namespace

bool index_closed_partition() {
	const AsExtension owner;
	std::vector<Oid> logs;
	for (const auto &[log] : Spi().query_latest<Oid>(select_logs)) {
		logs.push_back(log);
	}
	for (const Oid log : logs) {
		for (const Oid table : find_closed(log)) {
			// Not two at once: the other one's index is seen then.
			if (lock_if_free(table, ShareRowExclusiveLock) && std::ranges::count(find_closed(log), table) > 0) {
				Spi().execute(("CREATE INDEX ON " + qualified_name(table) + " USING brin (transaction, id)").c_str());
				return true;
			}
		}
	}
	return false;
}

} // namespace warden::audit
