#include "advice/selection.hpp"

#include <algorithm>
#include <numeric>

namespace warden::advice {

namespace {

using Number = IndexSet::Number;

// Costs that differ by less are equal: the planner itself keeps paths within 1 % of each other.
constexpr double noise = 1.015;
// An index of less than that part of another's size, like a partial one, may lose so little of what that one saves.
constexpr double much_smaller = 0.2;
constexpr double least_loss = 0.005;
// An index that changes less of a statement's cost does nothing for it.
constexpr double least_change = 0.95;
// An index has to be worth that share of the workload, or much less if it halves a statement.
constexpr double least_share = 0.005;
constexpr double least_share_halving = 0.0005;
constexpr double worst_regression = 1.1;
constexpr std::size_t most_layers = 6;
constexpr int most_rounds = 2;
// Better sizes may lead to other indexes, whose sizes are to be looked at.
constexpr int most_corrections = 5;
// A statement that could gain less than that share is not looked at further.
constexpr double least_potential = 0.0005;
// A round that gained less is the last.
constexpr double least_progress = 0.005;

class Selector {
public:
	Selector(const Task &task, CostCache &costs, IndexSource &indexes, Deadline &deadline)
		: task_(task), costs_(costs), indexes_(indexes), deadline_(deadline) {}

	Selection run();

private:
	enum class Depth { Smaller, All };
	/// What an index adds to all others.
	struct Worth {
		double milliseconds = 0;
		bool halves = false; ///< the cost of a statement
	};

	double cost(std::size_t statement, const IndexSet &chosen);
	double total(const IndexSet &chosen);
	IndexSet affordable(const IndexSet &offered) const;
	IndexSet concerning(std::size_t statement, const IndexSet &offered) const;
	void admit(std::size_t statement, const IndexSet &offered);
	void rank_statements();
	void explore(std::size_t statement, const IndexSet &chosen, IndexSet offered, Depth depth, std::size_t layers);
	void explore_all(const IndexSet &chosen, Depth depth, std::size_t layers);
	void explore_around();
	void invent();
	Scales scales() const;
	void search_known();
	void search();
	bool does_as_well(Number index, Number other);
	void simplify();
	void drop_regressions();
	void drop_unworthy();
	Worth worth_of(Number index);
	bool is_enough(const Worth &worth) const;
	double known_gain(Number index, IndexSet before) const;
	std::vector<Number> order();
	std::vector<Choice> in_order();
	void find_touched();
	IndexSet superseded_by(Number index);

