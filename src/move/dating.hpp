// dating.hpp - Copies that a replay has written, made as old as what they are copies of.
//
// Who has a snapshot that is older than a replay would not see the copies that it has written, and see those that it
// has deleted.  So once the replay has committed, the ids of its transaction in them are replaced: by that of the
// transaction that wrote the original, and by that of the one that deleted it.  Then each snapshot sees in the copies
// what it sees in the originals.
//
// The invariant: only what has committed is dated, and before anybody else can look: so a crash in between leaves rows
// that are right for all who come later, and of those with older snapshots a crash leaves none.
#pragma once

#include "move/row_life.hpp"

#include <cstdint>
#include <functional>
#include <vector>

extern "C" {
#include "storage/itemptr.h"
}

namespace warden::move {

/// A row that was written or deleted, or both, and the life that it is to have had.
struct Dated {
	std::int16_t side; ///< number
	ItemPointerData place;
	Life life;
};

/// What one transaction has written and is to be dated.
struct Dating {
	TransactionId written_by = InvalidTransactionId;
	std::vector<Dated> copies = {};
};

/// Puts copies in the order in which date_copies() wants them: by side and block.
void sort(Dating &dating);

/// Server code.  Dates copies of one side, in order, whose storage is that of a relation now.  Needs a lock on that
/// against VACUUM, and assigns no transaction id.
void date_copies(Oid relation, TransactionId written_by, const Dated *copies, std::size_t count);

/// Calls for the copies in each side.
void for_each_side(const Dating &dating,
                   const std::function<void(std::int16_t side, const Dated *copies, std::size_t count)> &body);

/// Commits what a procedure has done, with ACCESS EXCLUSIVE on whatever leads to the copies; which are dated before
/// anybody else gets that lock.
void commit_dated(const Dating &dating, const std::function<Oid(std::int16_t side)> &relation_of);

} // namespace warden::move
