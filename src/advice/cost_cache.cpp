#include "advice/cost_cache.hpp"

#include <algorithm>

namespace warden::advice {

CostCache::Statement &CostCache::of(std::size_t statement) {
	if (statements_.size() <= statement) {
		statements_.resize(statement + 1);
	}
	return statements_[statement];
}

void CostCache::add_relevant(std::size_t statement, const IndexSet &indexes) {
	of(statement).relevant |= indexes;
}

std::optional<Plan> CostCache::find(std::size_t statement, const IndexSet &present) const {
	if (statement >= statements_.size()) {
		return std::nullopt;
	}
	const IndexSet relevant = present & statements_[statement].relevant;
	for (const Known &known : statements_[statement].known) {
		if (known.plan.used.is_subset_of(relevant) && relevant.is_subset_of(known.present)) {
			return known.plan;
		}
	}
	return std::nullopt;
}

Plan CostCache::plan(std::size_t statement, const IndexSet &present) {
	if (auto known = find(statement, present)) {
		return std::move(*known);
	}
	Statement &entry = of(statement);
	const IndexSet relevant = present & entry.relevant;
	++asked_;
	Plan plan = planner_.plan(statement, relevant);
	plan.used &= relevant;
	add_option(entry.options, plan);
	entry.known.push_back({.present = relevant, .plan = plan});
	return plan;
}

void CostCache::add_option(std::vector<PlanOption> &options, const Plan &plan) {
	const auto dearer =
		std::ranges::partition_point(options, [&](const PlanOption &option) { return option.cost <= plan.cost; });
	if (std::any_of(options.begin(), dearer,
	                [&](const PlanOption &option) { return option.used.is_subset_of(plan.used); })) {
		return;
	}
	const auto place = options.insert(dearer, {.used = plan.used, .cost = plan.cost});
	options.erase(std::remove_if(place + 1, options.end(),
	                             [&](const PlanOption &option) { return plan.used.is_subset_of(option.used); }),
	              options.end());
}

double cheapest(const std::vector<PlanOption> &options, const IndexSet &present, double limit) {
	for (const PlanOption &option : options) {
		if (option.cost >= limit) {
			break;
		}
		if (option.used.is_subset_of(present)) {
			return option.cost;
		}
	}
	return limit;
}

} // namespace warden::advice
