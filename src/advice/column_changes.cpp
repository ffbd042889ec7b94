#include "advice/column_changes.hpp"

#include <algorithm>

extern "C" {
#include "parser/parsetree.h"
}

namespace warden::advice {

using namespace pg;

namespace {

/// Plain.
struct Found {
	MemoryContext memory;
	Oid table;
	std::int16_t *columns;
	int count;
};

/// Server code.
void look(void *context, PlannedStmt *plan, const char * /*text*/, ParamListInfo /*parameters*/) {
	auto *const found = static_cast<Found *>(context);
	if (!IsA(plan->planTree, ModifyTable)) {
		return;
	}
	const auto *const change = reinterpret_cast<const ModifyTable *>(plan->planTree);
	if (change->operation != CMD_UPDATE) {
		return;
	}
	const List *const columns = linitial_node(List, change->updateColnosLists);
	found->table = rt_fetch(change->nominalRelation, plan->rtable)->relid;
	found->columns = static_cast<std::int16_t *>(
		MemoryContextAlloc(found->memory, sizeof(std::int16_t) * static_cast<Size>(list_length(columns) + 1)));
	ListCell *cell = nullptr;
	foreach (cell, columns) {
		found->columns[found->count++] = static_cast<std::int16_t>(lfirst_int(cell));
	}
}

} // namespace

bool may_set_columns(std::string_view text) {
	constexpr std::string_view word = "update";
	return !std::ranges::search(text, word, [](char left, char right) { return (left | 0x20) == right; }).empty();
}

std::vector<ColumnChanges> find_column_changes(WhatIf &what_if, const std::vector<Statement> &statements,
                                               const IndexSet &present) {
	std::vector<ColumnChanges> changes;
	for (std::size_t s = 0; s < statements.size(); ++s) {
		const Statement &statement = statements[s];
		if (!statement.skipped.empty() || !may_set_columns(statement.text)) {
			continue;
		}
		check_for_interrupts();
		const ScratchMemory memory;
		Found found{.memory = CurrentMemoryContext, .table = InvalidOid, .columns = nullptr, .count = 0};
		if (error_of([&] { what_if.explain(s, present, look, &found); }) || found.table == InvalidOid) {
			continue;
		}
		const double calls = std::max(statement.calls_per_day, 1.0);
		changes.push_back({.table = found.table, .column = 0, .calls = calls});
		for (int i = 0; i < found.count; ++i) {
			const std::int16_t column = found.columns[i];
			const auto same = std::ranges::find_if(changes, [&](const ColumnChanges &change) {
				return change.table == found.table && change.column == column;
			});
			if (same != changes.end()) {
				same->calls += calls;
			} else {
				changes.push_back({.table = found.table, .column = column, .calls = calls});
			}
		}
	}
	return changes;
}

} // namespace warden::advice
