// log_tuple.hpp - A row of the log, as the heap has it.
//
// Server code.  The server forms rows of any table, column by column as the catalogue has them, twice over each; of
// this one the columns are known, and come in an order that needs no padding before the images.  That is a quarter of
// the instructions.  The invariant: the bytes are those that heap_form_tuple() would make of warden.audit_log.
#pragma once

#include "pg/server.hpp"

#include <cstdint>

extern "C" {
#include "access/htup.h"
}

namespace warden::audit {

/// The columns of warden.audit_log, in their order.
struct LogFields {
	std::int64_t id;
	TimestampTz at;
	std::int64_t transaction;
	std::int64_t session;
	bool has_key;
	std::int64_t key_number; ///< NULL without a key
	std::int32_t relation;
	std::int32_t version;
	std::int16_t log_class;
	std::int16_t flags;
	char operation;
	const struct varlena *images[3]; ///< key, before, after; null pointers are NULL; in memory, maybe compressed
};

inline constexpr AttrNumber log_columns_count = 13;
inline constexpr AttrNumber at_column = 2;
inline constexpr AttrNumber key_number_column = 5;
inline constexpr AttrNumber first_image_column = 11;

/// In the memory context that is current.
HeapTuple form_log_tuple(const LogFields &fields);

} // namespace warden::audit
