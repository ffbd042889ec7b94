// heap_measure.cpp - A heap by each of the three methods, of which the exact one is here.
#include "bloat/heap_notes.hpp"
#include "bloat/heap_scan.hpp"
#include "bloat/subject.hpp"

extern "C" {
#include "storage/bufmgr.h"
}

namespace warden::bloat {

namespace {

Measurement measure_exactly(Relation relation, const Effort &effort) {
	const HeapTotals totals = pg::call([&] { return scan_heap(relation, effort.cost_delay_ms); });
	const auto size = static_cast<std::int64_t>(totals.packed) * BLCKSZ;
	Measurement measurement;
	measurement.method = Method::Exact;
	measurement.bytes = static_cast<std::int64_t>(totals.blocks) * BLCKSZ;
	measurement.pages_read = totals.pages_read;
	measurement.account = totals.account;
	measurement.truncatable = pg::call([&] { return truncatable_bytes(relation, totals.blocks, totals.with_rows); });
	measurement.rewritten = Prediction{.bytes = size, .low = size, .high = size};
	add_caveats(relation, totals.filled > 0, measurement);
	return measurement;
}

Measurement withhold(Relation relation, Method method) {
	Measurement measurement;
	measurement.method = method;
	measurement.bytes =
		static_cast<std::int64_t>(pg::call([&] { return RelationGetNumberOfBlocks(relation); })) * BLCKSZ;
	measurement.withheld = "not built yet";
	return measurement;
}

} // namespace

Measurement measure_heap(Relation relation, Relation /*heap*/, Method method, const Effort &effort) {
	switch (method) {
	case Method::Exact:
		return measure_exactly(relation, effort);
	case Method::Sample:
	case Method::Statistics:
		break;
	}
	return withhold(relation, method);
}

} // namespace warden::bloat
