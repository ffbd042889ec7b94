#include "pg/security.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
}

namespace warden::pg {

// Server code.  CREATE EXTENSION made the schema, so its owner is the extension's.
Oid AsExtension::find_owner() {
	const HeapTuple schema = SearchSysCache1(NAMESPACENAME, CStringGetDatum("warden"));
	if (!HeapTupleIsValid(schema)) {
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_SCHEMA), errmsg("schema \"warden\" does not exist"),
		        errhint("Use CREATE EXTENSION pg_warden."));
	}
	const Oid owner = reinterpret_cast<Form_pg_namespace>(GETSTRUCT(schema))->nspowner;
	ReleaseSysCache(schema);
	return owner;
}

PinnedSettings::PinnedSettings() : level_(call(NewGUCNestLevel)) {
	set("search_path", "pg_catalog, pg_temp");
	set("jit", "off"); // it takes longer than any of our statements
	set("lock_timeout", format("%d", lock_timeout_ms()).c_str());
	if (quote_all_identifiers) {
		set("quote_all_identifiers", "off"); // names and types are compared as text
	}
}

void PinnedSettings::set(const char *name, const char *value) {
	call([&] { set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false); });
}

Oid owner_of(Oid relation) {
	return call([&] {
		const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
		if (!HeapTupleIsValid(tuple)) {
			return InvalidOid;
		}
		const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
		return owner;
	});
}

bool owns(Oid relation) {
	return call([&] { return object_ownercheck(RelationRelationId, relation, GetUserId()); });
}

void check_owner(Oid relation) {
	if (!owns(relation)) {
		const Oid role = owner_of(relation);
		const std::string owner = call([&] {
			const char *const name = GetUserNameFromId(role, true);
			return name != nullptr ? quote_identifier(name) : "";
		});
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
		            format("must be owner of table %s", qualified_name(relation).c_str()))
			.with_detail(format("Its owner is role %s.", owner.c_str()))
			.with_hint(format("Use SET ROLE %s, or have a member of that role do it.", owner.c_str()));
	}
}

} // namespace warden::pg
