// later_events.hpp - Which events of a table are after a moment, or after a mark.
//
// The invariant: a transaction is before it or after it with all of its events, but the one that made the mark, whose
// first ones are before.  A mark tells by its snapshot; a moment by the times at which transactions were committed,
// where the server keeps them, else by those of their last events.
#pragma once

#include "pg/datum.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace warden::audit {

struct LaterEvents {
	std::optional<std::int64_t> mark;
	TimestampTz moment;             ///< that of the mark
	bool has_earlier = false;       ///< some such events were written at or before the moment
	std::int64_t first = 0;         ///< by this transaction or later ones
	std::int64_t beyond = 0;        ///< with a mark: from this transaction on all are after
	std::vector<std::int64_t> open; ///< transactions that were not committed at the moment, in their order
	std::int64_t marking = 0;       ///< the transaction that made the mark
	std::int64_t event = 0;         ///< its events before this one are before the mark

	/// Of an event in `source()`.
	bool has(std::int64_t transaction, std::int64_t id, TimestampTz at) const;

	/// Where to look for them: FROM (...) e WHERE ...; parameters: $1 the relation, $2 first, $3 the moment.
	const char *source() const;
};

/// The moment of a mark.  Error 42704 if there is none.
pg::Timestamptz moment_of(std::int64_t mark);

/// Those of a relation in audit_relations.
LaterEvents events_after(std::int32_t relation, pg::Timestamptz moment);
LaterEvents events_after_mark(std::int32_t relation, std::int64_t mark);

} // namespace warden::audit
