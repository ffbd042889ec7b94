#include "partition/policy.hpp"

#include "partition/partition.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <array>

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
SELECT parent::oid, key_format, every, ahead, keep, every_number, ahead_number, keep_number, keep_partitions, keep_bytes,
       on_expiry, archive_schema, archive_tablespace, archive_access_method, on_reference, timezone, anchor, anchor_number, storage_parameters::text,
       EXISTS (SELECT FROM warden.partition_states s WHERE s.parent = p.parent 
               AND (s.last_error IS NOT NULL OR s.colliding + s.skipped > 0))
FROM warden.partition_policies p
WHERE $1 IS NULL OR parent = $1
ORDER BY parent)"};

constinit Statement upsert_policy{R"(
INSERT INTO warden.partition_policies (parent, key_format, every, ahead, keep, every_number, ahead_number, keep_number,
                                       keep_partitions, keep_bytes, on_expiry, archive_schema, archive_tablespace,
                                       archive_access_method, on_reference, timezone, anchor, anchor_number,
                                       storage_parameters)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19::text[])
ON CONFLICT (parent) WHERE parent <> 0::oid DO UPDATE
SET (key_format, every, ahead, keep, every_number, ahead_number, keep_number, keep_partitions, keep_bytes, on_expiry,
     archive_schema, archive_tablespace, archive_access_method, on_reference, timezone, anchor, anchor_number,
     storage_parameters, method, modulus, keys, min_rows)
    = (excluded.key_format, excluded.every, excluded.ahead, excluded.keep, excluded.every_number,
       excluded.ahead_number, excluded.keep_number, excluded.keep_partitions, excluded.keep_bytes, excluded.on_expiry,
       excluded.archive_schema, excluded.archive_tablespace, excluded.archive_access_method, excluded.on_reference,
       excluded.timezone, excluded.anchor, excluded.anchor_number, excluded.storage_parameters, DEFAULT, DEFAULT,
       DEFAULT, DEFAULT))"};

// Of a set that is not partitioned by range.
constinit Statement upsert_flat_policy{R"(
INSERT INTO warden.partition_policies (parent, on_expiry, storage_parameters, method, modulus, keys, min_rows)
VALUES ($1, 'drop', $2::text[], $3, $4, $5, $6)
ON CONFLICT (parent) WHERE parent <> 0::oid DO UPDATE
SET (on_expiry, storage_parameters, method, modulus, keys, min_rows, key_format, every, ahead, keep, every_number,
     ahead_number, keep_number, keep_partitions, keep_bytes, archive_schema, archive_tablespace, archive_access_method,
     on_reference, timezone, anchor, anchor_number)
    = (excluded.on_expiry, excluded.storage_parameters, excluded.method, excluded.modulus, excluded.keys,
       excluded.min_rows, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT,
       DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT))"};

constinit Statement select_parents{R"(
SELECT parent::oid FROM warden.partition_policies UNION SELECT parent FROM warden.partition_states)"};

constinit Statement insert_log{
	"INSERT INTO warden.partition_log (parent, partition, action, command) VALUES ($1, $2, $3, $4)"};

constinit Statement find_reversion{R"(
SELECT 1 FROM warden.partition_move_jobs WHERE target IN ($1, $2) AND ended IS NULL AND kind = 'revert')"};

constinit Statement find_old_log{"SELECT 1 FROM (SELECT min(at) AS at FROM warden.partition_log) oldest WHERE at < "
                                 "now() - $1 * interval '1 minute'"};

constinit Statement upsert_failure{R"(
INSERT INTO warden.partition_states (parent, last_error, last_error_at, blocked_by, colliding, skipped)
VALUES ($1, $2, clock_timestamp(), $3, $4, $5)
ON CONFLICT (parent) DO UPDATE
SET (last_error, last_error_at, blocked_by, colliding, skipped)
    = (excluded.last_error, excluded.last_error_at, excluded.blocked_by, excluded.colliding, excluded.skipped))"};

constinit Statement select_collisions{"SELECT colliding FROM warden.partition_states WHERE parent = $1"};

constinit Statement find_state{R"(
SELECT 1 FROM warden.partition_states
WHERE parent = $1 AND last_error IS NULL AND colliding = $2 AND skipped = $3)"};

constinit Statement upsert_success{R"(
INSERT INTO warden.partition_states (parent, last_success, colliding, skipped)
VALUES ($1, CASE WHEN $2 THEN clock_timestamp() END, $3, $4)
ON CONFLICT (parent) DO UPDATE
SET (last_success, last_error, last_error_at, blocked_by, colliding, skipped)
    = (coalesce(excluded.last_success, partition_states.last_success), NULL, NULL, NULL,
       excluded.colliding, excluded.skipped))"};

