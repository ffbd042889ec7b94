#include "audit/log_rows.hpp"

extern "C" {
#include "executor/spi.h"
#include "nodes/params.h"
}

namespace warden::audit {

// All of this is server code.

Portal open(const Query &query) {
	return SPI_cursor_open_with_args(nullptr, query.sql, query.arguments, const_cast<Oid *>(query.types),
	                                 const_cast<Datum *>(query.values), nullptr, true, 0);
}

namespace detail {

void start_receiver(DestReceiver * /*self*/, int /*operation*/, TupleDesc /*description*/) {}

void end_receiver(DestReceiver * /*self*/) {}

void run(const Query &query, DestReceiver *receiver) {
	// Not in parallel: who takes a row may need a subtransaction for it.
	const SPIPlanPtr plan = SPI_prepare_cursor(query.sql, query.arguments, const_cast<Oid *>(query.types), 0);
	if (plan == nullptr) {
		elog(ERROR, "could not prepare to read rows: %s", SPI_result_code_string(SPI_result));
	}
	SPIExecuteOptions options{};
	options.read_only = true;
	options.dest = receiver;
	options.params = makeParamList(query.arguments); // in SPI's memory: that of the rows is reset meanwhile
	for (int i = 0; i < query.arguments; ++i) {
		options.params->params[i] = {
			.value = query.values[i], .isnull = false, .pflags = PARAM_FLAG_CONST, .ptype = query.types[i]};
	}
	const int result = SPI_execute_plan_extended(plan, &options);
	if (result != SPI_OK_SELECT) {
		elog(ERROR, "could not read rows: %s", SPI_result_code_string(result));
	}
}

} // namespace detail

LogRow read_change(TupleTableSlot *row) {
	const Datum *const values = row->tts_values;
	const bool *const nulls = row->tts_isnull;
	const auto json = [&](int n) { return nulls[n] ? nullptr : DatumGetJsonbP(values[n]); };
	return {.id = DatumGetInt64(values[0]),
	        .transaction = DatumGetInt64(values[1]),
	        .at = DatumGetTimestampTz(values[2]),
	        .operation = static_cast<Operation>(DatumGetChar(values[3])),
	        .flags = DatumGetInt16(values[4]),
	        .version = DatumGetInt32(values[5]),
	        .key_number = nulls[6] ? 0 : DatumGetInt64(values[6]),
	        .key = json(7),
	        .before = json(8),
	        .after = json(9)};
}

} // namespace warden::audit
