#include "move/drain_plan.hpp"

#include "move/drain_direct.hpp"
#include "pg/names.hpp"

namespace warden::move {

using namespace pg;

namespace {

// What was measured on two cores, rounded up: a table with some indexes made and attached, and a row moved.
constexpr double seconds_per_table = 0.01;
constexpr double seconds_per_attach = 0.005;
constexpr double seconds_per_direct_row = 0.000'02;

std::string text_of(std::int64_t rows) {
	return format("%lld row%s", static_cast<long long>(rows), rows == 1 ? "" : "s");
}

std::string locks_of(const DrainSurvey &survey, double seconds) {
	return "ACCESS EXCLUSIVE on " + qualified_name(survey.policy.parent) + " and " + qualified_name(survey.source()) +
	       format(", for about %.0f ms", seconds * 1000);
}

std::int64_t bytes_for(const DrainSurvey &survey, std::int64_t rows) {
	return survey.rows_all > 0 ? survey.blocks * BLCKSZ / survey.rows_all * rows : 0;
}

void add_left(std::vector<PlanStep> &steps, const DrainSurvey &survey) {
	for (const LeftRows &rows : survey.left) {
		steps.push_back({.action = "left",
		                 .relation = qualified_name(survey.source()),
		                 .detail = text_of(rows.rows) + (rows.rows == 1 ? " stays: " : " stay: ") + rows.why + "."});
	}
}

PlanStep creation(const DirectPlan &plan) {
	return {.action = "create",
	        .command = partition::join(plan.build),
	        .relation = plan.name,
	        .seconds = seconds_per_table};
}

PlanStep attachment(const DrainSurvey &survey, const DirectPlan &plan) {
	return {.action = "attach",
	        .command = partition::join(plan.attach),
	        .lock = locks_of(survey, seconds_per_attach),
	        .relation = plan.name,
	        .seconds = seconds_per_attach};
}

std::vector<PlanStep> direct_steps(const DrainSurvey &survey, const std::vector<DirectPlan> &plans) {
	std::vector<PlanStep> steps;
	for (std::size_t i = 0; i < plans.size(); ++i) {
		const std::int64_t rows = survey.places[i].rows;
		const double seconds = static_cast<double>(rows) * seconds_per_direct_row;
		steps.push_back(creation(plans[i]));
		steps.push_back({.action = "move",
		                 .lock = locks_of(survey, seconds),
		                 .relation = plans[i].name,
		                 .bytes = bytes_for(survey, rows),
		                 .seconds = seconds,
		                 .detail = text_of(rows) + ", in the transaction that makes and attaches it."});
		steps.push_back(attachment(survey, plans[i]));
	}
	return steps;
}

std::vector<PlanStep> job_steps(const DrainSurvey &survey, const std::vector<DirectPlan> &plans, const Limits &limits) {
	std::vector<PlanStep> steps;
	for (std::size_t i = 0; i < plans.size(); ++i) {
		steps.push_back(creation(plans[i]));
		steps.back().bytes = bytes_for(survey, survey.places[i].rows);
		steps.back().detail = text_of(survey.places[i].rows) + " will be copied to it.";
	}
	const Wish wish{.target = survey.policy.parent,
	                .kind = Kind::Drain,
	                .limits = limits,
	                .rows_total = survey.rows_all,
	                .bytes_total = survey.blocks * BLCKSZ};
	for (PlanStep &step : common_steps(wish, {survey.source()}, plans.size() + 1)) {
		steps.push_back(std::move(step));
	}
	const double seconds = 0.02 + seconds_per_attach * static_cast<double>(plans.size());
	steps.push_back(
		{.action = "swap",
	     .lock = locks_of(survey, seconds),
	     .relation = qualified_name(survey.source()),
	     .seconds = seconds,
	     .detail = "It gets the storage that the rows which stay were copied to; in the same transaction:"});
	for (const DirectPlan &plan : plans) {
		steps.push_back(attachment(survey, plan));
	}
	steps.push_back({.action = "finish",
	                 .relation = qualified_name(survey.source()),
	                 .detail = "Drops what was its storage, and runs ANALYZE of the new partitions."});
	return steps;
}

} // namespace

std::vector<PlanStep> plan_drain(const DrainSurvey &survey, const Limits &limits) {
	std::vector<PlanStep> steps;
	if (!survey.places.empty()) {
		const std::vector<DirectPlan> plans = plan_directly(survey);
		steps = is_small(survey) ? direct_steps(survey, plans) : job_steps(survey, plans, limits);
	}
	if (OidIsValid(survey.source())) {
		add_left(steps, survey);
	}
	return steps;
}

} // namespace warden::move
