// router.hpp - Which side takes a row: by its key alone, with the comparison that partitioning itself uses.
#pragma once

#include "move/move_job.hpp"

namespace warden::move {

/// Server's state, in the memory context that is current when it is made.
struct Router;

/// For rows of `source`, by its column of the name `key`.  With a single side that takes the rest no key is needed, and
/// may be empty.  Comparisons may be code of a user's: make and ask it as the owner.
Router *make_router(const std::vector<Side> &sides, Oid source, const std::string &key);

/// Server code.  The index in `sides`, or -1 if no side takes it.
int route(Router *router, TupleTableSlot *slot);

/// Server code.  The same, but error errcode_begin_anew if no side takes it: when the sides were made, there was none
/// such.
int route_or_fail(Router *router, TupleTableSlot *slot);

/// Server code.  For a conversion that copies nothing: error errcode_begin_anew if a row is not of the first side,
/// which gets the storage that it is in.
void check_stays(Router *router, TupleTableSlot *slot);

} // namespace warden::move
