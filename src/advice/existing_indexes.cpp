#include "advice/existing_indexes.hpp"

#include "advice/node_text.hpp"

#include "pg/names.hpp"
#include "pg/oid_list.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "access/genam.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::advice {

using namespace pg;

namespace {

/// Server code.  The operator classes are in the catalog row only.
const oidvector *opclasses_of(Relation index) {
	bool is_null = false;
	const Datum classes = SysCacheGetAttr(INDEXRELID, index->rd_indextuple, Anum_pg_index_indclass, &is_null);
	return reinterpret_cast<const oidvector *>(DatumGetPointer(classes));
}

/// What an index is attached to at last, or itself.
Oid topmost(Oid index) {
	return call([&] { return get_rel_relispartition(index) ? llast_oid(get_partition_ancestors(index)) : index; });
}

} // namespace

IndexShape shape_as_it_is(Oid index_id) {
	const OpenRelation index(index_id, AccessShareLock);
	const Form_pg_index form = index->rd_index;
	const oidvector *const opclasses = call([&] { return opclasses_of(index.get()); });
	List *const expressions = call([&] { return RelationGetIndexExpressions(index.get()); });
	List *const predicate = call([&] { return RelationGetIndexPredicate(index.get()); });
	IndexShape shape{.table = form->indrelid, .method = index->rd_rel->relam};
	int expression = 0;
	for (int i = 0; i < form->indnatts; ++i) {
		const std::int16_t column = form->indkey.values[i];
		if (column != 0) {
			shape.columns.push_back(column);
		}
		if (i >= form->indnkeyatts) {
			shape.included.push_back(column);
			continue;
		}
		IndexKey key{.column = column,
		             .opclass = opclasses->values[i],
		             .family = index->rd_opfamily[i],
		             .input_type = index->rd_opcintype[i],
		             .collation = index->rd_indcollation[i],
		             .is_descending = (index->rd_indoption[i] & INDOPTION_DESC) != 0,
		             .is_nulls_first = (index->rd_indoption[i] & INDOPTION_NULLS_FIRST) != 0};
		if (column == 0) {
			const void *const node = call(list_nth, expressions, expression++);
			key.expression = text_of(node);
			add_columns(shape.columns, node);
		}
		shape.keys.push_back(std::move(key));
	}
	if (predicate != NIL) {
		shape.predicate = text_of(predicate);
		add_columns(shape.columns, predicate);
	}
	normalize(shape.columns);
	return shape;
}

namespace {

bool may_go(const Form_pg_index form) {
	return !form->indisunique && !form->indisexclusion && !form->indisreplident;
}

/// The number of an index, and of all that are attached to it.
IndexSet::Number number_of_existing(KnownIndexes &indexes, Oid top) {
	for (IndexSet::Number i = 0; i < indexes.size(); ++i) {
		if (indexes[i].existing == top) {
			return i;
		}
	}
	const OpenRelation index(top, AccessShareLock);
	return indexes.add({.shape = shape_as_it_is(top), .existing = top, .may_go = may_go(index->rd_index)});
}

void add_index(KnownIndexes &indexes, Oid id) {
	const OpenRelation index(id, AccessShareLock);
	if (!index->rd_index->indisvalid || !index->rd_index->indislive) {
		return;
	}
	const Oid top = topmost(id);
	const IndexSet::Number number = number_of_existing(indexes, top);
	KnownIndex &known = indexes[number];
	if (id != top) {
		if (std::ranges::find(known.parts, id) != known.parts.end()) {
			return;
		}
		known.parts.push_back(id);
	}
	if (index->rd_rel->relkind == RELKIND_INDEX && (id != top || known.size.pages == 0)) {
		known.size.entries += std::max(0.0F, index->rd_rel->reltuples);
		known.size.pages += call([&] { return RelationGetNumberOfBlocks(index.get()); });
	}
}

void add_indexes_of(KnownIndexes &indexes, Oid table_id) {
	const AsReadingOwner owner(owner_of(table_id));
	const OpenRelation table(table_id, AccessShareLock);
	const List *const ids = call([&] { return RelationGetIndexList(table.get()); });
	for (const Oid id : oids_in(ids)) {
		add_index(indexes, id);
	}
}

} // namespace

IndexShape shape_of(Oid index) {
	const ScratchMemory memory;
	return shape_as_it_is(topmost(index));
}

void add_existing(KnownIndexes &indexes, Oid table) {
	const auto error = try_out([&] {
		const PinnedSettings settings;
		const ScratchMemory memory;
		call(LockRelationOid, table, AccessShareLock);
		if (!relation_exists(table)) {
			return; // any more
		}
		const List *const tables = call([&] { return find_all_inheritors(table, AccessShareLock, nullptr); });
		for (const Oid member : oids_in(tables)) {
			check_for_interrupts();
			add_indexes_of(indexes, member);
		}
	});
	if (error) {
		throw Error(*error);
	}
}

} // namespace warden::advice
