// sample_board.hpp - Where sessions leave what they have sampled: shared memory of a fixed size.
//
// Server code that owns nothing.  It is empty after a restart or a crash; CALL maintain() takes what is of its database
// into a table.  The invariants: no session waits for another one to leave a sample, it rather forgets it; nothing
// raises an error while the lock is held.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "datatype/timestamp.h"
}

namespace warden::advice {

inline constexpr int sample_bytes = 5000; ///< a statement whose text and values are longer is counted only
inline constexpr int samples_a_query = 3;

/// One execution.  What is in `data`, one after the other: the text, the search path, the parameters.  Of a parameter:
/// its type (Oid), the length of its value (int32) or one of the two below, and that value as text.
struct Sample {
	TimestampTz at;
	double milliseconds; ///< of this execution; negative: not known
	double planning_ms;  ///< negative: it was not planned for this execution only
	bool has_values;     ///< of all parameters; otherwise their types only are known
	int text_length;
	int path_length;
	int parameters; ///< how many
	int length;     ///< of all
	char data[sample_bytes];
};
inline constexpr int32 null_value = -1;
inline constexpr int32 unknown_value = -2;

/// A statement of a role.
struct SampledQuery {
	Oid role;
	int64 query;         ///< its query id
	TimestampTz since;   ///< of the first sample
	TimestampTz last;    ///< of the last one
	double calls;        ///< each sampled execution stands for so many that there were, by the rate
	double milliseconds; ///< of these
	double rows;         ///< of these
	int64 offered;       ///< samples that there were, of which each is as likely to be among those kept
	int kept;
	Sample samples[samples_a_query];
};

/// What one execution adds.
struct Execution {
	Oid role;
	int64 query;
	double calls; ///< that it stands for; 0: it is counted elsewhere
	double milliseconds;
	double rows;
	const Sample *sample; ///< nullptr: it is only to be counted
};

/// Asks for the memory; for _PG_init() of a preloaded library.
void init_sample_board();

/// Whether there is any.
bool has_sample_board();

/// Leaves an execution of this database, unless somebody else is at it.  When there is no room it takes that of the
/// statement with the least time.
void offer(const Execution &execution);

/// Copies the first query of this database from place `from` on, and makes its place free if it is to be taken. Returns
/// the place after it, or -1 if there is none.
int copy_sampled(int from, bool take, SampledQuery *to);

} // namespace warden::advice
