// keys_aside.hpp - Foreign keys of partitions that come in a swap, without a lock that anybody notices.
//
// ATTACH clones the foreign keys of a table, both ways, and takes SHARE ROW EXCLUSIVE on the tables at their other
// ends. Who writes to one of those holds ROW EXCLUSIVE on it until his transaction ends, and wants the table that is
// swapped next; or the other way about.  Whatever we asked for first, one of the two would wait for us, and we for him.
//
// But all rows are where they were, as far as foreign keys can see.  So they are laid aside while partitions are
// attached, and their clones are written down as ATTACH would have done it.  The invariant: afterwards the catalogue is
// as if it had (sql/move_foreign_keys compares it).  The tables at the other ends need ACCESS SHARE, so that they and
// their columns stay.
#pragma once

#include "move/move_job.hpp"

extern "C" {
#include "access/htup.h"
}

namespace warden::move {

/// The foreign keys of a table that is locked, and those to it: out of the catalogue, until they are put back in the
/// same transaction.
class ForeignKeysAside {
public:
	explicit ForeignKeysAside(Oid table);

	/// Gives them back, with clones for these partitions, which were attached meanwhile.
	void put_back(const std::vector<Side> &partitions) const;

private:
	Oid table_;
	std::vector<HeapTuple> rows_; // of pg_constraint; in the memory context that was current
};

/// Takes away what the foreign keys of other tables have on a partition: for one that is about to be dropped although
/// rows refer to it, because all its rows are elsewhere in the same table.  It is locked.
void drop_reference_clones(Oid partition);

} // namespace warden::move
