// enable.cpp - Tables into and out of the audit.
#include "audit/audit.hpp"

#include "audit/version.hpp"

#include "pg/datum.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace warden::audit {

using namespace pg;

namespace {

constinit Statement insert_relation{R"(
INSERT INTO warden.audit_relations (relation, name, columns, except_columns, keep, require_context, on_truncate)
VALUES ($1, $2, $3::name[], $4::name[], NULL, $5, $6) RETURNING id)"};

} // namespace

/// audit_enable(target regclass, columns name[], except_columns name[], require_context boolean) returns void
PG_FUNCTION(audit_enable) {
	const auto target = required_argument<Oid>(fcinfo, 0, "target");
	check_owner(target);
	const std::string name = qualified_name(target);
	int32 id = 0;
	{
		const AsExtension owner;
		Spi spi;
		const std::optional<std::string> none;
		id = std::get<0>(spi.query<int32>(insert_relation, target, name, none, none, false, std::string("rows")).front());
	}
	{
		const AsExtension owner;
		Spi spi;
		spi.execute(("CREATE TRIGGER \"!pg_warden_audit\" AFTER INSERT OR UPDATE OR DELETE ON " + name +
		             " FOR EACH ROW EXECUTE FUNCTION warden.audit_capture('" + format("%d", id) + "')")
		                .c_str());
		spi.execute(("ALTER TABLE " + name + " ENABLE ALWAYS TRIGGER \"!pg_warden_audit\"").c_str());
	}
	std::ignore = current_version(id, target);
	PG_RETURN_VOID();
}

} // namespace warden::audit
