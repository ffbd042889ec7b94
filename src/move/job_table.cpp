#include "move/job_table.hpp"

#include "move/side.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

// Server code.
void mark_as_rewrite(Oid oid) {
	const Relation classes = table_open(RelationRelationId, RowExclusiveLock);
	const HeapTuple tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple)) {
		elog(ERROR, "cache lookup failed for relation %u", oid);
	}
	reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relrewrite = oid;
	CatalogTupleUpdate(classes, &tuple->t_self, tuple);
	heap_freetuple(tuple);
	table_close(classes, RowExclusiveLock);
	CommandCounterIncrement();
}

} // namespace

Oid create_job_table(const std::string &name, const std::string &definition) {
	const AsExtension extension;
	{
		Spi spi;
		spi.execute(("CREATE TABLE warden." + name + " " + definition).c_str());
	}
	const Oid oid = call([&] { return get_relname_relid(name.c_str(), get_namespace_oid("warden", false)); });
	call(mark_as_rewrite, oid);
	add_member(oid);
	return oid;
}

} // namespace warden::move
