// early_snapshot.hpp - Commands that wait until nobody has a snapshot as old as theirs: DETACH PARTITION ... FINALIZE.
//
// They do so under their locks.  So the snapshot is taken early, and it is waited for the others' with no lock at all;
// then the command finds nobody to wait for.
#pragma once

#include "pg/lock.hpp"
#include "pg/scoped.hpp"

namespace warden::pg {

class EarlySnapshot : Scoped {
public:
	/// Of this moment.
	EarlySnapshot();
	~EarlySnapshot() {
		release([this] { UnregisterSnapshot(snapshot_); });
	}

	/// Whose snapshot is as old and will last, by the same rule as for a lock.
	std::optional<Refusal> find_long_holder() const;

	/// Waits until nobody has one as old, or for so long: while a long transaction writes, new ones count as old as
	/// well, and the command has to wait for some of them.  That falls under lock_timeout.
	void outlast_others(int milliseconds) const;

	/// Runs a command, with this snapshot.
	void execute(const std::string &command) const;

private:
	const Snapshot snapshot_;
};

} // namespace warden::pg
