// log_rows.hpp - Many rows of the log, or of a table, one after the other.
//
// The invariant: all of them are seen under the snapshot that is active, that of the query which calls us.
#pragma once

#include "audit/log_writer.hpp"

#include "pg/spi.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "tcop/dest.h"
}

namespace warden::audit {

struct Query {
	const char *sql;
	int arguments;
	Oid types[3];
	Datum values[3];
};

/// Server code.  A cursor, for who works with some rows before he reads more.
Portal open(const Query &query);

namespace detail {

/// Takes rows where the executor has them, without a copy.
template <class Body>
struct Receiver {
	DestReceiver server; ///< comes first: it is what the server knows
	Body *body;
	MemoryContext memory;          ///< of a few rows
	ErrorContextCallback *context; ///< our errors are not the query's
	unsigned rows;

	// Server code.
	static bool receive(TupleTableSlot *row, DestReceiver *self) {
		constexpr unsigned rows_at_once = 64;
		auto *const receiver = reinterpret_cast<Receiver *>(self);
		const MemoryContext before = MemoryContextSwitchTo(receiver->memory);
		slot_getallattrs(row);
		ErrorContextCallback *const context = error_context_stack;
		error_context_stack = receiver->context;
		pg::entry([&] { (*receiver->body)(row); });
		error_context_stack = context;
		MemoryContextSwitchTo(before);
		if (++receiver->rows % rows_at_once == 0) {
			MemoryContextReset(receiver->memory);
		}
		return true;
	}
};

/// Server code.
void run(const Query &query, DestReceiver *receiver);
void start_receiver(DestReceiver *self, int operation, TupleDesc description);
void end_receiver(DestReceiver *self);

} // namespace detail

/// Calls body(row) for each row of a query, with its columns at hand.
template <class F>
void for_each_row(const Query &query, F &&body) {
	using Body = std::remove_reference_t<F>;
	const pg::Spi spi;
	const pg::ScratchMemory memory;
	detail::Receiver<Body> receiver{.server = {.receiveSlot = detail::Receiver<Body>::receive,
	                                           .rStartup = detail::start_receiver,
	                                           .rShutdown = detail::end_receiver,
	                                           .rDestroy = detail::end_receiver,
	                                           .mydest = DestTuplestore},
	                                .body = &body,
	                                .memory = CurrentMemoryContext,
	                                .context = error_context_stack,
	                                .rows = 0};
	pg::call(detail::run, query, &receiver.server);
}

/// A row of the log, with what `log_columns` selects; the images in the memory context that is current.
struct LogRow {
	std::int64_t id;
	std::int64_t transaction;
	TimestampTz at;
	Operation operation;
	std::int16_t flags;
	std::int32_t version;
	std::int64_t key_number;
	Jsonb *key, *before, *after;
};
inline constexpr const char *log_columns =
	"SELECT e.id, e.transaction, e.at, e.operation, e.flags, e.version, e.key_number, e.key";

/// Server code.  With the columns "before" and "after" behind these.
LogRow read_change(TupleTableSlot *row);

} // namespace warden::audit
