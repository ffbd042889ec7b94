#include "advice/what_if.hpp"

#include "advice/analysis.hpp"
#include "advice/used_indexes.hpp"

#include "pg/security.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
}

namespace warden::advice {

using namespace pg;

namespace {

// Two assignments each, which cannot raise an error: they hold also when one leaves.

class Believing {
public:
	explicit Believing(const Belief *belief) noexcept : previous_(believe(belief)) {}
	Believing(const Believing &) = delete;
	Believing &operator=(const Believing &) = delete;
	~Believing() { believe(previous_); }

private:
	const Belief *const previous_;
};

/// Analysing for ourselves is nobody's business: pg_stat_statements would make a row of it.
class Unobserved {
public:
	Unobserved() noexcept { post_parse_analyze_hook = nullptr; }
	Unobserved(const Unobserved &) = delete;
	Unobserved &operator=(const Unobserved &) = delete;
	~Unobserved() { post_parse_analyze_hook = previous_; }

private:
	const post_parse_analyze_hook_type previous_ = post_parse_analyze_hook;
};

class ReadOnly {
public:
	ReadOnly() noexcept { XactReadOnly = true; }
	ReadOnly(const ReadOnly &) = delete;
	ReadOnly &operator=(const ReadOnly &) = delete;
	~ReadOnly() { XactReadOnly = previous_; }

private:
	const bool previous_ = XactReadOnly;
};

} // namespace

WhatIf::WhatIf(const std::vector<Statement> &statements, const KnownIndexes &indexes)
	: statements_(statements), indexes_(indexes), memory_(call([] {
		  return AllocSetContextCreate(CurrentMemoryContext, "warden hypothetical indexes", ALLOCSET_DEFAULT_SIZES);
	  })) {}

WhatIf::~WhatIf() {
	release([this] { MemoryContextDelete(memory_); });
}

Plan WhatIf::plan(std::size_t statement, const IndexSet &present) {
	return run(statements_[statement], {}, present, {});
}

Plan WhatIf::observe(std::size_t statement, const IndexSet &present, decltype(Belief::observe) observer,
                     void *context) {
	return run(statements_[statement],
	           {.added = nullptr,
	            .added_count = 0,
	            .hidden = nullptr,
	            .hidden_count = 0,
	            .observe = observer,
	            .context = context},
	           present, {});
}

void WhatIf::explain(std::size_t statement, const IndexSet &present,
                     void (*show)(void *context, PlannedStmt *plan, const char *text, ParamListInfo parameters),
                     void *context) {
	run(statements_[statement], {}, present, {show, context});
}

const Hypothetical *WhatIf::form_of(IndexSet::Number index) {
	if (forms_.size() <= index) {
		forms_.resize(index + 1);
	}
	if (forms_[index] == nullptr) {
		const MemoryScope scope(memory_);
		const KnownIndex &known = indexes_[index];
		forms_[index] = call([&] { return make_hypothetical(index, known.shape, known.size); });
	}
	return forms_[index];
}

Plan WhatIf::run(const Statement &statement, Belief belief, const IndexSet &present, Show show) {
	std::vector<const Hypothetical *> added;
	std::vector<Oid> hidden;
	for (IndexSet::Number i = 0; i < indexes_.size(); ++i) {
		if (indexes_[i].existing != 0 && !present.contains(i)) {
			hidden.push_back(indexes_[i].existing);
		} else if (indexes_[i].existing == 0 && present.contains(i)) {
			added.push_back(form_of(i));
		}
	}
	belief.added = added.data();
	belief.added_count = added.size();
	belief.hidden = hidden.data();
	belief.hidden_count = hidden.size();

	Plan plan;
	List *used = NIL;
	const ScratchMemory memory;
	const auto error = try_out([&] {
		const PinnedSettings settings;
		if (statement.search_path) {
			PinnedSettings::set("search_path", statement.search_path->c_str());
		}
		const ReadOnly read_only;
		const Oid role = statement.role != 0 ? statement.role : call(GetUserId);
		const RunAs as(role, SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE);
		const Unobserved unobserved;
		const SnapshotScope snapshot;
		const Analysis analysis = call([&] { return analyze(statement); });
		const Believing believing(&belief);
		++calls_;
		call([&] {
			ListCell *cell = nullptr;
			foreach (cell, analysis.queries) {
				auto *const query = lfirst_node(Query, cell);
				if (query->commandType == CMD_UTILITY) {
					continue; // of a rule: NOTIFY
				}
				query->queryId = 0;
				PlannedStmt *const planned =
					planner(query, statement.text.c_str(), CURSOR_OPT_PARALLEL_OK, analysis.parameters);
				plan.cost += planned->planTree->total_cost;
				used = list_concat_unique_oid(used, used_indexes(planned));
				if (show.show != nullptr) {
					show.show(show.context, planned, statement.text.c_str(), analysis.parameters);
				}
			}
		});
	});
	if (error) {
		throw Error(*error);
	}
	for (int i = 0; i < list_length(used); ++i) {
		const Oid id = list_nth_oid(used, i);
		if (is_hypothetical(id)) {
			plan.used.insert(number_of(id));
			continue;
		}
		for (IndexSet::Number j = 0; j < indexes_.size(); ++j) {
			if (indexes_[j].existing == id) {
				plan.used.insert(j);
			}
		}
	}
	return plan;
}

} // namespace warden::advice
