#include "move/move_plan.hpp"
#include "pg/error.hpp"
namespace warden::move {
void add_steps(PlanRows &, const std::vector<PlanStep> &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void tell_steps(const std::vector<PlanStep> &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
std::vector<PlanStep> common_steps(const Wish &, const std::vector<Oid> &, std::size_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void check_source(Oid) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
Limits limits_of(FunctionCallInfo, int) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
