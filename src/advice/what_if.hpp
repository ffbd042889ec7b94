// what_if.hpp - The planner, asked what a statement would cost if there were other indexes.
//
// C++ code.  The invariants: a statement is planned as its role, in a restricted operation that writes nothing, in a
// subtransaction that is undone: no lock, setting or snapshot stays.  planner() is called directly, so no plan reaches
// a cache; the statement has no query id, so nobody counts it.  What is kept of a statement, its analysed tree, is used
// again only while nothing that the server told its processes could have changed it.
#pragma once

#include "advice/analysis.hpp"
#include "advice/cost_source.hpp"
#include "advice/hypothetical.hpp"
#include "advice/planner_hooks.hpp"
#include "advice/planner_settings.hpp"
#include "advice/statement.hpp"

#include "pg/scoped.hpp"

#include <chrono>

extern "C" {
#include "nodes/plannodes.h"
}

namespace warden::advice {

class WhatIf final : public CostSource, pg::Scoped {
public:
	using Clock = std::chrono::steady_clock;

	/// Both have to live as long; indexes may be added meanwhile.
	WhatIf(const std::vector<Statement> &statements, const KnownIndexes &indexes);
	~WhatIf();

	/// Throws Error if it cannot be planned: 57014 if that took too long.
	Plan plan(std::size_t statement, const IndexSet &present) override;

	/// Has it planned, and each relation shown to an observer, which is server code; the nodes it is shown live no
	/// longer than that.
	Plan observe(std::size_t statement, const IndexSet &present, decltype(Belief::observe) observer, void *context);

	/// The same, with the plan shown while it lives: `show` is server code.
	Plan explain(std::size_t statement, const IndexSet &present,
	             void (*show)(void *context, PlannedStmt *plan, const char *text, ParamListInfo parameters),
	             void *context);

	/// Relations that the statement names, in views and subqueries too; of partitioned ones not the partitions.
	std::vector<ObjectId> relations(std::size_t statement);

	/// From then on everything fails with error 57014.
	void end_at(Clock::time_point end) { end_ = end; }

	std::int64_t calls() const { return calls_; } ///< of the planner

private:
	/// What is kept of a statement.  Plain but for its place.
	struct Prepared {
		MemoryContext memory = nullptr;
		Analysis analysis = {};
		List *indexes = nullptr;    ///< whose code is their owners'
		std::uint64_t messages = 0; ///< that had come from other processes before it was analysed
	};

	/// What is to be done with a statement that is ready to be planned.
	struct Task {
		Belief belief = {};
		void (*show)(void *context, PlannedStmt *plan, const char *text, ParamListInfo parameters) = nullptr;
		void *context = nullptr;
	};

	/// Runs `work`, C++ code, with the statement's analysis, as its role, in a subtransaction that is undone.
	template <class F>
	void visit(std::size_t statement, F &&work);
	const Analysis &prepare(std::size_t statement);
	bool is_current(const Prepared &prepared) const;
	int milliseconds_left() const;

	Plan run(std::size_t statement, Task task, const IndexSet &present);
	void refresh_numbers();
	const Hypothetical *form_of(IndexSet::Number index);

	const std::vector<Statement> &statements_;
	const KnownIndexes &indexes_;
	MemoryContext memory_;                    ///< of all that is kept
	bool has_hints_;                          ///< pg_hint_plan is loaded
	std::vector<Prepared> prepared_;          ///< by statement
	std::vector<const Hypothetical *> forms_; ///< by index; nullptr: not made yet
	PlannerSettings settings_;
	/// Object ids of existing indexes and of what is attached to them, ascending, and their numbers.
	std::vector<std::pair<Oid, IndexSet::Number>> numbers_;
	std::optional<Clock::time_point> end_;
	std::int64_t calls_ = 0;
};

} // namespace warden::advice
