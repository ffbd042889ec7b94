// undo_plan.hpp - What is to be done to each row, so that changes are taken back; and what is in the way.
//
// The invariant: nothing that has changed since is overwritten, and nothing of others goes with it, unless the caller
// says so.
#pragma once

#include "audit/cascades.hpp"
#include "audit/undo_events.hpp"

namespace warden::audit {

enum class OnConflict { Abort, Skip, Force };

/// What is to be done to one row.
struct Undo {
	const LiveTable *table;
	NetChange change;
	std::string action;
	std::string status;
	std::optional<RowStatement> statement;
	std::optional<std::string> detail;
	std::optional<Values> live; ///< the row as it is
	bool is_due;                ///< it is to be done
};

/// Whether it keeps an undo that is to be whole from being done.
bool is_in_the_way(const Undo &undo);

class UndoPlan {
public:
	/// `locks`: rows are locked as for UPDATE.
	UndoPlan(const UndoEvents &events, OnConflict on_conflict, bool locks);
	UndoPlan(const UndoPlan &) = delete;
	UndoPlan &operator=(const UndoPlan &) = delete;

	std::vector<Undo> &rows() { return rows_; }

	/// Those that are to be done: deletions, those of referring tables first; changes, the last one first; insertions.
	std::vector<Undo *> due();

private:
	/// Whether less is to be done than was.
	bool add_cascades(OnConflict on_conflict, bool locks);

	std::vector<LiveTable> tables_; ///< each after those that it refers to
	std::vector<Undo> rows_;
};

} // namespace warden::audit
