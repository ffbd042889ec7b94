// candidates_report.cpp - advice_candidates(): what would be considered for a statement, for a person to see.
#include "advice/candidates.hpp"

#include "advice/index_command.hpp"

#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "storage/lmgr.h"
}

namespace warden::advice {

using namespace pg;

namespace {

using Rows = ResultSet<Oid, std::optional<std::string>, std::string>;

void add_candidates(Rows &rows, const std::vector<Candidate> &candidates, const KnownIndexes &indexes) {
	std::vector<std::string> names;
	for (const Candidate &candidate : candidates) {
		const KnownIndex &index = indexes[candidate.index];
		call([&] { LockRelationOid(index.shape.table, AccessShareLock); });
		if (!relation_exists(index.shape.table)) {
			continue; // dropped meanwhile
		}
		const IndexCommand command = command_for(index.shape, index.size, names);
		names.push_back(command.name);
		rows.add(index.shape.table, command.command, candidate.reason);
	}
}

void add_silence(Rows &rows, std::vector<Silence> &silence) {
	std::vector<const Silence *> said;
	for (const Silence &one : silence) {
		const auto is_same = [&](const Silence *other) {
			return other->relation == one.relation && other->reason == one.reason;
		};
		if (std::none_of(said.begin(), said.end(), is_same)) {
			said.push_back(&one);
			rows.add(one.relation, std::nullopt, one.reason);
		}
	}
}

} // namespace

/// advice_candidates(query)
PG_FUNCTION(advice_candidates) {
	std::vector<Statement> statements(1);
	statements.front().id = 1;
	statements.front().text = argument<std::string_view>(fcinfo, 0);
	Rows rows(fcinfo);
	KnownIndexes indexes;
	std::vector<Silence> silence;
	WhatIf what_if(statements, indexes);
	const std::vector<Candidate> candidates = find_candidates(what_if, 0, statements.front(), indexes, &silence);
	if (const auto error = try_out([&] {
			const PinnedSettings settings;
			add_candidates(rows, candidates, indexes);
		})) { // which ends the locks
		throw Error(*error);
	}
	add_silence(rows, silence);
	PG_RETURN_NULL();
}

} // namespace warden::advice
