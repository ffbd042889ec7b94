#include "advice/what_if.hpp"

#include "advice/owners_code.hpp"
#include "advice/used_indexes.hpp"

#include "pg/deadline.hpp"
#include "pg/lock.hpp"
#include "pg/oid_list.hpp"
#include "pg/plan_explanation.hpp"
#include "pg/read_only.hpp"
#include "pg/security.hpp"

#include <algorithm>

extern "C" {
#include "catalog/namespace.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "storage/lmgr.h"
#include "storage/sinval.h"
}

namespace warden::advice {

using namespace pg;

namespace {

// More than that for one plan would be no planning.
constexpr int longest_ms = 5000;

// pg_hint_plan looks for the names of all indexes that it is shown, which some do not have.
constexpr const char *hints = "pg_hint_plan.enable_hint";

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

/// What planning found, plain.
struct Found {
	double cost;
	List *used;
};

/// Server code.  The analysis stays as it is: the planner changes what it is given.
Found plan_all(const Analysis &analysis, const char *text,
               void (*show)(void *context, PlannedStmt *plan, const char *text, ParamListInfo parameters),
               void *context) {
	Found found{};
	ListCell *cell = nullptr;
	foreach (cell, analysis.queries) {
		if (lfirst_node(Query, cell)->commandType == CMD_UTILITY) {
			continue; // of a rule: NOTIFY
		}
		auto *const query = static_cast<Query *>(copyObjectImpl(lfirst(cell)));
		query->queryId = 0;
		PlannedStmt *const plan = planner(query, text, CURSOR_OPT_PARALLEL_OK, analysis.parameters);
		check_privileges(plan);
		found.cost += plan->planTree->total_cost;
		found.used = list_concat_unique_oid(found.used, used_indexes(plan));
		if (show != nullptr) {
			show(context, plan, text, analysis.parameters);
		}
	}
	return found;
}

} // namespace

WhatIf::WhatIf(const std::vector<Statement> &statements, const KnownIndexes &indexes)
	: statements_(statements), indexes_(indexes),
	  memory_(
		  call([] { return AllocSetContextCreate(CurrentMemoryContext, "warden what-if", ALLOCSET_DEFAULT_SIZES); })) {}

WhatIf::~WhatIf() {
	release([this] { MemoryContextDelete(memory_); });
}

Plan WhatIf::plan(std::size_t statement, const IndexSet &present) {
	return run(statement, {}, present);
}

Plan WhatIf::observe(std::size_t statement, const IndexSet &present, decltype(Belief::observe) observer,
                     void *context) {
	Task task;
	task.belief.observe = observer;
	task.belief.context = context;
	return run(statement, task, present);
}

Plan WhatIf::explain(std::size_t statement, const IndexSet &present,
                     void (*show)(void *context, PlannedStmt *plan, const char *text, ParamListInfo parameters),
                     void *context) {
	Task task;
	task.show = show;
	task.context = context;
	return run(statement, task, present);
}

std::vector<ObjectId> WhatIf::relations(std::size_t statement) {
	std::vector<ObjectId> relations;
	visit(statement, [&](const Analysis &analysis) { relations = oids_in(analysis.relations); });
	return relations;
}

int WhatIf::milliseconds_left() const {
	if (!end_) {
		return longest_ms;
	}
	const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*end_ - Clock::now()).count();
	if (left <= 0) {
		throw Error(ERRCODE_QUERY_CANCELED, "the time for all statements is up");
	}
	return static_cast<int>(std::min<std::int64_t>(left, longest_ms));
}

/// Locks what the statement is about, as before, and says whether that is what it was.
bool WhatIf::is_current(const Prepared &prepared) const {
	if (prepared.memory == nullptr) {
		return false;
	}
	return call([&] {
		ListCell *cell = nullptr;
		foreach (cell, prepared.analysis.relations) {
			LockRelationOid(lfirst_oid(cell), AccessShareLock);
		}
		return prepared.messages == SharedInvalidMessageCounter;
	});
}

