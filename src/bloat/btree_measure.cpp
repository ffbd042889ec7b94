#include "bloat/statistics_basis.hpp"
#include "bloat/subject.hpp"

extern "C" {
#include "storage/bufmgr.h"
}

namespace warden::bloat {

Measurement measure_btree(Relation relation, Relation heap, Method method, const Effort & /*effort*/) {
	if (method == Method::Statistics) {
		return measure_btree_by_statistics(relation, heap);
	}
	Measurement measurement;
	measurement.method = method;
	measurement.bytes =
		static_cast<std::int64_t>(pg::call([&] { return RelationGetNumberOfBlocks(relation); })) * BLCKSZ;
	measurement.withheld = "not built yet";
	return measurement;
}

} // namespace warden::bloat
