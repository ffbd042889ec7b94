#include "move/mover.hpp"
#include "pg/call.hpp"
#include "pg/error.hpp"
namespace warden::move {
const Operations &drain_operations() { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
PG_FUNCTION(partition_drain) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
PG_FUNCTION(partition_drain_plan) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
