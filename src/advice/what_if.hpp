// what_if.hpp - The planner, asked what a statement would cost if there were other indexes.
//
// C++ code.  The invariants: a statement is planned as its role, in a restricted operation that writes nothing, in a
// subtransaction that is undone: no lock, setting, snapshot or memory stays.  planner() is called directly, so no plan
// reaches a cache; the statement has no query id, so nobody counts it.
#pragma once

#include "advice/cost_source.hpp"
#include "advice/hypothetical.hpp"
#include "advice/planner_hooks.hpp"
#include "advice/statement.hpp"

#include "pg/scoped.hpp"

extern "C" {
#include "nodes/plannodes.h"
}

namespace warden::advice {

class WhatIf final : public CostSource, pg::Scoped {
public:
	/// Both have to live as long; indexes may be added meanwhile.
	WhatIf(const std::vector<Statement> &statements, const KnownIndexes &indexes);
	~WhatIf();

	/// Throws Error if it cannot be planned.
	Plan plan(std::size_t statement, const IndexSet &present) override;

	/// Has it planned, and each relation shown to an observer, which is server code; the nodes it is shown live no
	/// longer than that.
	Plan observe(std::size_t statement, const IndexSet &present, decltype(Belief::observe) observer, void *context);

	/// The same, with the plan shown while it lives: `show` is server code.
	void explain(std::size_t statement, const IndexSet &present,
	             void (*show)(void *context, PlannedStmt *plan, const char *text, ParamListInfo parameters),
	             void *context);

	std::int64_t calls() const { return calls_; } ///< of the planner

private:
	struct Show {
		void (*show)(void *context, PlannedStmt *plan, const char *text, ParamListInfo parameters) = nullptr;
		void *context = nullptr;
	};

	Plan run(const Statement &statement, Belief belief, const IndexSet &present, Show show);
	const Hypothetical *form_of(IndexSet::Number index);

	const std::vector<Statement> &statements_;
	const KnownIndexes &indexes_;
	MemoryContext memory_;                    ///< of the forms
	std::vector<const Hypothetical *> forms_; ///< by number; nullptr: not made yet
	std::int64_t calls_ = 0;
};

} // namespace warden::advice
