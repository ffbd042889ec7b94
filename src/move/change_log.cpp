#include "move/change_log.hpp"
#include "pg/error.hpp"
namespace warden::move {
Oid create_log(std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void append_change(Relation, std::int16_t, const ItemPointerData *, const ItemPointerData *) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
std::vector<Place> take_changes(Oid, Snapshot, std::size_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
std::int64_t count_changes(Oid, std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
