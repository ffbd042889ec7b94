// stopwatch.hpp - What the audit costs those who change rows, measured: one call in some hundreds of the trigger's
// function, of every session.
//
// It is in shared memory, so it needs pg_warden to be preloaded.  The invariant: nobody waits for it, and a call that
// is not measured pays for one decrement.
#pragma once

#include "pg/server.hpp"

#include <cstdint>

extern "C" {
#include "portability/instr_time.h"
}

namespace warden::audit {

namespace detail {
extern std::uint32_t calls_left; ///< until the next that is measured
bool begin_round();
} // namespace detail

// Server code, but for times_of().

/// Whether to measure this call.
inline bool is_measured() {
	return --detail::calls_left == 0 && detail::begin_round();
}

/// What a call took that was for a relation of this database.
void note_time(std::int32_t relation, instr_time begin);

struct Times {
	std::int64_t calls;  ///< that were measured since the server started
	double microseconds; ///< of one, in the mean
};

/// Nothing was measured if that is 0 calls.
Times times_of(std::int32_t relation);

/// Whether anything is measured at all.
bool has_stopwatch();

/// Asks for the memory, while the server starts.
void init_stopwatch();

} // namespace warden::audit
