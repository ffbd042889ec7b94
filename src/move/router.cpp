#include "move/router.hpp"
#include "pg/error.hpp"
namespace warden::move {
Router *make_router(const std::vector<Side> &, Oid, const std::string &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
int route(Router *, TupleTableSlot *) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