	const Task &task_;
	CostCache &costs_;
	IndexSource &indexes_;
	Deadline &deadline_;
	std::vector<std::size_t> statements_; ///< that could gain, the most first
	IndexSet shared_;                     ///< candidates of several statements
	IndexSet winners_;                    ///< that some plan used
	IndexSet invented_;                   ///< from those chosen before
	IndexSet chosen_;
	std::vector<std::vector<std::size_t>> touched_; ///< by index: statements with a plan that takes it
	IndexSet superseded_;                           ///< of those that there are
	double total_before_ = 0;
};

double Selector::cost(std::size_t statement, const IndexSet &chosen) {
	const IndexSet present = task_.present | chosen;
	if (deadline_.is_over() && !costs_.find(statement, present)) {
		const auto &options = costs_.options(statement); // as much as it costs at most
		return options.empty() ? 0 : cheapest(options, present, options.back().cost);
	}
	return costs_.plan(statement, present).cost;
}

double Selector::total(const IndexSet &chosen) {
	double sum = 0;
	for (std::size_t s = 0; s < task_.weights.size(); ++s) {
		sum += task_.weights[s] * cost(s, chosen);
	}
	return sum;
}

IndexSet Selector::affordable(const IndexSet &offered) const {
	IndexSet some;
	for (const Number index : offered.members()) {
		if (indexes_.bytes_of(index) <= task_.budget) {
			some.insert(index);
		}
	}
	return some;
}

IndexSet Selector::concerning(std::size_t statement, const IndexSet &offered) const {
	IndexSet some;
	for (const Number index : offered.members()) {
		if (indexes_.concerns(index, statement)) {
			some.insert(index);
		}
	}
	return some;
}

void Selector::admit(std::size_t statement, const IndexSet &offered) {
	costs_.add_relevant(statement, concerning(statement, offered));
}

/// Plans each statement as it is and with all of its candidates, which is about the best that it can have.
void Selector::rank_statements() {
	std::vector<double> potential(task_.weights.size());
	IndexSet seen;
	for (std::size_t s = 0; s < task_.weights.size(); ++s) {
		shared_ |= seen & task_.candidates[s];
		seen |= task_.candidates[s];
		costs_.add_relevant(s, task_.present);
		costs_.add_relevant(s, task_.candidates[s]);
		total_before_ += task_.weights[s] * cost(s, {});
	}
	for (std::size_t s = 0; s < task_.weights.size(); ++s) {
		if (!deadline_.is_over()) {
			const double now = cost(s, {});
			const double best = cost(s, affordable(task_.candidates[s]));
			potential[s] = now > best * noise ? task_.weights[s] * (now - best) : 0;
		}
		if (potential[s] > total_before_ * least_potential) {
			statements_.push_back(s);
		}
	}
	std::ranges::sort(statements_, [&](std::size_t left, std::size_t right) {
		return potential[left] != potential[right] ? potential[left] > potential[right] : left < right;
	});
}

/// Finds the plans that a statement can have with indexes on offer besides those chosen: what it uses if it has all,
/// each of these alone, what it uses without these, and so on until nothing helps.
void Selector::explore(std::size_t statement, const IndexSet &chosen, IndexSet offered, Depth depth,
                       std::size_t layers) {
	const double now = cost(statement, chosen);
	for (std::size_t layer = 0; layer < layers && !offered.empty() && !deadline_.is_over(); ++layer) {
		const Plan plan = costs_.plan(statement, task_.present | chosen | offered);
		const IndexSet used = plan.used & offered;
		if (used.empty() || plan.cost * noise > now ||
		    task_.weights[statement] * (now - plan.cost) < total_before_ * least_potential) {
			return;
		}
		winners_ |= used;
		if (depth == Depth::All && used.size() > 1) {
			for (const Number index : used.members()) { // what takes its place
				IndexSet others = offered;
				others.erase(index);
				winners_ |= costs_.plan(statement, task_.present | chosen | others).used & offered;
			}
		}
		for (const Number index : used.members()) {
			if (used.size() > 1 && !deadline_.is_over()) {
				cost(statement, chosen | IndexSet{index});
			}
			offered.erase(index);
			if (depth == Depth::All) {
				continue;
			}
			// For this statement alone no larger one of the same table is worth a look.
			for (const Number other : (offered - shared_).members()) {
				if (indexes_.table_of(other) == indexes_.table_of(index) &&
				    indexes_.bytes_of(other) >= indexes_.bytes_of(index)) {
					offered.erase(other);
				}
			}
		}
	}
}

void Selector::explore_all(const IndexSet &chosen, Depth depth, std::size_t layers) {
	const IndexSet winners = affordable(winners_ | invented_);
	for (const std::size_t s : statements_) {
		admit(s, winners);
		const IndexSet offered = depth == Depth::All ? concerning(s, winners) : affordable(task_.candidates[s]);
		explore(s, chosen, offered - chosen, depth, layers);
	}
}

/// What would take the place of each of the chosen.
void Selector::explore_around() {
	const IndexSet winners = affordable(winners_);
	find_touched();
	for (const Number index : chosen_.members()) {
		IndexSet others = chosen_;
		others.erase(index);
		for (const std::size_t s : touched_[index]) {
			IndexSet offered = concerning(s, winners) - others;
			offered.erase(index);
			explore(s, others, offered, Depth::All, 1);
		}
	}
}

/// Offers indexes that are made of those chosen, and of those that would be if there was room for all.
void Selector::invent() {
	Scales roomy = scales();
	roomy.budget = std::numeric_limits<double>::max();
	invented_ = indexes_.derive(chosen_ | find_configuration(roomy, chosen_, deadline_));
}

Scales Selector::scales() const {
	Scales scales{.weights = task_.weights, .present = task_.present, .budget = task_.budget};
	for (std::size_t s = 0; s < task_.weights.size(); ++s) {
		scales.plans.push_back(&costs_.options(s));
	}
	for (Number index = 0; index < indexes_.count(); ++index) {
		scales.bytes.push_back(indexes_.bytes_of(index));
		scales.upkeep.push_back(indexes_.upkeep_of(index));
	}
	return scales;
}

/// The best of the plans that are known, with the sizes of what it takes looked at closely.
void Selector::search_known() {
	for (int i = 0; i <= most_corrections; ++i) {
		chosen_ = find_configuration(scales(), chosen_, deadline_);
		const double before = scales().bytes_of(chosen_);
		if (deadline_.is_over() || !indexes_.correct_sizes(chosen_)) {
			return;
		}
		if (scales().bytes_of(chosen_) > before) { // others, which were too large beside them, may be smaller now
			explore_all({}, Depth::Smaller, most_layers);
		}
	}
	while (scales().bytes_of(chosen_) > task_.budget) { // the last ones may be larger than they were taken to be
		const std::vector<Number> members = chosen_.members();
		chosen_.erase(*std::ranges::min_element(
			members, [&](Number one, Number other) { return indexes_.bytes_of(one) < indexes_.bytes_of(other); }));
	}
}

void Selector::search() {
	search_known();
	for (int round = 0; round < most_rounds && !deadline_.is_over(); ++round) {
		const double before = scales().total(chosen_);
		const std::int64_t asked = costs_.asked();
		invent();
		explore_all(chosen_, Depth::All, 3);
		explore_around();
		total(chosen_);
		search_known();
		if (costs_.asked() == asked || scales().total(chosen_) > before * (1 - least_progress)) {
			break;
		}
	}
}

/// Whether no statement that uses an index would notice that another one is in its place.
bool Selector::does_as_well(Number index, Number other) {
	IndexSet others = chosen_;
	others.erase(index);
	others.insert(other);
	const double slack = indexes_.bytes_of(other) < indexes_.bytes_of(index) * much_smaller ? least_loss : 0;
	for (std::size_t s = 0; s < task_.weights.size(); ++s) {
		const Plan plan = costs_.plan(s, task_.present | chosen_);
		if (!plan.used.contains(index)) {
			continue;
		}
		IndexSet without = chosen_;
		without.erase(index);
		admit(s, {other});
		const double allowed = slack * std::max(0.0, cost(s, without) - plan.cost);
		if (cost(s, others) > std::max(plan.cost * noise, plan.cost + allowed)) {
			return false;
		}
	}
	indexes_.correct_sizes({other});
	return indexes_.bytes_of(other) <= indexes_.bytes_of(index);
}

/// Of indexes that do as well the smallest, or the one that was thought of first.
void Selector::simplify() {
	indexes_.derive(chosen_);
	for (const Number index : chosen_.members()) {
		std::vector<Number> parts = (indexes_.parts_of(index) - chosen_).members();
		std::erase_if(parts, [&](Number other) {
			const double bytes = indexes_.bytes_of(index);
			return indexes_.bytes_of(other) * noise > bytes && (indexes_.bytes_of(other) > bytes || other > index);
		});
		std::ranges::sort(parts, [&](Number one, Number other) {
			return std::pair(indexes_.bytes_of(one), one) < std::pair(indexes_.bytes_of(other), other);
		});
		for (const Number other : parts) {
			if (deadline_.is_over()) {
				return;
			}
			if (does_as_well(index, other)) {
				chosen_.erase(index);
				chosen_.insert(other);
				break;
			}
		}
	}
}

/// Takes out what a plan uses that is dearer than without.
void Selector::drop_regressions() {
	for (std::size_t s = 0; s < task_.weights.size(); ++s) {
		while (cost(s, chosen_) > cost(s, {}) * worst_regression) {
			const IndexSet used = costs_.plan(s, task_.present | chosen_).used & chosen_;
			if (used.empty()) {
				break; // it is not by an index that it became dearer
			}
			chosen_ -= used;
		}
	}
}

Selector::Worth Selector::worth_of(Number index) {
	IndexSet others = chosen_;
	others.erase(index);
	Worth worth{.milliseconds = -indexes_.upkeep_of(index)};
	for (const std::size_t s : touched_[index]) {
		const double with = cost(s, chosen_);
		const double without = cost(s, others);
		if (with > without * least_change) {
			continue;
		}
		worth.milliseconds += task_.weights[s] * (without - with);
		worth.halves |= with * 2 <= without;
	}
	return worth;
}

bool Selector::is_enough(const Worth &worth) const {
	return worth.milliseconds > 0 &&
	       worth.milliseconds >= total_before_ * (worth.halves ? least_share_halving : least_share);
}

/// One after another, the least first: without it others are worth more.
void Selector::drop_unworthy() {
	for (;;) {
		std::optional<Number> worst;
		double least = 0;
		for (const Number index : chosen_.members()) {
			const Worth worth = worth_of(index);
			if (!is_enough(worth) && (!worst || worth.milliseconds < least)) {
				worst = index;
				least = worth.milliseconds;
			}
		}
		if (!worst) {
			return;
		}
		chosen_.erase(*worst);
	}
}

/// The one that gains the most beside those before it; of those that are worth nothing alone, what is worth the most
/// with all others.
std::vector<Number> Selector::order() {
	std::vector<Number> order;
	IndexSet before;
	std::vector<std::size_t> changed(task_.weights.size());
	std::iota(changed.begin(), changed.end(), 0);
	std::vector<double> gains(indexes_.count());
	while (before != chosen_) {
		const std::vector<Number> left = (chosen_ - before).members();
		for (const Number index : left) {
			for (const std::size_t s : changed) {
				if (std::ranges::binary_search(touched_[index], s)) {
					gains[index] = known_gain(index, before);
					break;
				}
			}
		}
		const Number best = *std::ranges::max_element(left, [&](Number one, Number other) {
			return gains[one] != gains[other] ? gains[one] < gains[other]
			                                  : worth_of(one).milliseconds < worth_of(other).milliseconds;
		});
		order.push_back(best);
		before.insert(best);
		changed = touched_[best];
	}
	return order;
}

double Selector::known_gain(Number index, IndexSet before) const {
	double gain = -indexes_.upkeep_of(index);
	before |= task_.present;
	IndexSet with = before;
	with.insert(index);
	for (const std::size_t s : touched_[index]) {
		const auto &options = costs_.options(s);
		const double most = options.back().cost;
		gain += task_.weights[s] * (cheapest(options, before, most) - cheapest(options, with, most));
	}
	return gain;
}

std::vector<Choice> Selector::in_order() {
	std::vector<Choice> choices;
	IndexSet before;
	double total_so_far = total_before_;
	for (const Number index : order()) {
		before.insert(index);
		const double with = total(before);
		choices.push_back({.index = index,
		                   .gain = total_so_far - with - indexes_.upkeep_of(index),
		                   .contribution = worth_of(index).milliseconds,
		                   .supersedes = superseded_by(index)});
		total_so_far = with;
	}
	return choices;
}

/// Which statements have a plan that takes an index.
void Selector::find_touched() {
	touched_.assign(indexes_.count(), {});
	for (std::size_t s = 0; s < task_.weights.size(); ++s) {
		IndexSet used;
		for (const PlanOption &option : costs_.options(s)) {
			used |= option.used;
		}
		for (const Number index : used.members()) {
			touched_[index].push_back(s);
		}
	}
}

/// Those in whose place it can be: no statement becomes dearer without them.
IndexSet Selector::superseded_by(Number index) {
	IndexSet superseded;
	for (const Number old : (task_.replaceable - superseded_).members()) {
		if (!indexes_.replaces(index, old) || deadline_.is_over()) {
			continue;
		}
		const IndexSet present = (task_.present | chosen_) - superseded_;
		IndexSet without = present;
		without.erase(old);
		bool is_missed = false;
		for (std::size_t s = 0; s < task_.weights.size() && !is_missed; ++s) {
			is_missed = costs_.plan(s, without).cost > costs_.plan(s, present).cost * worst_regression;
		}
		if (!is_missed) {
			superseded.insert(old);
			superseded_.insert(old);
		}
	}
	return superseded;
}

Selection Selector::run() {
	rank_statements();
	explore_all({}, Depth::Smaller, most_layers);
	explore_all({}, Depth::All, most_layers);
	search();
	simplify();
	find_touched();
	Selection selection{.is_complete = !deadline_.is_over()};
	drop_regressions();
	drop_unworthy();
	selection.total_before = total_before_;
	selection.total_after = total(chosen_);
	selection.choices = in_order();
	return selection;
}

} // namespace

Selection select(const Task &task, CostCache &costs, IndexSource &indexes, Deadline &deadline) {
	return Selector(task, costs, indexes, deadline).run();
}

} // namespace warden::advice
