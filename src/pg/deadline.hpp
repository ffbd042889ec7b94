// deadline.hpp - Work that is given up when it takes too long.
#pragma once

#include "pg/transaction.hpp"

namespace warden::pg {

namespace detail {

// Server code.
void start_deadline(int milliseconds);
bool stop_deadline(); ///< whether it had passed

} // namespace detail

/// try_out() for as long as `milliseconds`; after that it is the error 57014.  A cancel by somebody else is raised
/// again, as ever.  0: without end.
template <class F>
[[nodiscard]] std::optional<Error> try_out_within(int milliseconds, F &&body) {
	const detail::Outer outer = call(detail::begin_subtransaction);
	bool is_late = false;
	if (detail::succeeds([&] {
			call(detail::start_deadline, milliseconds);
			std::forward<F>(body)();
			call(detail::stop_deadline);
			call(detail::undo_subtransaction, outer);
		})) {
		return std::nullopt;
	}
	MemoryContextSwitchTo(outer.memory);
	ErrorData *const data = call([&] {
		is_late = detail::stop_deadline();
		return detail::abort_subtransaction(outer);
	});
	if (!detail::is_cancel(data)) {
		return detail::take(data);
	}
	if (!is_late) {
		call(ReThrowError, data);
	}
	call(FreeErrorData, data);
	return Error(ERRCODE_QUERY_CANCELED, format("it took longer than %d ms", milliseconds));
}

} // namespace warden::pg
