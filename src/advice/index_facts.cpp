#include "advice/index_facts.hpp"

#include "advice/existing_indexes.hpp"
#include "advice/usage.hpp"

#include "pg/index_usage.hpp"
#include "pg/lock.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"
}

namespace warden::advice {

using namespace pg;

namespace {

// $1 what is asked for, 0: all; $2 minutes of observation; $3 whether standbys are asked.  Who is watched: this server
// ('') and the standbys; what one has told two days ago is too old.
constinit pg::Statement select_indexes{R"(
WITH RECURSIVE scope (oid) AS (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' AND $1 IN (0::oid, c.oid)
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    UNION ALL
    SELECT h.inhrelid FROM scope JOIN pg_inherits h ON h.inhparent = scope.oid JOIN pg_class c ON c.oid = h.inhrelid
    WHERE $1 <> 0::oid AND c.relispartition),
watched AS (
    SELECT '' AS server, (SELECT began_at FROM warden.advice_servers WHERE server = '') AS began_at,
           (SELECT observed_at FROM warden.advice_servers WHERE server = '') AS observed_at
    UNION ALL
    SELECT standby, observed_since, observed_at FROM warden.advice_standbys
    WHERE $3 AND (connected OR seen_at > now() - make_interval(mins => $2)))
SELECT i.indexrelid, i.indrelid, coalesce(h.inhparent, 0::oid), c.relkind = 'I', m.amname = 'btree', i.indisvalid, i.indisready,
       i.indisvalid AND i.indisready AND i.indislive, i.indisunique, i.indimmediate, i.indnullsnotdistinct,
       k.contype IN ('p', 'u', 'x'), i.indisexclusion, i.indisreplident, i.indisclustered, i.indexprs IS NOT NULL,
       EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = i.indrelid), i.indnatts::int, c.relname::text,
       CASE WHEN i.indisprimary THEN 'it is the primary key'
            WHEN k.contype = 'x' OR i.indisexclusion THEN 'it enforces an exclusion constraint'
            WHEN k.contype = 'u' THEN format('it enforces constraint "%s"', k.conname)
            WHEN k.contype = 'f' THEN format('foreign key "%s" of another table refers to it', k.conname)
            WHEN i.indisreplident THEN 'it is the replica identity of its table'
            ELSE (SELECT format('it belongs to extension "%s"', e.extname)
                  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                  WHERE d.classid = 'pg_class'::regclass AND d.objid IN (i.indexrelid, i.indrelid) AND d.deptype = 'e'
                    AND d.refclassid = 'pg_extension'::regclass
                  LIMIT 1) END,
       CASE WHEN m.amname <> 'btree' THEN concat_ws(' ', c.reloptions::text,
           (SELECT string_agg(a.attoptions::text, ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = i.indexrelid))
           ELSE '' END,
       CASE WHEN NOT i.indisvalid THEN (
           SELECT min(b.pid)
           FROM (SELECT p.pid FROM pg_stat_progress_create_index p
                 WHERE p.relid = i.indrelid AND p.datname = current_database()
                 UNION ALL
                 SELECT l.pid FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
                 WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'ShareUpdateExclusiveLock'
                   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                   AND l.relation = i.indrelid AND a.backend_type IS DISTINCT FROM 'autovacuum worker') b
           WHERE b.pid <> pg_backend_pid()) END,
       coalesce(pg_stat_get_numscans(i.indexrelid), 0), pg_stat_get_numscans(i.indexrelid) <> u.here, u.since, u.last,
       u.scans, u.writes, u.silent, pg_is_in_recovery(), now()
FROM scope JOIN pg_index i ON i.indrelid = scope.oid JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid
LEFT JOIN LATERAL (SELECT o.contype, o.conname FROM pg_constraint o WHERE o.conindid = i.indexrelid
                   ORDER BY o.contype = 'f', o.conname LIMIT 1) k ON true
CROSS JOIN LATERAL (
    SELECT max(greatest(x.observed_since, w.began_at)) AS since, max(x.last_used_at) AS last,
           coalesce(sum(x.scans), 0)::bigint AS scans, coalesce(max(x.writes) FILTER (WHERE w.server = ''), 0) AS writes,
           max(x.scans_counter) FILTER (WHERE w.server = '' AND c.relkind = 'i') AS here,
           min(w.server) FILTER (WHERE x.index IS NULL OR w.observed_at < now() - interval '2 days') AS silent
    FROM watched w LEFT JOIN warden.advice_index_use x ON x.server = w.server AND x.index = i.indexrelid) u
ORDER BY (SELECT count(*) FROM pg_partition_ancestors(i.indrelid)), i.indrelid, i.indexrelid)"};

IndexUse use_of(TimestampTz now, std::optional<Timestamptz> since, std::optional<Timestamptz> last, bool is_standby) {
	IndexUse use{
		.now = now, .window = std::int64_t{observation_minutes()} * 60 * 1000 * 1000, .is_standby = is_standby};
	if (since) {
		use.since = since->value;
	}
	if (last) {
		use.last = last->value;
	}
	return use;
}

void add_last_scan(IndexFacts &facts) {
	facts.last_scan = facts.use.last;
	if (const TimestampTz last = call(last_scan, facts.rival.id); last != 0) {
		facts.last_scan = std::max(last, facts.use.last.value_or(last));
		facts.use.last = facts.last_scan;
	}
}

std::vector<IndexFacts> read_catalog(ObjectId target) {
	const AsExtension owner;
	Spi spi;
	std::vector<IndexFacts> indexes;
	using Time = std::optional<Timestamptz>;
	using Text = std::optional<std::string_view>;
	for (const auto &[id, table, parent, is_partitioned, is_btree, is_valid, is_ready, is_usable, is_unique,
	                  is_immediate, are_nulls_equal, is_constraint, is_exclusion, is_identity, is_clustered,
	                  has_expressions, is_subscribed, columns, name, protection, parameters, builder, scans,
	                  is_used_now, since, last, observed_scans, writes, silent, is_standby, now] :
	     spi.query_latest<Oid, Oid, Oid, bool, bool, bool, bool, bool, bool, bool, bool, std::optional<bool>, bool,
	                      bool, bool, bool, bool, int32, std::string_view, Text, std::string_view, std::optional<int32>,
	                      int64, std::optional<bool>, Time, Time, int64, int64, Text, bool, Timestamptz>(
			 select_indexes, target, int32{observation_minutes()}, asks_standbys())) {
		IndexFacts facts{.table = table,
		                 .parent = parent,
		                 .protection = std::string(protection.value_or("")),
		                 .use = use_of(now.value, since, last, is_standby),
		                 .is_used_now = is_used_now.value_or(false),
		                 .is_valid = is_valid,
		                 .is_exclusion = is_exclusion,
		                 .is_clustered = is_clustered,
		                 .is_subscribed = is_subscribed,
		                 .has_expressions = has_expressions,
		                 .columns = columns};
		facts.rival = {.id = id,
		               .is_usable = is_usable,
		               .is_btree = is_btree,
		               .must_stay = protection.has_value() || parent != 0,
		               .is_unique = is_unique,
		               .is_immediate = is_immediate,
		               .are_nulls_equal = are_nulls_equal,
		               .rank = is_constraint.value_or(false) ? 2 : int{is_identity},
		               .parameters = std::string(parameters),
		               .scans = scans};
		facts.invalid = {.name = std::string(name),
		                 .builder = builder,
		                 .is_partitioned = is_partitioned,
		                 .is_unique = is_unique,
		                 .is_ready = is_ready,
		                 .is_constraint = is_constraint.value_or(false)};
		facts.use.scans = observed_scans;
		facts.use.writes = writes;
		if (silent) {
			facts.use.silent = std::string(*silent);
			facts.use.since.reset();
		}
		add_last_scan(facts);
		indexes.push_back(std::move(facts));
	}
	return indexes;
}

std::int64_t bytes_of(Relation relation) {
	return RELKIND_HAS_STORAGE(relation->rd_rel->relkind)
	           ? std::int64_t{call([&] { return RelationGetNumberOfBlocks(relation); })} * BLCKSZ
	           : 0;
}

/// Whether all rows of one index are in another.
bool contains(const IndexFacts &all, const IndexFacts &some) {
	return all.rival.shape.predicate.empty() || all.rival.shape.predicate == some.rival.shape.predicate ||
	       (!some.rival.shape.predicate.empty() && is_implied(all.rival.shape.predicate, some.rival.shape.predicate));
}

/// Reads shapes and sizes.  What is locked, or goes meanwhile, is left as it is.
void look_at(std::span<IndexFacts> indexes) {
	const Oid table = indexes.front().table;
	const auto error = try_out([&] {
		if (!lock_if_free(table, AccessShareLock)) {
			return;
		}
		const AsReadingOwner owner(owner_of(table));
		const OpenRelation opened(table, NoLock);
		const std::int64_t table_bytes = bytes_of(opened.get());
		for (IndexFacts &facts : indexes) {
			check_for_interrupts();
			if (!lock_if_free(facts.rival.id, AccessShareLock)) {
				continue;
			}
			facts.rival.shape = shape_as_it_is(facts.rival.id);
			facts.rival.bytes = bytes_of(OpenRelation(facts.rival.id, NoLock).get());
			facts.table_bytes = table_bytes;
			facts.is_looked_at = true;
		}
		for (IndexFacts &facts : indexes) {
			facts.rival.is_usable = facts.rival.is_usable && facts.is_looked_at;
			for (std::size_t other = 0; other < indexes.size(); ++other) {
				if (facts.is_looked_at && indexes[other].is_looked_at && contains(facts, indexes[other])) {
					facts.rival.within.insert(other);
				}
			}
		}
	});
	if (error) {
		for (IndexFacts &facts : indexes) {
			facts.is_looked_at = false;
			facts.rival.is_usable = false;
		}
	}
}

/// An index of a partitioned table is what is attached to it, all together.
void add_up(std::vector<IndexFacts> &indexes) {
	for (std::size_t i = indexes.size(); i-- > 0;) { // partitions come after what they are of
		const IndexFacts &part = indexes[i];
		if (part.is_used_now) {
			indexes[i].use.last = part.use.now;
			indexes[i].last_scan = part.use.now;
		}
		const auto parent = std::ranges::find_if(
			indexes, [&](const IndexFacts &facts) { return part.parent != 0 && facts.rival.id == part.parent; });
		if (parent == indexes.end()) {
			continue;
		}
		parent->rival.bytes += part.rival.bytes;
		parent->rival.scans += part.rival.scans;
		parent->table_bytes += part.table_bytes;
		parent->is_used_now = parent->is_used_now || part.is_used_now;
		parent->is_looked_at = parent->is_looked_at && part.is_looked_at;
		parent->last_scan = std::max(parent->last_scan, part.last_scan);
		parent->use.last = std::max(parent->use.last, part.use.last);
		if (!part.protection.empty() && parent->protection.empty()) {
			parent->protection = "of the one attached to it: " + part.protection;
			parent->rival.must_stay = true;
		}
	}
}

} // namespace

std::vector<IndexFacts> read_indexes(ObjectId target) {
	std::vector<IndexFacts> indexes = read_catalog(target);
	for_each_table(indexes, look_at);
	add_up(indexes);
	return indexes;
}

bool is_implied(const std::string &predicate, const std::string &by) {
	const ScratchMemory memory;
	return call([&] {
		return predicate_implied_by(static_cast<List *>(stringToNode(predicate.c_str())),
		                            static_cast<List *>(stringToNode(by.c_str())), false);
	});
}

} // namespace warden::advice
