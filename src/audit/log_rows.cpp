#include "audit/log_rows.hpp"

extern "C" {
#include "access/htup_details.h"
}

namespace warden::audit {

// All of this is server code.

namespace {

// A value on its own, to be freed as one piece.
JsonbValue *copy_of(const JsonbValue &value) {
	const auto copy = [&](const void *data, std::size_t size, std::size_t header) {
		auto *const whole = static_cast<char *>(palloc(MAXALIGN(sizeof value) + size));
		memcpy(whole, &value, sizeof value);
		memcpy(whole + header, data, size);
		return reinterpret_cast<JsonbValue *>(whole);
	};
	constexpr std::size_t header = MAXALIGN(sizeof value);
	JsonbValue *made = nullptr;
	switch (value.type) {
	case jbvString:
		made = copy(value.val.string.val, static_cast<std::size_t>(value.val.string.len), header);
		made->val.string.val = reinterpret_cast<char *>(made) + header;
		return made;
	case jbvNumeric:
		made = copy(value.val.numeric, VARSIZE(value.val.numeric), header);
		made->val.numeric = reinterpret_cast<Numeric>(reinterpret_cast<char *>(made) + header);
		return made;
	case jbvBinary:
		made = copy(value.val.binary.data, static_cast<std::size_t>(value.val.binary.len), header);
		made->val.binary.data = reinterpret_cast<JsonbContainer *>(reinterpret_cast<char *>(made) + header);
		return made;
	default:
		return copy(nullptr, 0, header);
	}
}

} // namespace

Portal open(const Query &query) {
	return SPI_cursor_open_with_args(nullptr, query.sql, query.arguments, const_cast<Oid *>(query.types),
	                                 const_cast<Datum *>(query.values), nullptr, true, 0);
}

LogRow read_change(HeapTuple tuple, TupleDesc row) {
	Datum values[8];
	bool nulls[8];
	heap_deform_tuple(tuple, row, values, nulls);
	const auto json = [&](int n) { return nulls[n] ? nullptr : DatumGetJsonbP(values[n]); };
	return {.transaction = DatumGetInt64(values[0]),
	        .operation = static_cast<Operation>(DatumGetChar(values[1])),
	        .flags = DatumGetInt16(values[2]),
	        .version = DatumGetInt32(values[3]),
	        .key_number = nulls[4] ? 0 : DatumGetInt64(values[4]),
	        .key = json(5),
	        .before = json(6),
	        .after = json(7)};
}

void note(const Jsonb *image, const PastColumn *columns, std::size_t count, std::int32_t version, PastValue *values) {
	JsonbIterator *iterator = JsonbIteratorInit(const_cast<JsonbContainer *>(&image->root));
	JsonbValue token;
	std::size_t next = 0; // both are in the same order
	int today = -1;
	for (JsonbIteratorToken kind; (kind = JsonbIteratorNext(&iterator, &token, true)) != WJB_DONE;) {
		if (kind == WJB_KEY) {
			const std::string_view name(token.val.string.val, static_cast<std::size_t>(token.val.string.len));
			while (next < count && columns[next].name != name) {
				++next;
			}
			today = next < count ? columns[next].today : -1;
		} else if (kind == WJB_VALUE && today >= 0) {
			if (values[today].value != nullptr) {
				pfree(values[today].value);
			}
			values[today] = {copy_of(token), version};
		}
	}
}

} // namespace warden::audit