const Analysis &WhatIf::prepare(std::size_t statement) {
	prepared_.resize(std::max(prepared_.size(), statement + 1));
	Prepared &prepared = prepared_[statement];
	if (!is_current(prepared)) {
		if (prepared.memory == nullptr) {
			prepared.memory =
				call([&] { return AllocSetContextCreate(memory_, "warden statement", ALLOCSET_SMALL_SIZES); });
		}
		call(MemoryContextReset, prepared.memory);
		const MemoryScope scope(prepared.memory);
		const Unobserved unobserved;
		prepared.messages = UINT64_MAX; // in case of an error
		const std::uint64_t messages = SharedInvalidMessageCounter;
		prepared.analysis = call([&] { return analyze(statements_[statement]); });
		prepared.indexes = call([&] { return indexes_with_code(prepared.analysis.relations); });
		prepared.messages = messages;
	}
	run_as_owners(prepared.indexes);
	return prepared.analysis;
}

template <class F>
void WhatIf::visit(std::size_t number, F &&work) {
	const Statement &statement = statements_[number];
	const std::string search_path =
		statement.search_path.value_or(call([] { return const_cast<const char *>(namespace_search_path); }));
	const Oid role = statement.role != 0 ? statement.role : call(GetUserId);
	auto error = try_out_within(milliseconds_left(), [&] {
		const PinnedSettings settings;
		PinnedSettings::set("search_path", search_path.c_str());
		settings_.apply(role);
		if (has_hints_) {
			PinnedSettings::set(hints, "off");
		}
		if (statement.search_path) {
			PinnedSettings::set("search_path", search_path.c_str());
		}
		const ReadOnly read_only;
		const RunAs as(role, SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE);
		const SnapshotScope snapshot;
		work(prepare(number));
	});
	if (!error) {
		return;
	}
	if (is_blocked(*error) && error->hint.empty()) {
		error->hint =
			"Another session has locked a table of the statement; warden.lock_timeout is how long to wait for it.";
	}
	throw Error(*error);
}

/// Existing indexes by their object ids, as far as they are not known yet.
void WhatIf::refresh_numbers() {
	std::size_t parts = 0;
	for (IndexSet::Number i = 0; i < indexes_.size(); ++i) {
		parts += indexes_[i].existing != 0 ? 1 + indexes_[i].parts.size() : 0;
	}
	if (parts == numbers_.size()) {
		return;
	}
	numbers_.clear();
	for (IndexSet::Number i = 0; i < indexes_.size(); ++i) {
		if (indexes_[i].existing != 0) {
			numbers_.emplace_back(indexes_[i].existing, i);
			for (const Oid part : indexes_[i].parts) {
				numbers_.emplace_back(part, i);
			}
		}
	}
	std::ranges::sort(numbers_);
}

const Hypothetical *WhatIf::form_of(IndexSet::Number index) {
	if (forms_.size() <= index) {
		forms_.resize(index + 1);
	}
	if (forms_[index] == nullptr) {
		const MemoryScope scope(memory_);
		const KnownIndex &known = indexes_[index];
		forms_[index] = call([&] { return make_hypothetical(index, known); });
	}
	return forms_[index];
}

Plan WhatIf::run(std::size_t statement, Task task, const IndexSet &present) {
	refresh_numbers();
	std::vector<Oid> hidden;
	for (const auto &[id, number] : numbers_) {
		if (!present.contains(number)) {
			hidden.push_back(id);
		}
	}
	std::vector<const Hypothetical *> added;
	for (const IndexSet::Number index : present.members()) {
		if (indexes_[index].existing == 0) {
			added.push_back(form_of(index));
		}
	}
	task.belief.added = added.data();
	task.belief.added_count = added.size();
	task.belief.hidden = hidden.data();
	task.belief.hidden_count = hidden.size();

	Found found{};
	const ScratchMemory memory;
	visit(statement, [&](const Analysis &analysis) {
		const Believing believing(&task.belief);
		++calls_;
		found = call([&] { return plan_all(analysis, statements_[statement].text.c_str(), task.show, task.context); });
	});
	Plan plan{.cost = found.cost, .used = {}};
	for (const Oid id : oids_in(found.used)) {
		const auto known = std::ranges::lower_bound(numbers_, std::pair(id, IndexSet::Number{0}));
		if (is_hypothetical(id)) {
			plan.used.insert(number_of(id));
		} else if (known != numbers_.end() && known->first == id) {
			plan.used.insert(known->second);
		}
	}
	return plan;
}

} // namespace warden::advice
