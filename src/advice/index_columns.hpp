// index_columns.hpp - The columns of an index that need not exist: how they are stored, and what statistics say of
// them.
#pragma once

#include "advice/index_shape.hpp"

#include "bloat/column_statistics.hpp"

#include "pg/server.hpp"

#include <optional>

namespace warden::advice {

/// How an index stores a column: the operator class may want another type than the column has.
struct StoredType {
	Oid given; ///< of the column or the expression
	int32 given_typmod;
	Oid type;
	int32 typmod;
	Oid collation; ///< of the column or the expression
	int16 length;
	bool is_by_value;
	char alignment;
	char storage;
};

// Server code.

/// opclass: none, of a column that is included; expression: a node of the table as relation 1, or none.
StoredType stored_type(Relation table, AttrNumber column, Node *expression, Oid opclass);

/// Whether entries with equal keys are equal in all that matters, so that a B-tree may keep one of them.
bool is_image_equal(Oid family, Oid input_type, Oid collation);

/// The number of combinations of such columns, if extended statistics have it; 0 otherwise.  Columns in any order.
double known_combinations(Relation table, const AttrNumber *columns, int count);

// C++ code.

bloat::StoredColumn stored_column(Relation table, AttrNumber column, const StoredType &stored);

/// What statistics say of a plain column that an index has; nothing if there are none.
std::optional<bloat::ColumnStatistics> column_facts(Relation table, AttrNumber column, Oid opclass);

} // namespace warden::advice
