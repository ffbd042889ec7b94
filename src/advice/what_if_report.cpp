// what_if_report.cpp - advice_what_if(): a query's plan as it is, and as it would be with other indexes.
#include "advice/existing_indexes.hpp"
#include "advice/index_definition.hpp"
#include "advice/index_size.hpp"
#include "advice/what_if.hpp"

#include "pg/names.hpp"
#include "pg/plan_explanation.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <set>

extern "C" {
#include "catalog/index.h"
#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
}

namespace warden::advice {

using namespace pg;

namespace {

using Rows = ResultSet<double, double, Json, Json, std::vector<std::string>>;

struct Explained {
	Plan plan;
	Datum json = 0;
};

/// Of an array that may have NULLs, which are an error.
template <class T, class F>
void for_each_element(FunctionCallInfo fcinfo, int n, const char *name, Oid type, F &&take) {
	const auto array = required_argument<Value<ANYARRAYOID>>(fcinfo, n, name);
	Datum *elements = nullptr;
	bool *nulls = nullptr;
	int count = 0;
	call([&] {
		deconstruct_array(DatumGetArrayTypeP(array.datum), type, type == TEXTOID ? -1 : 4, type != TEXTOID, 'i',
		                  &elements, &nulls, &count);
	});
	for (int i = 0; i < count; ++i) {
		if (nulls[i]) {
			throw Error(ERRCODE_NULL_VALUE_NOT_ALLOWED, format("\"%s\" must not contain nulls", name));
		}
		take(call([&] { return SqlType<T>::from_datum(elements[i]); }));
	}
}

/// Server code.
void show(void *context, PlannedStmt *plan, const char *text, ParamListInfo parameters) {
	auto *const state = static_cast<ExplainState *>(context);
	const MemoryContext memory = MemoryContextSwitchTo(GetMemoryChunkContext(state));
	explain(state, plan, text, parameters);
	MemoryContextSwitchTo(memory);
}

Explained explain_with(WhatIf &what_if, const IndexSet &present) {
	ExplainState *const state = call(begin_explanation);
	Explained explained;
	explained.plan = what_if.explain(0, present, show, state);
	explained.json = call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(end_explanation(state))); });
	return explained;
}

/// The tables that a query is about with all their partitions and children.
std::set<ObjectId> tables_of(WhatIf &what_if) {
	std::set<ObjectId> tables;
	for (const ObjectId relation : what_if.relations(0)) {
		const List *const members = call([&] { return find_all_inheritors(relation, NoLock, nullptr); });
		for (int i = 0; i < list_length(members); ++i) {
			tables.insert(list_nth_oid(members, i));
		}
	}
	return tables;
}

IndexSet::Number find_hidden(const KnownIndexes &indexes, const std::set<ObjectId> &tables, Oid id) {
	const Oid table = call([&] { return IndexGetRelation(id, true); });
	if (table == InvalidOid) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, format("%s is not an index", qualified_name(id).c_str()));
	}
	for (IndexSet::Number i = 0; i < indexes.size(); ++i) {
		const KnownIndex &known = indexes[i];
		if (known.existing == id || std::find(known.parts.begin(), known.parts.end(), id) != known.parts.end()) {
			return i;
		}
	}
	if (tables.contains(table)) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("index %s is not valid, so no plan uses it", qualified_name(id).c_str()));
	}
	throw Error(ERRCODE_INVALID_PARAMETER_VALUE,
	            format("index %s is not of a table of the query", qualified_name(id).c_str()))
		.with_detail(format("It is of table %s.", qualified_name(table).c_str()));
}

IndexSize size_of(const IndexShape &shape) {
	IndexSize size;
	const auto error = try_out([&] {
		const PinnedSettings settings;
		call(LockRelationOid, shape.table, AccessShareLock);
		size = estimate_size(shape);
	});
	if (error) {
		throw Error(*error);
	}
	return size;
}

void add_command(KnownIndexes &indexes, IndexSet &present, const std::string &command) {
	IndexDefinition definition = define_index(command);
	IndexSize size = size_of(definition.shape);
	if (size.obstacle) {
		report(NOTICE, format("index \"%s\" could not be built: %s", definition.name.c_str(), size.obstacle->c_str()));
	}
	present.insert(indexes.add(
		{.shape = std::move(definition.shape), .size = std::move(size), .name = std::move(definition.name)}));
}

/// The schema that an index is in is its table's.
std::string name_of(const KnownIndex &known) {
	if (known.existing != 0) {
		return qualified_name(known.existing);
	}
	const std::string schema =
		call([&] { return const_cast<const char *>(get_namespace_name(get_rel_namespace(known.shape.table))); });
	return qualified_name(schema, known.name);
}

} // namespace

/// advice_what_if(query, create_commands, hide)
PG_FUNCTION(advice_what_if) {
	std::vector<Statement> statements(1);
	statements.front().text = required_argument<std::string_view>(fcinfo, 0, "query");
	KnownIndexes indexes;
	WhatIf what_if(statements, indexes);

	const std::set<ObjectId> tables = tables_of(what_if);
	for (const ObjectId table : tables) {
		add_existing(indexes, table);
	}
	const IndexSet before = indexes.existing();
	IndexSet after = before;
	for_each_element<Oid>(fcinfo, 2, "hide", REGCLASSOID,
	                      [&](Oid id) { after.erase(find_hidden(indexes, tables, id)); });
	for_each_element<std::string_view>(fcinfo, 1, "create_commands", TEXTOID, [&](std::string_view command) {
		add_command(indexes, after, std::string(command));
	});

	const Explained as_it_is = explain_with(what_if, before);
	const Explained as_it_would_be = explain_with(what_if, after);
	std::vector<std::string> used;
	for (const IndexSet::Number index : as_it_would_be.plan.used.members()) {
		used.push_back(name_of(indexes[index]));
	}
	std::sort(used.begin(), used.end());
	Rows rows(fcinfo);
	rows.add(as_it_is.plan.cost, as_it_would_be.plan.cost, Json{as_it_is.json}, Json{as_it_would_be.json}, used);
	PG_RETURN_NULL();
}

} // namespace warden::advice
