#include "advice/configuration.hpp"

#include <algorithm>
#include <cmath>

namespace warden::advice {

namespace {

using Number = IndexSet::Number;

// Below that everything fits anywhere: not to prefer the tiniest index because it is tiny.
constexpr double small_bytes = 65536;
// Less than that of the whole is nothing: the planner's costs are not as exact.
constexpr double least_share = 1e-5;
constexpr int most_passes = 2;

/// What to prefer: gain for its bytes, gain alone, and between.
constexpr double orders[] = {1.0, 0.0, 0.5};

/// Indexes that a plan takes, which come together.
struct Move {
	IndexSet indexes = {};
	std::vector<Number> members = {};         ///< the same
	std::vector<std::size_t> statements = {}; ///< that may have another plan by one of them
};

struct State {
	IndexSet chosen = {};
	std::vector<double> costs = {};                ///< by statement
	std::vector<std::optional<double>> gains = {}; ///< by move; none: it has to be computed
	double bytes = 0;
	double total = 0;
};

class Search {
public:
	Search(const Scales &scales, Deadline &deadline);

	IndexSet run(const IndexSet &start);

private:
	State state_of(const IndexSet &chosen) const;
	double gain_of(State &state, std::size_t move) const;
	double compute_gain(const State &state, const Move &move) const;
	double new_bytes(const State &state, const Move &move) const;
	double loss_of(const State &state, Number index) const;
	void apply(State &state, const Move &move) const;
	void remove(State &state, Number index) const;
	void change(State &state, const std::vector<std::size_t> &statements) const;
	void grow(State &state, double order) const;
	void prune(State &state) const;
	bool eject(State &state, const IndexSet &keep) const;
	bool take_better(State &state, State other, double order) const;
	bool improve(State &state, double order);
	void find_moves();
	void find_neighbours();

