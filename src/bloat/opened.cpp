#include "bloat/opened.hpp"

extern "C" {
#include "access/gin.h"
#include "access/gin_private.h"
#include "access/xlog.h"
#include "catalog/catalog.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class_d.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
}

namespace warden::bloat {

namespace {

const char *obstacle_in(Relation relation) {
	if (RELATION_IS_OTHER_TEMP(relation)) {
		return "it is a temporary table of another session";
	}
	if (RecoveryInProgress() && !RelationIsPermanent(relation)) {
		return "it is unlogged, and this server is a standby";
	}
	return nullptr;
}

} // namespace

void Opened::open(const Subject &subject) {
	// The table before what belongs to it, as everybody does.
	if (subject.kind == RELKIND_TOASTVALUE && subject.table != subject.relation) {
		toasted = open(subject.table);
		obstacle = nullptr;
	}
	heap = OidIsValid(subject.index_of) ? open(subject.index_of) : nullptr;
	if (obstacle == nullptr) {
		relation = open(subject.relation);
	}
	if (obstacle == nullptr) {
		const bool is_another = relation->rd_rel->relam != subject.access_method;
		obstacle = is_another ? "its access method was changed meanwhile" : obstacle_in(relation);
	}
	if (obstacle == nullptr) {
		look();
	}
}

Relation Opened::open(Oid oid) {
	if (!ConditionalLockRelationOid(oid, AccessShareLock)) {
		obstacle = "another session has locked it";
		return nullptr;
	}
	const Relation opened = try_relation_open(oid, NoLock);
	if (opened == nullptr) {
		UnlockRelationOid(oid, AccessShareLock);
		obstacle = "it was dropped meanwhile";
	}
	return opened;
}

void Opened::look() {
	const Relation table = heap != nullptr ? heap : relation;
	pages = RelationGetNumberOfBlocks(relation);
	table_pages = (heap != nullptr ? RelationGetNumberOfBlocks(heap) : 0) +
	              (toasted != nullptr ? RelationGetNumberOfBlocks(toasted) : 0);
	is_catalog = IsCatalogRelation(table);
	is_shared = relation->rd_rel->relisshared;
	if (relation->rd_index != nullptr) {
		is_valid = relation->rd_index->indisvalid && relation->rd_index->indisready;
	}
	if (relation->rd_rel->relam == GIN_AM_OID) {
		pending_limit = static_cast<std::int64_t>(GinGetPendingListCleanupSize(relation)) * 1024;
	}
}

void Opened::close(Relation relation) {
	if (relation != nullptr) {
		relation_close(relation, AccessShareLock);
	}
}

} // namespace warden::bloat
