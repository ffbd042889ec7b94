#include "move/place_map.hpp"
#include "pg/error.hpp"
namespace warden::move {
Oid create_map(std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
