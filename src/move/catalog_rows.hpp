// catalog_rows.hpp - Rows of the server's catalogue, as this directory changes them.
//
// The invariant: a row is read and written by the relation's own process alone, which holds ACCESS EXCLUSIVE on it. All
// of it is server code.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/htup.h"
#include "catalog/pg_class.h"
}

namespace warden::move {

/// A copy of a relation's row in pg_class.  Error 42P01 if there is none.
HeapTuple class_row(Oid relation);

inline Form_pg_class class_form(HeapTuple row) {
	return reinterpret_cast<Form_pg_class>(GETSTRUCT(row));
}

/// Writes it back.
void update_class(HeapTuple row);

/// The storage parameters of a relation, a text[]; 0 if there are none.
Datum storage_options(Oid relation);
void set_storage_options(Oid relation, Datum options);

/// The TOAST table of a table, or InvalidOid.
Oid toast_table_of(Oid table);

/// The indexes of a table that are alive.
struct OidSet {
	int count;
	Oid *oids;
};
OidSet indexes_of(Oid table);

/// Drops an object that nothing depends on.
void drop_object(Oid class_id, Oid object);

} // namespace warden::move
