// history.hpp - The events of one row, also those under other keys that it had.
#pragma once

#include "audit/readable.hpp"

#include "pg/datum.hpp"

namespace warden::audit {

struct HistoryEvent {
	std::int64_t id;
	pg::Timestamptz at;
	std::int64_t transaction;
	std::int64_t key_number;
};

/// In their order.  Errors: those of row_keys().
std::vector<HistoryEvent> history_of(const Readable &table, pg::Json key);

} // namespace warden::audit
