// made_up_planner.hpp - A planner whose plans are listed, and a world of indexes with sizes.
#pragma once

#include "advice/selection.hpp"

#include <algorithm>
#include <utility>

namespace warden::advice {

class MadeUpPlanner final : public CostSource {
public:
	explicit MadeUpPlanner(std::vector<std::vector<PlanOption>> plans) : plans_(std::move(plans)) {}

	Plan plan(std::size_t statement, const IndexSet &present) override {
		++calls;
		const PlanOption *best = nullptr;
		for (const PlanOption &option : plans_[statement]) {
			if (option.used.is_subset_of(present) && (best == nullptr || option.cost < best->cost)) {
				best = &option;
			}
		}
		return {.cost = best->cost, .used = best->used};
	}

	/// The least that a workload can cost with these, by weights.
	double total(const std::vector<double> &weights, const IndexSet &present) {
		double sum = 0;
		for (std::size_t s = 0; s < plans_.size(); ++s) {
			sum += weights[s] * plan(s, present).cost;
		}
		return sum;
	}

	int calls = 0;

private:
	std::vector<std::vector<PlanOption>> plans_;
};

struct MadeUpIndex {
	double bytes = 0;
	ObjectId table = 1;
	double upkeep = 0;
	std::optional<IndexSet::Number> wider_than = {};
	IndexSet parts = {};
	double real_bytes = 0; ///< as a closer look finds, if that is something else
};

class MadeUpIndexes final : public IndexSource {
public:
	explicit MadeUpIndexes(std::vector<MadeUpIndex> indexes) : indexes_(std::move(indexes)) {}

	std::size_t count() const override { return indexes_.size(); }
	ObjectId table_of(IndexSet::Number index) const override { return indexes_[index].table; }
	double bytes_of(IndexSet::Number index) const override { return indexes_[index].bytes; }
	double upkeep_of(IndexSet::Number index) const override { return indexes_[index].upkeep; }
	bool concerns(IndexSet::Number, std::size_t) const override { return true; }
	bool replaces(IndexSet::Number index, IndexSet::Number other) const override {
		return indexes_[index].wider_than == other;
	}
	IndexSet parts_of(IndexSet::Number index) const override { return indexes_[index].parts; }
	IndexSet derive(const IndexSet &from) override { return derived_from.is_subset_of(from) ? derived : IndexSet(); }

	bool correct_sizes(const IndexSet &indexes) override {
		bool changed = false;
		for (const IndexSet::Number index : indexes.members()) {
			if (const double real = std::exchange(indexes_[index].real_bytes, 0); real > 0) {
				indexes_[index].bytes = real;
				changed = true;
			}
		}
		return changed;
	}

	IndexSet derived_from = {};
	IndexSet derived = {};

private:
	std::vector<MadeUpIndex> indexes_;
};

class Calls final : public Deadline {
public:
	explicit Calls(const MadeUpPlanner &planner, int most = 1000000) : planner_(planner), most_(most) {}
	bool is_over() override { return planner_.calls >= most_; }

private:
	const MadeUpPlanner &planner_;
	const int most_;
};

} // namespace warden::advice
