#include "audit/version.hpp"

#include "audit/incarnation.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

namespace warden::audit {

using namespace pg;

namespace {

// $1 the number of the relation, $2 its table.  A change that was taken back is the same version as before.
constinit Statement find_version{R"(
SELECT id FROM warden.audit_versions
WHERE relation = $1 AND columns = warden.audit_columns($2)
ORDER BY id DESC LIMIT 1)"};

constinit Statement insert_version{R"(
INSERT INTO warden.audit_versions (relation, transaction, columns, key_column)
SELECT $1, $3, warden.audit_columns($2),
       (SELECT (array_agg(k.name))[1] FROM warden.audit_key($2) k (name) JOIN pg_attribute a ON a.attrelid = $2 AND a.attname = k.name
        HAVING count(*) = 1 AND bool_and(a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)))
RETURNING id)"};

} // namespace

Version current_version(std::int32_t relation, Oid table) {
	const AsExtension owner;
	Spi spi;
	const auto found = spi.query_latest<int32>(find_version, relation, table);
	if (!found.empty()) {
		return {std::get<0>(found.front()), false};
	}
	return {std::get<0>(spi.query<int32>(insert_version, relation, table, call(transaction_id)).front()), true};
}

} // namespace warden::audit
