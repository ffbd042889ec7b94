#include "move/serializable.hpp"

#include "pg/scoped.hpp"

extern "C" {
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/predicate_internals.h"
#include "utils/relcache.h"
}

namespace warden::move {

using namespace pg;

namespace {

// Server code.  What is read is noted of a table, or of the index by which it was found, or not found.
List *with_indexes(const Oid *tables, std::size_t count) {
	List *relations = NIL;
	for (std::size_t i = 0; i < count; ++i) {
		const Relation table = relation_open(tables[i], NoLock);
		relations = list_concat(lappend_oid(relations, tables[i]), RelationGetIndexList(table));
		relation_close(table, NoLock);
	}
	return relations;
}

// Server code.  What this process has read, it has copied.
bool is_read(const List *relations) {
	const PredicateLockData *const locks = GetPredicateLockStatusData();
	for (int i = 0; i < locks->nelements; ++i) {
		CHECK_FOR_INTERRUPTS();
		const PREDICATELOCKTARGETTAG &tag = locks->locktags[i];
		if (GET_PREDICATELOCKTARGETTAG_DB(tag) == MyDatabaseId && locks->xacts[i].pid != MyProcPid &&
		    list_member_oid(relations, GET_PREDICATELOCKTARGETTAG_RELATION(tag))) {
			return true;
		}
	}
	return false;
}

} // namespace

bool is_read_serializably(const std::vector<Oid> &tables) {
	const ScratchMemory memory;
	return call([&] { return is_read(with_indexes(tables.data(), tables.size())); });
}

} // namespace warden::move
