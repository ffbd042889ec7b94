// procedure.hpp - A procedure that commits as it goes.
#pragma once

#include "pg/scoped.hpp"

namespace warden::pg {

/// The transactions of a procedure that is CALLed at the top level.  Between two of its steps nothing may be held: no
/// scope of PinnedSettings, RunAs or Spi is open at a commit().
class Procedure : Scoped {
public:
	/// Error 2D000 if the caller's transaction cannot be committed by us.
	explicit Procedure(FunctionCallInfo fcinfo, const char *instead);
	~Procedure() {
		release([] { SPI_finish(); });
	}

	/// Commits, and begins the next transaction.
	void commit() const { call(SPI_commit); }

	/// Sleeps without a snapshot, between half and one and a half times as long; ends early on cancel or termination.
	void pause(int milliseconds) const;
};

} // namespace warden::pg
