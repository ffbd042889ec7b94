#include "advice/drop_check.hpp"

#include "advice/workload.hpp"

#include "pg/transaction.hpp"

#include <algorithm>

namespace warden::advice {

using namespace pg;

namespace {

constexpr std::chrono::seconds longest{10}; // for all indexes together
constexpr std::size_t most_statements = 2000;
constexpr double dearer = 1.1;

/// Those that may go, and what is attached to them.
KnownIndexes known(const std::vector<IndexFacts> &indexes) {
	KnownIndexes known;
	for (const IndexFacts &facts : indexes) {
		if (!facts.rival.is_usable || facts.rival.must_stay) {
			continue;
		}
		KnownIndex index{.shape = facts.rival.shape, .existing = facts.rival.id, .may_go = true};
		for (const IndexFacts &part : indexes) { // partitions come after what they are of
			if (part.parent != 0 && (part.parent == facts.rival.id || std::find(index.parts.begin(), index.parts.end(),
			                                                                    part.parent) != index.parts.end())) {
				index.parts.push_back(part.rival.id);
			}
		}
		known.add(std::move(index));
	}
	return known;
}

/// All that is known, the costly ones first: what is rare can become very dear.
std::vector<Statement> plannable() {
	std::vector<Statement> statements;
	for (Recorded &recorded : read_recorded()) {
		if (recorded.statement.skipped.empty() && statements.size() < most_statements) {
			statements.push_back(std::move(recorded.statement));
		}
	}
	return statements;
}

std::string told(const Statement &statement, double before, double after) {
	const std::string name = statement.id != 0 ? format("query %lld", static_cast<long long>(statement.id)) : "a query";
	return format("without it %s would cost %.2f instead of %.2f: see warden.advice_workload", name.c_str(), after,
	              before);
}

} // namespace

DropCheck::DropCheck(const std::vector<IndexFacts> &indexes)
	: statements_(plannable()), indexes_(known(indexes)), what_if_(statements_, indexes_),
	  present_(indexes_.existing()) {
	what_if_.end_at(WhatIf::Clock::now() + longest);
}

std::optional<Plan> DropCheck::plan(std::size_t statement, const IndexSet &present) {
	check_for_interrupts();
	std::optional<Plan> plan;
	const auto error = attempt([&] { plan = what_if_.plan(statement, present); });
	is_out_of_time_ = is_out_of_time_ || (error && error->sqlstate == ERRCODE_QUERY_CANCELED);
	return error ? std::nullopt : plan;
}

/// As things are.  What cannot be planned is no witness.
void DropCheck::plan_all() {
	for (std::size_t i = 0; i < statements_.size() && plans_.size() < statements_.size() && !is_out_of_time_; ++i) {
		const auto now = plan(i, present_);
		plans_.push_back(now ? std::optional(Planned{.cost = now->cost, .now = *now}) : std::nullopt);
	}
}

DropCheck::Answer DropCheck::without(const IndexFacts &index) {
	plan_all();
	IndexSet::Number hidden = 0;
	while (hidden < indexes_.size() && indexes_[hidden].existing != index.rival.id) {
		++hidden;
	}
	if (statements_.empty() || is_out_of_time_ || hidden == indexes_.size()) {
		return {.text = statements_.empty() ? "no statements are known that it could be verified with"
		                                    : "there was no time to verify it with the workload"};
	}
	IndexSet present = present_;
	present.erase(hidden);
	std::vector<std::optional<Planned>> plans = plans_;
	Outcome outcome = Outcome::NotUsed;
	for (std::size_t i = 0; i < plans.size(); ++i) {
		if (!plans[i] || !plans[i]->now.used.contains(hidden)) {
			continue; // it stays as it is
		}
		const auto now = plan(i, present);
		if (!now) {
			return {.text = "there was no time to verify it with the workload"};
		}
		if (now->cost > plans[i]->cost * dearer) {
			return {.outcome = Outcome::Objection, .text = told(statements_[i], plans[i]->cost, now->cost)};
		}
		plans[i]->now = *now;
		outcome = Outcome::Replaced;
	}
	plans_ = std::move(plans);
	present_ = present;
	return {.outcome = outcome, .text = format("verified with %zu statements", statements_.size())};
}

} // namespace warden::advice
