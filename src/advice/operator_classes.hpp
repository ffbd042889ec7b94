// operator_classes.hpp - Which operator class an index needs for an operator.
//
// Server code.
#pragma once

#include "pg/server.hpp"

namespace warden::advice {

/// The class of B-trees on values of that type that serves an operator, and the operator's strategy in it.
struct BtreeClass {
	Oid opclass; ///< none
	int strategy;
};
BtreeClass btree_class(Oid op, Oid type);

/// Of GIN, GiST or SP-GiST, for an operator that no B-tree serves.
struct SearchClass {
	Oid method; ///< none
	Oid opclass;
};
SearchClass search_class(Oid op, Oid type);

/// Of GiST, for an operator by which rows are sorted (nearest first).
SearchClass distance_class(Oid op, Oid type);

/// Of B-trees that sort texts of that type byte by byte, as prefixes need where the collation does not.
Oid pattern_class(Oid type);

/// The access method that a class is of.
Oid method_of(Oid opclass);

/// Whether texts are sorted byte by byte.
bool is_bytewise(Oid collation);

} // namespace warden::advice
