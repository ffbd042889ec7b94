#include "partition/policy.hpp"

#include "partition/partition.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace warden::partition {

using namespace pg;

namespace {

constexpr int minutes_per_day = 24 * 60;
constinit int history_minutes = 90 * minutes_per_day; // warden.partition_history

/// A connection as the owner of our tables.
struct OwnTables {
	const AsExtension owner;
	Spi spi;
};

constinit Statement select_policies{R"(
SELECT parent::oid, key_format, every, ahead, keep, every_number, ahead_number, keep_number, on_expiry = 'detach',
       timezone, anchor, anchor_number, storage_parameters::text,
       EXISTS (SELECT FROM warden.partition_states s WHERE s.parent = p.parent AND s.last_error IS NOT NULL)
FROM warden.partition_policies p
WHERE $1 IS NULL OR parent = $1
ORDER BY parent)"};

constinit Statement upsert_policy{R"(
INSERT INTO warden.partition_policies (parent, key_format, every, ahead, keep, every_number, ahead_number, keep_number,
                                       on_expiry, timezone, anchor, anchor_number, storage_parameters)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::text[])
ON CONFLICT (parent) WHERE parent <> 0::oid DO UPDATE
SET (key_format, every, ahead, keep, every_number, ahead_number, keep_number, on_expiry, timezone, anchor,
     anchor_number, storage_parameters)
    = (excluded.key_format, excluded.every, excluded.ahead, excluded.keep, excluded.every_number,
       excluded.ahead_number, excluded.keep_number, excluded.on_expiry, excluded.timezone, excluded.anchor,
       excluded.anchor_number, excluded.storage_parameters))"};

// Of a set that is not partitioned by range.
constinit Statement upsert_flat_policy{R"(
INSERT INTO warden.partition_policies (parent, on_expiry, storage_parameters, method, modulus, keys, min_rows)
VALUES ($1, 'drop', $2::text[], $3, $4, $5, $6)
ON CONFLICT (parent) WHERE parent <> 0::oid DO UPDATE
SET (storage_parameters, method, modulus, keys, min_rows)
    = (excluded.storage_parameters, excluded.method, excluded.modulus, excluded.keys, excluded.min_rows))"};

constinit Statement select_parents{R"(
SELECT parent::oid FROM warden.partition_policies UNION SELECT parent FROM warden.partition_states)"};

constinit Statement insert_log{
	"INSERT INTO warden.partition_log (parent, partition, action, command) VALUES ($1, $2, $3, $4)"};

constinit Statement find_old_log{
	"SELECT 1 FROM warden.partition_log WHERE at < now() - $1 * interval '1 minute' LIMIT 1"};

constinit Statement upsert_failure{R"(
INSERT INTO warden.partition_states (parent, last_error, last_error_at, blocked_by)
VALUES ($1, $2, clock_timestamp(), $3)
ON CONFLICT (parent) DO UPDATE
SET (last_error, last_error_at, blocked_by) = (excluded.last_error, excluded.last_error_at, excluded.blocked_by))"};

constinit Statement upsert_success{R"(
INSERT INTO warden.partition_states (parent, last_success)
VALUES ($1, clock_timestamp())
ON CONFLICT (parent) DO UPDATE
SET (last_success, last_error, last_error_at, blocked_by) = (excluded.last_success, NULL, NULL, NULL))"};

std::optional<Span> length(const std::optional<Span> &time, std::optional<int64> number) {
	return number ? std::optional(Span{.microseconds = *number}) : time;
}

void write_flat_policy(const Policy &policy) {
	const Kind &kind = policy.kind;
	OwnTables().spi.execute(
		upsert_flat_policy, policy.parent, policy.storage_parameters, std::string_view(name_of(kind.method)),
		kind.method == Method::Hash ? std::optional(int32{kind.modulus}) : std::nullopt,
		kind.method == Method::List ? std::optional(array_of(kind.keys)) : std::nullopt, kind.min_rows);
}

/// Keeps our books.  Whoever is in the way there is another maintenance, which keeps them as well: to wait for it would
/// be to fail the work for the record of it.
template <class F>
void keep_books(F &&body) {
	const auto error = attempt(std::forward<F>(body));
	if (error && !is_blocked(*error)) {
		report(WARNING, *error);
	}
}

} // namespace

Policy policy_of_kind(Oid parent, Method method) {
	Policy policy{};
	policy.parent = parent;
	policy.timezone = "UTC";
	policy.kind.method = method;
	return policy;
}

