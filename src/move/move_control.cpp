#include "move/move.hpp"
#include "move/drain_direct.hpp"
#include "pg/call.hpp"
#include "pg/error.hpp"
namespace warden::move {
void maintain(const pg::Procedure &) {}
void init() { init_drain(); }
PG_FUNCTION(partition_pause) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
PG_FUNCTION(partition_resume) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
PG_FUNCTION(partition_cancel) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
