// index_insertion.hpp - Entries in the indexes of a table for a row that is in its heap already.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "executor/executor.h"
}

namespace warden::pg {

/// Server code.  May it collide, a unique index has it even if there is another such row.
inline void insert_index_tuples(ResultRelInfo *target, TupleTableSlot *slot, EState *state, bool may_collide = false) {
	bool collides = false;
#if PG_VERSION_NUM < 160000
	ExecInsertIndexTuples(target, slot, state, false, may_collide, &collides, NIL);
#else
	ExecInsertIndexTuples(target, slot, state, false, may_collide, &collides, NIL, false);
#endif
}

} // namespace warden::pg