std::vector<Policy> read_policies(std::optional<Oid> parent) {
	OwnTables tables;
	std::vector<Policy> policies;
	for (const auto &[relation, format, every, ahead, keep, every_number, ahead_number, keep_number, detach, timezone,
	                  anchor, anchor_number, storage, failed] :
	     tables.spi.query_latest<Oid, std::optional<std::string_view>, std::optional<Span>, std::optional<Span>,
	                             std::optional<Span>, std::optional<int64>, std::optional<int64>, std::optional<int64>,
	                             bool, std::optional<std::string_view>, std::optional<Timestamptz>,
	                             std::optional<int64>, std::optional<std::string_view>, bool>(select_policies,
	                                                                                          parent)) {
		// Not a join with pg_class: that would read all of it, for a few sets in a database of many tables.
		if (!relation_exists(relation)) {
			continue;
		}
		policies.push_back({.parent = relation,
		                    .notation = format ? notation_of(*format) : std::nullopt,
		                    .every = length(every, every_number).value_or(Span{}),
		                    .ahead = length(ahead, ahead_number).value_or(Span{}),
		                    .keep = length(keep, keep_number),
		                    .detach = detach,
		                    .timezone = std::string(timezone.value_or("UTC")),
		                    .anchor = anchor ? anchor->value : anchor_number.value_or(0),
		                    .storage_parameters = storage ? std::optional<std::string>(*storage) : std::nullopt,
		                    .failed = failed,
		                    .kind = read_kind(tables.spi, relation)});
	}
	return policies;
}

void write_policy(const Policy &policy) {
	if (policy.kind.method != Method::Range) {
		write_flat_policy(policy);
		return;
	}
	const bool numbers = policy.is_of_numbers();
	const auto time = [&](const std::optional<Span> &span) { return numbers ? std::nullopt : span; };
	const auto number = [&](const std::optional<Span> &span) {
		return numbers && span ? std::optional(span->microseconds) : std::nullopt;
	};
	const char *const format = policy.notation ? key_format(*policy.notation) : nullptr;
	OwnTables().spi.execute(
		upsert_policy, policy.parent, format != nullptr ? std::optional<std::string_view>(format) : std::nullopt,
		time(policy.every), time(policy.ahead), time(policy.keep), number(policy.every), number(policy.ahead),
		number(policy.keep), std::string_view(policy.detach ? "detach" : "drop"),
		numbers ? std::nullopt : std::optional<std::string_view>(policy.timezone),
		numbers ? std::nullopt : std::optional(Timestamptz{policy.anchor}),
		numbers ? std::optional(policy.anchor) : std::nullopt, policy.storage_parameters);
}

bool delete_policy(Oid parent) {
	OwnTables tables;
	tables.spi.execute("DELETE FROM warden.partition_states WHERE parent = $1", parent);
	return tables.spi.execute("DELETE FROM warden.partition_policies WHERE parent = $1", parent) > 0;
}

void delete_orphans() {
	OwnTables tables;
	for (const auto &[parent] : tables.spi.query<Oid>(select_parents)) {
		if (!relation_exists(parent)) {
			keep_books([&] { std::ignore = delete_policy(parent); });
		}
	}
}

void log_step(Oid parent, const std::string &partition, const char *action, const std::string &command) {
	OwnTables().spi.execute(insert_log, parent, partition, std::string_view(action), command);
}

void trim_log() {
	OwnTables tables;
	if (tables.spi.query<int32>(find_old_log, int32{history_minutes}).empty()) {
		return;
	}
	keep_books([&] {
		Spi().execute("DELETE FROM warden.partition_log WHERE at < now() - $1 * interval '1 minute'",
		              int32{history_minutes});
	});
}

void write_state(const Policy &policy, const State &state) {
	if (!state.did_something && !state.error && !policy.failed) {
		return;
	}
	keep_books([&] {
		OwnTables tables;
		if (state.error) {
			tables.spi.execute(upsert_failure, policy.parent, state.error, state.blocked_by);
		} else {
			tables.spi.execute(upsert_success, policy.parent);
		}
	});
}

void init() {
	pg::init_locks();
	DefineCustomIntVariable("warden.partition_history", "Sets how long the log of what was done to partitions is kept.",
	                        nullptr, &history_minutes, 90 * minutes_per_day, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MIN,
	                        nullptr, nullptr, nullptr);
}

} // namespace warden::partition
