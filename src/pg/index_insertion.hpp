// index_insertion.hpp - Entries in the indexes of a table for a row that is in its heap already.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "executor/executor.h"
}

namespace warden::pg {

/// Server code.
inline void insert_index_tuples(ResultRelInfo *target, TupleTableSlot *slot, EState *state) {
#if PG_VERSION_NUM < 160000
	ExecInsertIndexTuples(target, slot, state, false, false, nullptr, NIL);
#else
	ExecInsertIndexTuples(target, slot, state, false, false, nullptr, NIL, false);
#endif
}

} // namespace warden::pg
