// The type warden.relation_reference: a relation's OID, written as its name.
//
// Unlike regclass it never fails for a relation that does not exist, so that our tables can be restored from a part of
// a dump; and it always writes the schema, so that the search path of who restores does not matter.
#include "pg/names.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "utils/varlena.h"
}

using namespace warden;
using namespace warden::pg;

/// relation_reference_in(name cstring) returns warden.relation_reference
PG_FUNCTION(relation_reference_in) {
	const auto relation = call([&] {
		const char *const name = PG_GETARG_CSTRING(0);
		if (strcmp(name, "-") == 0) {
			return InvalidOid;
		}
		const RangeVar *const range = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name)));
		return RangeVarGetRelid(range, NoLock, true);
	});
	PG_RETURN_OID(relation);
}

/// relation_reference_out(relation warden.relation_reference) returns cstring
PG_FUNCTION(relation_reference_out) {
	const Oid relation = PG_GETARG_OID(0);
	const std::string name = relation_exists(relation) ? qualified_name(relation) : "-";
	return call([&] { return CStringGetDatum(pstrdup(name.c_str())); });
}
