#include "move/throttle.hpp"
#include "pg/error.hpp"
namespace warden::move {
double pause_after(const Batch &, const Rates &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
std::int64_t next_batch(std::int64_t, const Batch &, const Rates &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
