// commit_action.hpp - What is done when a transaction has committed, and still has its locks.
#pragma once

namespace warden::pg {

/// Server code, of a procedure.  Commits, and calls action(argument) when everybody can see what was done but nobody
/// could get at what is locked.  The action may read and write pages of relations that were opened before and that it
/// closes; it has no transaction.  What it raises cannot undo anything any more, and is a WARNING.
void commit_and(void (*action)(void *), void *argument);

} // namespace warden::pg