	const Scales &scales_;
	Deadline &deadline_;
	double least_ = 0;      ///< a gain that counts
	bool is_scarce_ = true; ///< there is not room for all
	std::vector<Move> moves_;
	std::vector<std::vector<std::size_t>> statements_of_; ///< by index: with a plan that takes it
	std::vector<std::vector<std::size_t>> moves_of_;      ///< by statement
};

void normalize(std::vector<std::size_t> &numbers) {
	std::ranges::sort(numbers);
	const auto repeated = std::ranges::unique(numbers);
	numbers.erase(repeated.begin(), repeated.end());
}

Search::Search(const Scales &scales, Deadline &deadline)
	: scales_(scales), deadline_(deadline), statements_of_(scales.bytes.size()) {
	least_ = scales_.total({}) * least_share;
	find_moves();
	find_neighbours();
}

void Search::find_moves() {
	std::vector<Move> moves;
	IndexSet all;
	for (std::size_t s = 0; s < scales_.plans.size(); ++s) {
		for (const PlanOption &option : *scales_.plans[s]) {
			const IndexSet added = option.used - scales_.present;
			all |= added;
			for (const Number index : added.members()) {
				statements_of_[index].push_back(s);
			}
			if (!added.empty() && scales_.bytes_of(added) <= scales_.budget) {
				moves.push_back({.indexes = added, .members = added.members()});
			}
		}
	}
	std::ranges::sort(moves, [](const Move &left, const Move &right) { return left.members < right.members; });
	for (Move &move : moves) {
		if (moves_.empty() || moves_.back().members != move.members) {
			moves_.push_back(std::move(move));
		}
	}
	is_scarce_ = scales_.bytes_of(all) > scales_.budget;
}

void Search::find_neighbours() {
	for (auto &statements : statements_of_) {
		normalize(statements);
	}
	moves_of_.resize(scales_.plans.size());
	for (std::size_t m = 0; m < moves_.size(); ++m) {
		Move &move = moves_[m];
		for (const Number index : move.members) {
			move.statements.insert(move.statements.end(), statements_of_[index].begin(), statements_of_[index].end());
		}
		normalize(move.statements);
		for (const std::size_t s : move.statements) {
			moves_of_[s].push_back(m);
		}
	}
}

State Search::state_of(const IndexSet &chosen) const {
	State state{.chosen = chosen, .bytes = scales_.bytes_of(chosen), .total = scales_.upkeep_of(chosen)};
	for (std::size_t s = 0; s < scales_.plans.size(); ++s) {
		state.costs.push_back(scales_.cost_of(s, chosen));
		state.total += scales_.weights[s] * state.costs.back();
	}
	state.gains.resize(moves_.size());
	return state;
}

double Search::gain_of(State &state, std::size_t move) const {
	auto &gain = state.gains[move];
	if (!gain) {
		gain = compute_gain(state, moves_[move]);
	}
	return *gain;
}

double Search::compute_gain(const State &state, const Move &move) const {
	IndexSet there = state.chosen;
	there |= scales_.present;
	double gain = 0;
	for (const Number index : move.members) {
		if (!state.chosen.contains(index)) {
			gain -= scales_.upkeep[index];
			there.insert(index);
		}
	}
	for (const std::size_t s : move.statements) {
		gain += scales_.weights[s] * (state.costs[s] - cheapest(*scales_.plans[s], there, state.costs[s]));
	}
	return gain;
}

double Search::new_bytes(const State &state, const Move &move) const {
	double sum = 0;
	for (const Number index : move.members) {
		sum += state.chosen.contains(index) ? 0 : scales_.bytes[index];
	}
	return sum;
}

double Search::loss_of(const State &state, Number index) const {
	IndexSet chosen = state.chosen;
	chosen.erase(index);
	double loss = -scales_.upkeep[index];
	for (const std::size_t s : statements_of_[index]) {
		loss += scales_.weights[s] * (scales_.cost_of(s, chosen) - state.costs[s]);
	}
	return loss;
}

/// After the chosen ones have changed: what these statements cost now.
void Search::change(State &state, const std::vector<std::size_t> &statements) const {
	for (const std::size_t s : statements) {
		const double cost = scales_.cost_of(s, state.chosen);
		state.total += scales_.weights[s] * (cost - state.costs[s]);
		state.costs[s] = cost;
		for (const std::size_t m : moves_of_[s]) {
			state.gains[m].reset();
		}
	}
}

void Search::apply(State &state, const Move &move) const {
	state.bytes += new_bytes(state, move);
	state.total += scales_.upkeep_of(move.indexes - state.chosen);
	state.chosen |= move.indexes;
	change(state, move.statements);
}

void Search::remove(State &state, Number index) const {
	state.chosen.erase(index);
	state.bytes = scales_.bytes_of(state.chosen);
	state.total -= scales_.upkeep[index];
	change(state, statements_of_[index]);
}

/// Adds what is worth the most, until nothing that fits is worth anything.
void Search::grow(State &state, double order) const {
	for (;;) {
		const Move *best = nullptr;
		double best_score = 0;
		for (std::size_t m = 0; m < moves_.size(); ++m) {
			const double bytes = new_bytes(state, moves_[m]);
			if (state.bytes + bytes > scales_.budget || gain_of(state, m) <= least_) {
				continue;
			}
			const double score = gain_of(state, m) / std::pow(std::max(bytes, small_bytes), order);
			if (score > best_score) {
				best = &moves_[m];
				best_score = score;
			}
		}
		if (best == nullptr) {
			return;
		}
		apply(state, *best);
	}
}

/// Takes out what later ones have made superfluous.
void Search::prune(State &state) const {
	for (const Number index : state.chosen.members()) {
		if (loss_of(state, index) < least_) {
			remove(state, index);
		}
	}
}

/// Takes out what is worth the least for its bytes until the rest fits.
bool Search::eject(State &state, const IndexSet &keep) const {
	while (state.bytes > scales_.budget) {
		double least = std::numeric_limits<double>::infinity();
		std::optional<Number> worst;
		for (const Number index : (state.chosen - keep).members()) {
			const double loss = loss_of(state, index) / std::max(scales_.bytes[index], small_bytes);
			if (loss < least) {
				least = loss;
				worst = index;
			}
		}
		if (!worst) {
			return false;
		}
		remove(state, *worst);
	}
	return true;
}

bool Search::take_better(State &state, State other, double order) const {
	grow(other, order);
	prune(other);
	if (other.total > state.total - least_) {
		return false;
	}
	state = std::move(other);
	return true;
}

/// Looks for a better set near by: takes one index out, or forces a move in and takes out what then does not fit, and
/// fills up what is free.
bool Search::improve(State &state, double order) {
	bool improved = false;
	for (const Number index : state.chosen.members()) {
		if (deadline_.is_over()) {
			return false;
		}
		if (state.chosen.contains(index)) {
			State other = state;
			remove(other, index);
			improved |= take_better(state, std::move(other), order);
		}
	}
	for (std::size_t m = 0; m < moves_.size(); ++m) {
		if (deadline_.is_over()) {
			return false;
		}
		if (gain_of(state, m) <= least_) {
			continue;
		}
		State other = state;
		apply(other, moves_[m]);
		prune(other);
		if (eject(other, moves_[m].indexes)) {
			improved |= take_better(state, std::move(other), order);
		}
	}
	return improved;
}

IndexSet Search::run(const IndexSet &start) {
	const State nothing = state_of({});
	State best = scales_.bytes_of(start) <= scales_.budget ? state_of(start) : nothing;
	const auto look_from = [&](State state, double order, int passes) {
		grow(state, order);
		prune(state);
		for (int pass = 0; is_scarce_ && pass < passes && improve(state, order); ++pass) {
		}
		if (state.total < best.total) {
			best = std::move(state);
		}
	};
	for (const double order : orders) {
		look_from(nothing, order, 0);
	}
	look_from(best, orders[0], most_passes);
	return best.chosen;
}

} // namespace

double Scales::cost_of(std::size_t statement, const IndexSet &chosen) const {
	const std::vector<PlanOption> &options = *plans[statement];
	return options.empty() ? 0 : cheapest(options, chosen | present, options.back().cost);
}

double Scales::bytes_of(const IndexSet &chosen) const {
	double sum = 0;
	for (const Number index : chosen.members()) {
		sum += bytes[index];
	}
	return sum;
}

double Scales::upkeep_of(const IndexSet &chosen) const {
	double sum = 0;
	for (const Number index : chosen.members()) {
		sum += upkeep[index];
	}
	return sum;
}

double Scales::total(const IndexSet &chosen) const {
	double sum = upkeep_of(chosen);
	for (std::size_t s = 0; s < plans.size(); ++s) {
		sum += weights[s] * cost_of(s, chosen);
	}
	return sum;
}

IndexSet find_configuration(const Scales &scales, const IndexSet &start, Deadline &deadline) {
	return Search(scales, deadline).run(start);
}

} // namespace warden::advice
