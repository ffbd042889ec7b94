#include "advice/existing_indexes.hpp"

#include "pg/scoped.hpp"

#include <algorithm>

extern "C" {
#include "access/genam.h"
#include "catalog/index.h"
#include "catalog/pg_index.h"
#include "storage/bufmgr.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
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

std::string text_of(void *node) {
	const char *const text = call([&] { return nodeToString(node); });
	return without_places(text);
}

/// Attribute numbers that a node of relation 1 mentions.
void add_columns(std::vector<std::int16_t> &columns, void *node) {
	const Bitmapset *const found = call([&] {
		Bitmapset *set = nullptr;
		pull_varattnos(static_cast<Node *>(node), 1, &set);
		return set;
	});
	for (int member = -1; (member = call(bms_next_member, found, member)) >= 0;) {
		columns.push_back(static_cast<std::int16_t>(member + FirstLowInvalidHeapAttributeNumber));
	}
}

void normalize(std::vector<std::int16_t> &columns) {
	std::sort(columns.begin(), columns.end());
	columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
}

} // namespace

IndexShape shape_of(Oid index_id) {
	const ScratchMemory memory;
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
			void *const node = list_nth(expressions, expression++);
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

void add_existing(KnownIndexes &indexes, Oid table_id) {
	const OpenRelation table(table_id, AccessShareLock);
	const List *const ids = call([&] { return RelationGetIndexList(table.get()); });
	for (int i = 0; i < list_length(ids); ++i) {
		const Oid id = list_nth_oid(ids, i);
		const OpenRelation index(id, AccessShareLock);
		if (index->rd_index->indisvalid && index->rd_rel->relkind == RELKIND_INDEX) {
			const BlockNumber pages = call([&] { return RelationGetNumberOfBlocks(index.get()); });
			indexes.add({.shape = shape_of(id),
			             .size = {.entries = index->rd_rel->reltuples, .pages = pages},
			             .existing = id,
			             .may_go = !index->rd_index->indisunique});
		}
	}
}

} // namespace warden::advice
