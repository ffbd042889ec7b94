// key_clones.hpp - What the catalogue has of the foreign keys of partitions.  Server code, all of it.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/htup.h"
}

namespace warden::move {

/// Rows of the catalogue.
struct KeyRows {
	HeapTuple *rows;
	int count;
};

/// Those of a table's foreign keys, and of those to it, clones included.
KeyRows read_keys(Oid table);

void delete_key(HeapTuple key);
void insert_key(HeapTuple key);

/// Writes a partition's clone of a key of its parent's, or of one to its parent.  Of the latter all are constraints of
/// the same table: they are numbered, and `number` is that of the last.
void clone_referring(HeapTuple key, Oid partition);
void clone_referenced(HeapTuple key, Oid partition, int *number);

/// Deletes the clones of keys to a partition.
void delete_referenced_clones(Oid partition);

} // namespace warden::move
