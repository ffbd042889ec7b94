// procedure.hpp - A procedure that commits as it goes.
#pragma once

#include "pg/scoped.hpp"

#include <optional>

namespace warden::pg {

namespace detail {

/// Server code.  Ends the transaction in which an error was raised, which is pending, and begins the next.
ErrorData *roll_back_for(MemoryContext memory);
Error take(ErrorData *data);

} // namespace detail

/// The transactions of a procedure that is CALLed at the top level.  Between two of its steps nothing may be held: no
/// scope of PinnedSettings, RunAs or Spi is open at a commit().
class Procedure : Scoped {
public:
	/// Error 2D000 if the caller's transaction cannot be committed by us; its hint says what to use instead (or null).
	explicit Procedure(FunctionCallInfo fcinfo, const char *instead);
	~Procedure() {
		release([] { SPI_finish(); });
	}

	/// Commits, and begins the next transaction.
	void commit() const { call(SPI_commit); }

	/// Runs body, which may commit as it goes.  If it fails, all that was done since the last commit is rolled back,
	/// the next transaction begins, and the error is returned, a query cancel among them.
	template <class F>
	[[nodiscard]] std::optional<Error> attempt(F &&body) const {
		const MemoryContext memory = CurrentMemoryContext;
		if (detail::succeeds(std::forward<F>(body))) {
			return std::nullopt;
		}
		return detail::take(call(detail::roll_back_for, memory));
	}

	/// Sleeps without a snapshot, between half and one and a half times as long; ends early on cancel or termination.
	void pause(int milliseconds) const;
};

} // namespace warden::pg
