#include "move/mover.hpp"
#include "pg/call.hpp"
#include "pg/error.hpp"
namespace warden::move {
const Operations &convert_operations() { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
PG_FUNCTION(partition_convert) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
PG_FUNCTION(partition_convert_plan) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
