#include "move/row_capture.hpp"
#include "pg/call.hpp"
#include "pg/error.hpp"
namespace warden::move {
Oid create_capture(const Job &, const Source &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void drop_capture(const Source &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
bool is_captured(const Source &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
PG_FUNCTION(partition_move_capture) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
