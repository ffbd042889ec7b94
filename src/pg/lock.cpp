#include "pg/lock.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
}

namespace warden::pg {

namespace {

constinit int timeout_ms = 200;
constinit int retries = 5;
constinit int retry_delay_ms = 1000;

struct Holders {
	std::string who;       ///< empty if there are none
	int64 longest_open_ms; ///< the age of their oldest transaction
	bool has_autovacuum;   ///< one that gives way
};

// $1 the relation, $2 the modes in conflict.  Also who waits for such a lock: he is before us.  A prepared transaction
// has no process, and keeps the virtual transaction of the one that it was prepared in until the server restarts.
constinit Statement select_holders{R"(
SELECT string_agg(who, '; ' ORDER BY who),
       coalesce(max(extract(epoch FROM age) * 1000) FILTER (WHERE NOT gives_way), 0)::bigint,
       coalesce(bool_or(gives_way), false)
FROM (SELECT DISTINCT clock_timestamp() - coalesce(a.xact_start, p.prepared) AS age,
             coalesce(a.backend_type = 'autovacuum worker' AND a.query NOT LIKE '%(to prevent wraparound)', false)
                 AS gives_way,
             CASE WHEN l.pid IS NULL THEN format('prepared transaction "%s" of user "%s"', p.gid, p.owner)
                  WHEN a.usename IS NULL THEN format('process %s (%s)', l.pid, a.backend_type)
                  ELSE format('process %s (user "%s"%s%s)', l.pid, a.usename,
                              ', application "' || nullif(a.application_name, '') || '"',
                              ', ' || a.state || ', transaction open for '
                              || extract(epoch FROM clock_timestamp() - a.xact_start)::bigint || ' s')
             END || CASE WHEN l.granted THEN '' ELSE ', who waits for it' END AS who
      FROM pg_locks l
      LEFT JOIN pg_stat_activity a ON a.pid = l.pid
      LEFT JOIN (pg_prepared_xacts p JOIN pg_locks x ON x.locktype = 'transactionid' AND x.transactionid = p.transaction
                 AND x.pid IS NULL) ON l.pid IS NULL AND x.virtualtransaction = l.virtualtransaction
      WHERE l.locktype = 'relation' AND l.relation = $1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.mode = ANY (string_to_array($2, ',')) AND l.pid IS DISTINCT FROM pg_backend_pid()) holder)"};

// The same relation and modes.
constinit Statement cancel_autovacuum{R"(
SELECT pg_cancel_backend(a.pid)
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.relation = $1 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.mode = ANY (string_to_array($2, ','))
  AND a.backend_type = 'autovacuum worker' AND a.query NOT LIKE '%(to prevent wraparound)')"};

std::string modes_in_conflict_with(LOCKMODE mode) {
	std::string modes;
	for (LOCKMODE other = AccessShareLock; other <= MaxLockMode; ++other) {
		if (call(DoLockModesConflict, mode, other)) {
			modes += call(GetLockmodeName, static_cast<LOCKMETHODID>(DEFAULT_LOCKMETHOD), other);
			modes += ',';
		}
	}
	return modes;
}

// Who holds a lock that conflicts, or is before us.  Read as the extension's owner, who sees all of pg_stat_activity;
// what is told of others is their name, not what they run.  Autovacuum is asked to give way: the server would do that
// for us only after deadlock_timeout, when we have long ceased to wait.
Holders find_holders(Oid relation, LOCKMODE mode) {
	const std::string modes = modes_in_conflict_with(mode);
	const AsExtension owner;
	Spi spi;
	const auto rows = spi.query<std::optional<std::string_view>, int64, bool>(select_holders, relation, modes);
	const auto &[who, longest, has_autovacuum] = rows.front();
	if (has_autovacuum) {
		spi.query<bool>(cancel_autovacuum, relation, modes);
	}
	return {std::string(who.value_or("")), longest, has_autovacuum};
}

Error not_available(const std::string &message, const Holders &holders) {
	return Error(ERRCODE_LOCK_NOT_AVAILABLE, message)
	    .with_detail(holders.who.empty() ? "Who held it has let go meanwhile." : "Held by " + holders.who + ".");
}

std::optional<Refusal> refusal_by(Oid relation, const Holders &holders) {
	if (holders.longest_open_ms <= int64{10} * timeout_ms) {
		return std::nullopt;
	}
	return Refusal{
		not_available(format("%s is in use by a long transaction", qualified_name(relation).c_str()), holders), true};
}

void check_exists(Oid relation) {
	if (!relation_exists(relation)) {
		throw Error(ERRCODE_UNDEFINED_TABLE, format("relation with OID %u does not exist", relation));
	}
}

} // namespace

std::optional<Refusal> take_lock(Oid relation, LOCKMODE mode) {
	if (call(ConditionalLockRelationOid, relation, mode)) {
		return std::nullopt;
	}
	const std::string name = qualified_name(relation);
	const Holders holders = find_holders(relation, mode);
	if (auto refusal = refusal_by(relation, holders)) {
		return refusal;
	}
	if (const auto error = attempt([&] { call(LockRelationOid, relation, mode); })) {
		if (!is_blocked(*error)) {
			throw Error(*error);
		}
		// Those who were there before us: who has come since may have got the lock when we gave up.
		return Refusal{
			not_available(format("could not obtain lock on %s within %d ms", name.c_str(), timeout_ms), holders),
			false};
	}
	return std::nullopt;
}

std::optional<Refusal> find_long_holder(Oid relation, LOCKMODE mode) {
	return refusal_by(relation, find_holders(relation, mode));
}

std::optional<Refusal> find_holder(Oid relation, LOCKMODE mode) {
	if (lock_if_free(relation, mode)) {
		call(UnlockRelationOid, relation, mode);
		return std::nullopt;
	}
	const Holders holders = find_holders(relation, mode);
	return Refusal{not_available(format("could not obtain lock on %s", qualified_name(relation).c_str()), holders),
	               holders.longest_open_ms > int64{10} * timeout_ms};
}

bool lock_if_free(Oid relation, LOCKMODE mode) {
	return call(ConditionalLockRelationOid, relation, mode);
}

void lock(Oid relation, LOCKMODE mode) {
	if (const auto refusal = take_lock(relation, mode)) {
		throw Error(refusal->error);
	}
	check_exists(relation);
}

void lock_now(Oid relation, LOCKMODE mode) {
	if (!call(ConditionalLockRelationOid, relation, mode)) {
		const Holders holders = find_holders(relation, mode);
		bool got = false;
		// An autovacuum that was cancelled is gone in a moment.  Who is just ending his transaction lets go of one lock
		// after the other: that he had the first no more is how we came to ask for this one.
		const int most = holders.has_autovacuum ? 20 : 5;
		for (int tries = 0; !got && tries < most; ++tries) {
			call(pg_usleep, 1000L);
			got = call(ConditionalLockRelationOid, relation, mode);
		}
		if (!got) {
			throw not_available(format("could not obtain lock on %s", qualified_name(relation).c_str()), holders);
		}
	}
	check_exists(relation);
}

void lock_tree_now(Oid relation, LOCKMODE mode) {
	const List *const tree = call(find_all_inheritors, relation, NoLock, static_cast<List **>(nullptr));
	for (int i = 0; i < tree->length; ++i) {
		lock_now(tree->elements[i].oid_value, mode);
	}
}

bool is_blocked(const Error &error) {
	return error.sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || error.sqlstate == ERRCODE_OBJECT_IN_USE ||
	       error.sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED;
}

int lock_timeout_ms() {
	return timeout_ms;
}

int lock_retries() {
	return retries;
}

int lock_retry_delay_ms() {
	return retry_delay_ms;
}

void init_locks() {
	DefineCustomIntVariable("warden.lock_retries", "Sets how often a step that did not get its lock is tried again.",
	                        "In CALL warden.maintain(), which holds no lock meanwhile.", &retries, 5, 0, 1000,
	                        PGC_USERSET, 0, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("warden.lock_retry_delay", "Sets the mean time between two tries for a lock.",
	                        "Each wait is between half and one and a half times as long.", &retry_delay_ms, 1000, 1,
	                        3'600'000, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("warden.lock_timeout", "Sets how long to wait for a lock on a user's table.",
	                        "Whoever comes later waits as long as we do.", &timeout_ms, 200, 1, 3'600'000, PGC_USERSET,
	                        GUC_UNIT_MS, nullptr, nullptr, nullptr);
}

} // namespace warden::pg
