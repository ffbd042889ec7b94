// log_rows.hpp - Many rows of the log, or of a table, one after the other.
//
// The invariant: all of them are seen under the snapshot that is active, that of the query which calls us.
#pragma once

#include "audit/as_of_merge.hpp"
#include "audit/log_writer.hpp"
#include "audit/past_table.hpp"

#include "pg/spi.hpp"

namespace warden::audit {

struct Query {
	const char *sql;
	int arguments;
	Oid types[3];
	Datum values[3];
};

/// Server code.
Portal open(const Query &query);

/// Calls body(tuple, description) for each row that a query sees under the snapshot that is active.
template <class F>
void for_each_row(const Query &query, F &&body) {
	constexpr long rows_at_once = 1000;
	const pg::Spi spi;
	const Portal portal = pg::call(open, query);
	for (;;) {
		pg::check_for_interrupts();
		const pg::ScratchMemory memory;
		SPITupleTable *const rows = pg::call([&] {
			SPI_cursor_fetch(portal, true, rows_at_once);
			return SPI_tuptable;
		});
		const auto count = static_cast<std::size_t>(SPI_processed);
		for (std::size_t i = 0; i < count; ++i) {
			body(rows->vals[i], rows->tupdesc);
		}
		pg::call(SPI_freetuptable, rows);
		if (count == 0) {
			break;
		}
	}
	pg::call(SPI_cursor_close, portal);
}

/// A row of the log, in the memory context that is current.
struct LogRow {
	std::int64_t transaction;
	Operation operation;
	std::int16_t flags;
	std::int32_t version;
	std::int64_t key_number;
	Jsonb *key, *before, *after;
};

/// Server code.
LogRow read_change(HeapTuple tuple, TupleDesc row);

/// Server code.  Notes what an image, of these columns, says of a row, in place of what was noted of later moments.
void note(const Jsonb *image, const PastColumn *columns, std::size_t count, std::int32_t version, PastValue *values);

} // namespace warden::audit
