#include "advice/analysis.hpp"

#include "pg/tree_walker.hpp"

extern "C" {
#include "parser/analyze.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
}

namespace warden::advice {

namespace {

/// What a statement of the utility kind has the server plan; nullptr: nothing.
Node *wrapped(Node *statement) {
	switch (nodeTag(statement)) {
	case T_ExplainStmt:
		return reinterpret_cast<ExplainStmt *>(statement)->query;
	case T_DeclareCursorStmt:
		return reinterpret_cast<DeclareCursorStmt *>(statement)->query;
	case T_CreateTableAsStmt:
		return reinterpret_cast<CreateTableAsStmt *>(statement)->query;
	case T_CopyStmt:
		return reinterpret_cast<CopyStmt *>(statement)->query;
	default:
		return nullptr;
	}
}

/// SELECT INTO is a SELECT that says it in its first part.
void forget_into(Node *statement) {
	while (IsA(statement, SelectStmt)) {
		auto *const select = reinterpret_cast<SelectStmt *>(statement);
		if (select->op == SETOP_NONE) {
			select->intoClause = nullptr;
			return;
		}
		statement = reinterpret_cast<Node *>(select->larg);
	}
}

RawStmt *parse(const char *text) {
	List *const statements = raw_parser(text, RAW_PARSE_DEFAULT);
	if (list_length(statements) != 1) {
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("a query must be one statement"));
	}
	auto *const statement = linitial_node(RawStmt, statements);
	while (Node *const inner = wrapped(statement->stmt)) {
		statement->stmt = inner;
	}
	forget_into(statement->stmt);
	return statement;
}

bool is_plannable(const Node *statement) {
	switch (nodeTag(statement)) {
	case T_SelectStmt:
	case T_InsertStmt:
	case T_UpdateStmt:
	case T_DeleteStmt:
	case T_MergeStmt:
		return true;
	default:
		return false;
	}
}

ParamListInfo bind(const Statement &statement, const Oid *types, int count) {
	if (!statement.has_values || count == 0) {
		return nullptr;
	}
	const ParamListInfo parameters = makeParamList(count);
	for (int i = 0; i < count; ++i) {
		ParamExternData &parameter = parameters->params[i];
		parameter.ptype = types[i];
		parameter.pflags = PARAM_FLAG_CONST;
		parameter.isnull = true;
		if (static_cast<std::size_t>(i) < statement.parameters.size() &&
		    statement.parameters[static_cast<std::size_t>(i)].value) {
			Oid input = InvalidOid;
			Oid element = InvalidOid;
			getTypeInputInfo(types[i], &input, &element);
			parameter.value = OidInputFunctionCall(
				input, pstrdup(statement.parameters[static_cast<std::size_t>(i)].value->c_str()), element, -1);
			parameter.isnull = false;
		}
	}
	return parameters;
}

/// Notes each relation of a query; the planner will find them locked in the weakest mode.
bool note_relations(Node *node, void *context) {
	if (node == nullptr) {
		return false;
	}
	if (IsA(node, RangeTblEntry)) {
		auto *const entry = reinterpret_cast<RangeTblEntry *>(node);
		if (OidIsValid(entry->relid)) { // newer servers have it for a view too, which is a subquery by now
			entry->rellockmode = AccessShareLock;
			auto **const relations = static_cast<List **>(context);
			*relations = list_append_unique_oid(*relations, entry->relid);
		}
		return false; // what is in it comes by itself
	}
	if (IsA(node, Query)) {
		return pg::walk_query(reinterpret_cast<Query *>(node), note_relations, context, QTW_EXAMINE_RTES_BEFORE);
	}
	return pg::walk_expression(node, note_relations, context);
}

List *relations_of(List *queries) {
	List *relations = NIL;
	ListCell *cell = nullptr;
	foreach (cell, queries) {
		note_relations(static_cast<Node *>(lfirst(cell)), &relations);
	}
	return relations;
}

} // namespace

Analysis analyze(const Statement &statement) {
	RawStmt *const parsed = parse(statement.text.c_str());
	if (!is_plannable(parsed->stmt)) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("the statement has no plan"));
	}
	int count = static_cast<int>(statement.parameters.size());
	Oid *types = static_cast<Oid *>(palloc0(sizeof(Oid) * (statement.parameters.size() + 1)));
	for (int i = 0; i < count; ++i) {
		types[i] = statement.parameters[static_cast<std::size_t>(i)].type;
	}
	Query *const query = parse_analyze_varparams(parsed, statement.text.c_str(), &types, &count, nullptr);
	List *const queries = QueryRewrite(query);
	return {.queries = queries, .parameters = bind(statement, types, count), .relations = relations_of(queries)};
}

} // namespace warden::advice
