// mover.hpp - The sequence of a job, whatever its kind: prepare, copy, index, replay, wait, swap, finish.
#pragma once

#include "move/move_job.hpp"
#include "pg/procedure.hpp"

namespace warden::move {

/// What the kinds differ in.  No scope of PinnedSettings, RunAs or Spi is open when they are called.
struct Operations {
	/// Makes the sides (registered, with their indexes), and registers the sources, in the current transaction or in
	/// several.  Undone by the mover if it is cut short; called anew then.  None of them: there is nothing to move any
	/// more, and the job is done.
	void (*prepare)(const pg::Procedure &, const Job &);
	/// Asks for the locks of the swap, for that many milliseconds.
	std::optional<pg::Refusal> (*lock)(const Job &, int);
	/// Looks, under the locks, whether the swap is still right (errcode_begin_anew), and swaps.  All is replayed.
	void (*swap)(const Job &, const std::vector<Source> &, const std::vector<Side> &);
	/// After the swap: what need not be in its transaction.  Commits; may be called again.
	void (*finish)(const pg::Procedure &, const Job &);
};

const Operations &drain_operations();
const Operations &convert_operations();
const Operations &revert_operations();

/// Works on a job, which this process has claimed, until it has ended, somebody wants it to stop, or the time is over.
/// Errors: whatever ended it; it is noted in the job, which can be resumed.
void run_job(const pg::Procedure &procedure, std::int64_t job, std::optional<double> seconds = std::nullopt);

/// Takes away everything that a job has made, before the swap; after it there is nothing to cancel: it is finished.
void cancel_job(const pg::Procedure &procedure, std::int64_t job);

} // namespace warden::move