std::optional<std::string> own(std::optional<std::string_view> text) {
	return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::optional<Span> length(const std::optional<Span> &time, std::optional<int64> number) {
	return number ? std::optional(Span{.microseconds = *number}) : time;
}

template <class T>
struct Word {
	T value;
	const char *name;
};

constexpr std::array ways{Word{Retention::Way::Drop, "drop"}, Word{Retention::Way::Detach, "detach"},
                          Word{Retention::Way::Archive, "archive"}};
constexpr std::array references{Word{Retention::References::Skip, "skip"},
                                Word{Retention::References::Detach, "detach"},
                                Word{Retention::References::Pair, "pair"}};

template <class Words>
auto find_word(const Words &words, std::string_view name) -> std::optional<decltype(words.front().value)> {
	const auto found = std::ranges::find(words, name, [](const auto &word) { return std::string_view(word.name); });
	return found == words.end() ? std::nullopt : std::optional(found->value);
}

template <class Words, class T>
const char *find_name(const Words &words, T value) {
	return std::ranges::find(words, value, [](const auto &word) { return word.value; })->name;
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

std::optional<Retention::Way> way_of(std::string_view on_expiry) {
	return find_word(ways, on_expiry);
}

const char *name_of(Retention::Way way) {
	return find_name(ways, way);
}

std::optional<Retention::References> references_of(std::string_view on_reference) {
	return find_word(references, on_reference);
}

const char *name_of(Retention::References policy) {
	return find_name(references, policy);
}

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
	using Text = std::optional<std::string_view>;
	using Length = std::optional<Span>;
	using Number = std::optional<int64>;
	for (const auto &[relation, format, every, ahead, keep, every_number, ahead_number, keep_number, partitions, bytes,
	                  on_expiry, schema, tablespace, access_method, on_reference, timezone, anchor, anchor_number,
	                  storage, failed] :
	     tables.spi.query_latest<Oid, Text, Length, Length, Length, Number, Number, Number, Number, Number,
	                             std::string_view, Text, Text, Text, std::string_view, Text, std::optional<Timestamptz>,
	                             Number, Text, bool>(select_policies, parent)) {
		// Not a join with pg_class: that would read all of it, for a few sets in a database of many tables.
		if (!relation_exists(relation)) {
			continue;
		}
		policies.push_back(
			{.parent = relation,
		     .notation = format ? notation_of(*format) : std::nullopt,
		     .every = length(every, every_number).value_or(Span{}),
		     .ahead = length(ahead, ahead_number).value_or(Span{}),
		     .retention = {.keep = length(keep, keep_number),
		                   .partitions = partitions,
		                   .bytes = bytes,
		                   .way = way_of(on_expiry).value_or(Retention::Way::Detach),
		                   .references = references_of(on_reference).value_or(Retention::References::Skip),
		                   .schema = own(schema),
		                   .tablespace = own(tablespace),
		                   .access_method = own(access_method)},
		     .timezone = std::string(timezone.value_or("UTC")),
		     .anchor = anchor ? anchor->value : anchor_number.value_or(0),
		     .storage_parameters = own(storage),
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
	const Retention &retention = policy.retention;
	const char *const format = policy.notation ? key_format(*policy.notation) : nullptr;
	OwnTables().spi.execute(upsert_policy, policy.parent,
	                        format != nullptr ? std::optional<std::string_view>(format) : std::nullopt,
	                        time(policy.every), time(policy.ahead), time(retention.keep), number(policy.every),
	                        number(policy.ahead), number(retention.keep), retention.partitions, retention.bytes,
	                        std::string_view(name_of(retention.way)), retention.schema, retention.tablespace,
	                        retention.access_method, std::string_view(name_of(retention.references)),
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

bool is_suspended(const Policy &policy) {
	OwnTables tables;
	return !tables.spi.query_latest<int32>(find_reversion, policy.parent, policy.kind.declared_on).empty();
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

std::int64_t known_collisions(Oid parent) {
	OwnTables tables;
	const auto found = tables.spi.query<int64>(select_collisions, parent);
	return found.empty() ? 0 : std::get<0>(found.front());
}

void write_state(const Policy &policy, const State &state) {
	const std::int64_t collisions =
		state.postponed > 0 ? std::max(state.colliding, known_collisions(policy.parent)) : state.colliding;
	const std::int64_t held_back = collisions + state.skipped;
	if (!state.did_something && !state.error && !policy.failed && held_back == 0) {
		return;
	}
	keep_books([&] {
		OwnTables tables;
		if (state.error) {
			tables.spi.execute(upsert_failure, policy.parent, state.error, state.blocked_by, collisions, state.skipped);
		} else if (state.did_something ||
		           tables.spi.query<int32>(find_state, policy.parent, collisions, state.skipped).empty()) {
			tables.spi.execute(upsert_success, policy.parent, state.did_something || held_back == 0, collisions,
			                   state.skipped);
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
