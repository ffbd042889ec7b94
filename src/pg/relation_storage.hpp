// relation_storage.hpp - The storage of a relation, where servers differ: its names, and what pg_class says of it.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/multixact.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_tablespace_d.h"
#include "catalog/storage.h"
#include "utils/relcache.h"
}

namespace warden::pg {

/// Server code.  A new, empty file for a relation, which goes if the transaction does not commit; its number.
inline Oid create_empty_storage(Relation classes, Oid tablespace, char persistence) {
#if PG_VERSION_NUM < 160000
	const RelFileNode file = {OidIsValid(tablespace) ? tablespace : MyDatabaseTableSpace, MyDatabaseId,
	                          GetNewRelFileNode(tablespace, classes, persistence)};
	RelationCreateStorage(file, persistence, true);
	return file.relNode;
#else
	const RelFileLocator file = {OidIsValid(tablespace) ? tablespace : MyDatabaseTableSpace, MyDatabaseId,
	                             GetNewRelFileNumber(tablespace, classes, persistence)};
	RelationCreateStorage(file, persistence, true);
	return file.relNumber;
#endif
}

/// Which subtransaction made a relation or its storage: what is new need not be logged under wal_level minimal.
struct StorageAge {
	SubTransactionId relation;
	SubTransactionId storage;
	SubTransactionId first;

	bool is_new() const { return relation != 0 || storage != 0 || first != 0; }
};

inline StorageAge storage_age(Relation relation) {
#if PG_VERSION_NUM < 160000
	return {relation->rd_createSubid, relation->rd_newRelfilenodeSubid, relation->rd_firstRelfilenodeSubid};
#else
	return {relation->rd_createSubid, relation->rd_newRelfilelocatorSubid, relation->rd_firstRelfilelocatorSubid};
#endif
}

/// Server code.  The server forgets it at the end of the transaction.
inline void set_storage_age(Relation relation, const StorageAge &age) {
#if PG_VERSION_NUM < 160000
	RelationAssumeNewRelfilenode(relation);
	relation->rd_newRelfilenodeSubid = age.storage;
	relation->rd_firstRelfilenodeSubid = age.first;
#else
	RelationAssumeNewRelfilelocator(relation);
	relation->rd_newRelfilelocatorSubid = age.storage;
	relation->rd_firstRelfilelocatorSubid = age.first;
#endif
	relation->rd_createSubid = age.relation;
}

/// What pg_class says of a relation's storage.
struct StorageRow {
	Oid file;
	Oid tablespace;
	Oid toast;
	TransactionId frozen_xid;
	MultiXactId minimum_multi;
	int32 pages;
	float4 tuples;
	int32 all_visible;
	int32 all_frozen;
};

inline StorageRow storage_row(Form_pg_class row) {
	StorageRow storage = {row->relfilenode,  row->reltablespace, row->reltoastrelid,
	                      row->relfrozenxid, row->relminmxid,    row->relpages,
	                      row->reltuples,    row->relallvisible, 0};
#if PG_VERSION_NUM >= 180000
	storage.all_frozen = row->relallfrozen;
#endif
	return storage;
}

inline void set_storage_row(Form_pg_class row, const StorageRow &storage) {
	row->relfilenode = storage.file;
	row->reltablespace = storage.tablespace;
	row->reltoastrelid = storage.toast;
	row->relfrozenxid = storage.frozen_xid;
	row->relminmxid = storage.minimum_multi;
	row->relpages = storage.pages;
	row->reltuples = storage.tuples;
	row->relallvisible = storage.all_visible;
#if PG_VERSION_NUM >= 180000
	row->relallfrozen = storage.all_frozen;
#endif
}

/// Whether a partitioned table can have an access method, for those that are made below it.
inline constexpr bool partitioned_tables_have_method = PG_VERSION_NUM >= 170000;

/// Whether it can be unlogged, which means nothing.
inline constexpr bool partitioned_tables_are_unlogged = PG_VERSION_NUM < 180000;

} // namespace warden::pg
