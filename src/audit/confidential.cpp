#include "audit/confidential.hpp"

#include "audit/relations.hpp"

#include "pg/lock.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <vector>

namespace warden::audit {

using namespace pg;

namespace {

// Who writes, waits for nobody: no index of what writers write is unique but by a number that is theirs.
constinit Statement select_missing{R"(
SELECT t.name, t.index
FROM (VALUES ('warden.audit_sessions', 'CREATE INDEX ON warden.audit_sessions_all (id)'),
             ('warden.audit_contexts', 'CREATE INDEX ON warden.audit_contexts_all (transaction, id)'),
             ('warden.audit_changes', 'ALTER TABLE warden.audit_changes_all ADD PRIMARY KEY (id)'),
             ('warden.audit_marks', 'ALTER TABLE warden.audit_marks_all ADD PRIMARY KEY (id)')) t (name, index)
WHERE NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = t.name::regclass))"};

constinit Statement select_revocations{R"(
SELECT format('REVOKE ALL ON %s FROM %s', c.oid::regclass, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.oid = $1::regclass AND a.grantee <> c.relowner
GROUP BY 1)"};

constinit Statement select_classes{"SELECT 'warden.audit_classes'::regclass::oid"};

struct Missing {
	std::string name;
	std::string index;
};

std::vector<Missing> find_missing() {
	std::vector<Missing> missing;
	Spi spi;
	for (const auto &[name, index] : spi.query_latest<std::string_view, std::string_view>(select_missing)) {
		missing.push_back({std::string(name), std::string(index)});
	}
	return missing;
}

} // namespace

void revoke_default_privileges(const std::string &table) {
	std::vector<std::string> statements;
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[statement] : spi.query_latest<std::string_view>(select_revocations, table)) {
			statements.emplace_back(statement);
		}
	}
	run(statements);
}

void lock_classes() {
	const AsExtension owner;
	lock_now(std::get<0>(Spi().query_latest<Oid>(select_classes).front()), ShareRowExclusiveLock);
}

void make_confidential_tables() {
	const AsExtension owner;
	if (find_missing().empty()) {
		return;
	}
	lock_classes();
	for (const Missing &missing : find_missing()) {
		const std::string table = missing.name + "_all";
		run({"CREATE TABLE " + table + " (LIKE " + missing.name + ")",
		     "ALTER TABLE " + table + " REPLICA IDENTITY FULL", missing.index});
		revoke_default_privileges(table);
		run({"ALTER TABLE " + missing.name + " ATTACH PARTITION " + table + " DEFAULT"});
	}
}

} // namespace warden::audit
