// drain_plan.hpp - What a drain would do, either way.
#pragma once

#include "move/drain_survey.hpp"
#include "move/move_plan.hpp"

namespace warden::move {

std::vector<PlanStep> plan_drain(const DrainSurvey &survey, const Limits &limits);

} // namespace warden::move
