#include "audit/version.hpp"

#include "audit/incarnation.hpp"
#include "audit/session_rows.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "utils/timestamp.h"
}

namespace warden::audit {

using namespace pg;

namespace {

// $1 the number of the relation, $2 its table, $3 the transaction.
constinit Statement find_version{R"(
SELECT id, columns = warden.audit_columns($2), transaction = $3 FROM warden.audit_versions WHERE relation = $1 ORDER BY id DESC LIMIT 1)"};

constinit Statement find_covering{R"(
SELECT id FROM (SELECT * FROM warden.audit_versions WHERE relation = $1 ORDER BY id DESC LIMIT 1) v
WHERE columns @> warden.audit_columns($2))"};

constinit Statement insert_version{R"(
INSERT INTO warden.audit_versions (relation, transaction, columns, key_column)
SELECT $1, $3, warden.audit_columns($2),
       (SELECT (array_agg(k.name))[1] FROM warden.audit_key($2) k (name) JOIN pg_attribute a ON a.attrelid = $2 AND a.attname = k.name
        HAVING count(*) = 1 AND bool_and(a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)))
RETURNING id)"};

constinit Statement select_latest{"SELECT coalesce(max(id), 0) FROM warden.audit_versions WHERE relation = $1"};

constinit Statement insert_change{R"(
INSERT INTO warden.audit_changes (id, transaction, session, relation, command, old_name, new_name, before, after, gaps)
SELECT $1, $2, $3, $4, $5, $6, $7, (SELECT columns FROM warden.audit_versions WHERE id = $8),
       (SELECT columns FROM warden.audit_versions WHERE id = $9), $10)"};

constinit Statement select_gaps{"SELECT string_agg(problem, ', ') FROM warden.audit_gaps($1, $2)"};
constinit Statement select_known_gaps{R"(
SELECT (SELECT gaps FROM warden.audit_changes WHERE relation = $1 ORDER BY id DESC LIMIT 1))"};

std::optional<std::string> copied(const std::optional<std::string_view> &text) {
	return text ? std::optional(std::string(*text)) : std::nullopt;
}

} // namespace

std::optional<std::string> gaps_of(std::int32_t relation, Oid table) {
	const AsExtension owner;
	Spi spi;
	return copied(std::get<0>(spi.query_latest<std::optional<std::string_view>>(select_gaps, table, relation).front()));
}

std::optional<std::string> known_gaps(std::int32_t relation) {
	const AsExtension owner;
	Spi spi;
	return copied(std::get<0>(spi.query_latest<std::optional<std::string_view>>(select_known_gaps, relation).front()));
}

std::int32_t latest_version(std::int32_t relation) {
	const AsExtension owner;
	return std::get<0>(Spi().query_latest<int32>(select_latest, relation).front());
}

void write_change(const Change &change) {
	const std::int64_t session = call([] { return session_id(end_of_day(GetCurrentTimestamp())); });
	const std::int64_t id = call(next_id);
	const std::int64_t transaction = call(transaction_id);
	const AsExtension owner;
	Spi().execute(insert_change, int64{id}, int64{transaction}, int64{session}, change.relation, change.command,
	              change.old_name, change.new_name, change.before, change.after, change.gaps);
}

Version current_version(std::int32_t relation, Oid table, const std::string &command) {
	std::int32_t before = 0;
	std::int32_t version = 0;
	{
		const std::int64_t transaction = call(transaction_id);
		const AsExtension owner;
		Spi spi;
		for (const auto &[id, is_current, is_new] :
		     spi.query_latest<int32, bool, bool>(find_version, relation, table, int64{transaction})) {
			if (is_current) {
				return {id, is_new};
			}
			before = id;
		}
		version = std::get<0>(spi.query<int32>(insert_version, relation, table, int64{transaction}).front());
	}
	if (before != 0) {
		const std::string name = qualified_name(table);
		write_change({.relation = relation,
		              .command = command,
		              .old_name = name,
		              .new_name = name,
		              .before = before,
		              .after = version,
		              .gaps = known_gaps(relation)});
	}
	return {version, true};
}

std::int32_t covering_version(std::int32_t relation, Oid table) {
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[id] : spi.query_latest<int32>(find_covering, relation, table)) {
			return id;
		}
	}
	return current_version(relation, table, "unknown").id;
}

} // namespace warden::audit
