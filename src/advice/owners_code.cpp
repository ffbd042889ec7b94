#include "advice/owners_code.hpp"

#include "pg/oid_list.hpp"
#include "pg/security.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
}

namespace warden::advice {

using namespace pg;

namespace {

bool is_given(HeapTuple index, int column) {
	return !heap_attisnull(index, column, nullptr);
}

bool has_code(Oid index) {
	const HeapTuple row = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	if (!HeapTupleIsValid(row)) {
		return false; // any more
	}
	const bool has = is_given(row, Anum_pg_index_indexprs) || is_given(row, Anum_pg_index_indpred);
	ReleaseSysCache(row);
	return has;
}

List *add_indexes_of(List *indexes, Oid id) {
	const Relation relation = relation_open(id, NoLock);
	ListCell *cell = nullptr;
	foreach (cell, RelationGetIndexList(relation)) {
		if (has_code(lfirst_oid(cell))) {
			indexes = lappend_oid(indexes, lfirst_oid(cell));
		}
	}
	relation_close(relation, NoLock);
	return indexes;
}

/// Server code.
bool is_simplified(Relation index) {
	return (index->rd_indexprs != NIL || !is_given(index->rd_indextuple, Anum_pg_index_indexprs)) &&
	       (index->rd_indpred != NIL || !is_given(index->rd_indextuple, Anum_pg_index_indpred));
}

} // namespace

List *indexes_with_code(const List *relations) {
	List *indexes = NIL;
	ListCell *relation = nullptr;
	foreach (relation, relations) {
		ListCell *member = nullptr;
		foreach (member, find_all_inheritors(lfirst_oid(relation), AccessShareLock, nullptr)) {
			CHECK_FOR_INTERRUPTS();
			indexes = add_indexes_of(indexes, lfirst_oid(member));
		}
	}
	return indexes;
}

void run_as_owners(const List *indexes) {
	for (const Oid id : oids_in(indexes)) {
		const Relation index = call(try_relation_open, id, AccessShareLock);
		if (index == nullptr || call(is_simplified, index)) {
			continue;
		}
		const AsReadingOwner owner(index->rd_rel->relowner);
		call([&] {
			RelationGetIndexExpressions(index);
			RelationGetIndexPredicate(index);
		});
	}
}

} // namespace warden::advice
