// change_log.hpp - Which rows have changed: a table of the job, to which triggers append and from which replay takes.
#pragma once

#include "move/move_job.hpp"

extern "C" {
#include "storage/itemptr.h"
}

namespace warden::move {

/// A place of a source where rows have changed.
struct Change {
	std::int16_t source;
	ItemPointerData tid;
	TransactionId ended_by; ///< the oldest that has deleted or updated a row there; InvalidTransactionId: none has
	bool has_begun;         ///< a row was written there
};

/// Makes the table warden.partition_move_log_<job>, a member of the extension.
Oid create_log(std::int64_t job);

/// Server code, for the trigger.  Whether a relation is such a table, and not one that has got the OID of one.
bool is_log(Relation relation);

/// Server code, for the trigger.  Appends a row; either may be null.
void append_change(Relation log, std::int16_t source, const ItemPointerData *before, const ItemPointerData *after);

struct Changes {
	std::vector<Change> places; ///< each once, in order
	bool is_all;                ///< the log has no more
};

/// Takes what the snapshot sees out of the log, at most so many rows of it.
Changes take_changes(Oid log, Snapshot snapshot, std::size_t limit);

/// How many rows the log has, up to a limit.
std::int64_t count_changes(Oid log, std::int64_t limit);

} // namespace warden::move
