#include "move/mover.hpp"
#include "pg/error.hpp"
namespace warden::move {
void run_job(const pg::Procedure &, std::int64_t, std::optional<double>) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void cancel_job(const pg::Procedure &, std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
