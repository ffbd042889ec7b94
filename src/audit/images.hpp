// images.hpp - Rows as JSON: whole, or the columns in which two of them differ.
//
// All of this is server code; what it returns is in the current memory context.
#pragma once

#include "audit/capture_plan.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "utils/jsonb.h"
}

namespace warden::audit {

/// An object, whose members are in the order of their keys.
Jsonb *json_of(const Member *members, std::size_t count);

/// All audited columns of a row.
Jsonb *image_of(const CapturePlan &plan, TupleTableSlot *row, bool &is_cut);

/// The columns of the key.
Jsonb *key_of(const CapturePlan &plan, TupleTableSlot *row);

/// The columns in which two versions of a row differ.
struct ChangedColumns {
	std::size_t count; ///< 0: in none
	bool of_key;
	std::size_t *columns;
};
ChangedColumns change_between(const CapturePlan &plan, TupleTableSlot *before, TupleTableSlot *after);

/// These columns of a row.
Jsonb *part_of(const CapturePlan &plan, TupleTableSlot *row, const ChangedColumns &change, bool &is_cut);

} // namespace warden::audit
