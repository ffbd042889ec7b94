#include "audit/relations.hpp"

#include "audit/incarnation.hpp"
#include "audit/session_rows.hpp"
#include "audit/version.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "catalog/pg_inherits.h"
#include "utils/inval.h"
#include "utils/timestamp.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constinit Statement select_relation{"SELECT id FROM warden.audit_relations WHERE relation = $1 AND until IS NULL"};

constinit Statement select_mending{R"(
SELECT command FROM warden.audit_gaps($1, $2) WHERE command IS NOT NULL)"};

// Of partitions that have a trigger of rows already, from the table that they were attached to.
constinit Statement select_following{R"(
SELECT g.command FROM warden.audit_gaps($1, $2) g
WHERE NOT g.is_row AND g.command IS NOT NULL AND g.problem LIKE '% is missing'
  AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = g.target AND tgname = '!pg_warden_audit'))"};

constinit Statement select_dropping{"SELECT * FROM warden.audit_drop_triggers($1, $2, $3)"};

constinit Statement select_problems{"SELECT string_agg(problem, ', ') FROM warden.audit_gaps($1, $2)"};

// $1 the number of the relation, $2 a version: the columns of the one that was last before it.
constinit Statement insert_change{R"(
INSERT INTO warden.audit_changes (id, transaction, session, relation, command, before, after)
SELECT $3, $4, $5, $1, $6,
       (SELECT columns FROM warden.audit_versions WHERE relation = $1 AND id < $2 ORDER BY id DESC LIMIT 1),
       (SELECT columns FROM warden.audit_versions WHERE id = $2))"};

constinit Statement latest_version{R"(
SELECT coalesce(max(id), 0) FROM warden.audit_versions WHERE relation = $1)"};

constinit Statement update_name{"UPDATE warden.audit_relations SET name = $2 WHERE id = $1 AND name <> $2"};

constinit Statement close_dropped{R"(
UPDATE warden.audit_relations SET until = clock_timestamp() WHERE relation = $1 AND until IS NULL RETURNING id)"};

/// While our own statements run, event triggers have nothing to follow.
constinit bool running = false;

class Running {
public:
	Running() { running = true; }
	Running(const Running &) = delete;
	Running &operator=(const Running &) = delete;
	~Running() { running = false; }
};

template <class... Arguments>
std::vector<std::string> read_statements(Statement &select, const Arguments &...arguments) {
	const AsExtension owner;
	std::vector<std::string> statements;
	Spi spi;
	for (const auto &[command] : spi.query_latest<std::string_view>(select, arguments...)) {
		statements.emplace_back(command);
	}
	return statements;
}

void write_change(Spi &spi, std::int32_t relation, std::int32_t version, const std::string &command) {
	const std::int64_t session = call(session_id, static_cast<TimestampTz>(DT_NOEND));
	spi.execute(insert_change, relation, version, int64{call(next_id)}, int64{call(transaction_id)}, int64{session},
	            command);
}

void warn_of_gaps(Spi &spi, std::int32_t relation, Oid root) {
	const auto problems =
		std::get<0>(spi.query_latest<std::optional<std::string_view>>(select_problems, root, relation).front());
	if (problems) {
		report(WARNING,
		       Error(ERRCODE_WARNING, format("not all changes of table %s are audited", qualified_name(root).c_str()))
		           .with_detail("The " + std::string(*problems) + ".")
		           .with_hint("Use warden.audit_enable() again, or warden.audit_disable()."));
	}
}

} // namespace

std::optional<std::int32_t> find_relation(Oid table) {
	const AsExtension owner;
	Spi spi;
	const auto found = spi.query_latest<int32>(select_relation, table);
	return found.empty() ? std::nullopt : std::optional(std::int32_t{std::get<0>(found.front())});
}

std::vector<std::string> mending_statements(Oid table, std::int32_t relation) {
	return read_statements(select_mending, table, relation);
}

std::vector<std::string> following_statements(Oid table, std::int32_t relation) {
	return read_statements(select_following, table, relation);
}

std::vector<std::string> dropping_statements(Oid table, std::int32_t relation, bool is_all) {
	return read_statements(select_dropping, table, relation, is_all);
}

bool is_running() {
	return running;
}

void run(const std::vector<std::string> &statements) {
	const Running scope;
	const AsExtension owner;
	Spi spi;
	for (const std::string &statement : statements) {
		spi.execute(statement.c_str());
	}
}

void forget_plans(Oid table) {
	const List *const tree = call(find_all_inheritors, table, NoLock, static_cast<List **>(nullptr));
	for (int i = 0; i < tree->length; ++i) {
		call(CacheInvalidateRelcacheByRelid, tree->elements[i].oid_value);
	}
}

void follow_change(Oid table, Oid root, const std::string &command) {
	const auto relation = find_relation(root);
	if (!relation) {
		return;
	}
	run(following_statements(root, *relation));
	run(dropping_statements(root, *relation, false));
	const AsExtension owner;
	Spi spi;
	if (table == root) {
		const auto before = std::get<0>(spi.query_latest<int32>(latest_version, *relation).front());
		const std::int32_t version = current_version(*relation, root).id;
		spi.execute(update_name, *relation, qualified_name(root));
		if (version != before) {
			write_change(spi, *relation, version, command);
			forget_plans(root);
		}
	}
	warn_of_gaps(spi, *relation, root);
}

void follow_drop(Oid table, const std::string &command) {
	const AsExtension owner;
	Spi spi;
	for (const auto &[relation] : spi.query<int32>(close_dropped, table)) {
		write_change(spi, relation, std::get<0>(spi.query_latest<int32>(latest_version, relation).front()) + 1,
		             command);
	}
}

} // namespace warden::audit
