#include "advice/index_text.hpp"

#include "advice/index_columns.hpp"

#include "pg/tree_walker.hpp"

extern "C" {
#include "access/amapi.h"
#include "catalog/pg_collation_d.h"
#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
}

namespace warden::advice {

namespace {

Node *node_of(const std::string &text) {
	return static_cast<Node *>(stringToNode(text.c_str()));
}

bool changes_collation(const RelabelType *relabel) {
	const Oid natural = exprCollation(reinterpret_cast<Node *>(relabel->arg));
	return relabel->resultcollid != natural && OidIsValid(relabel->resultcollid) &&
	       (OidIsValid(natural) || relabel->resultcollid != DEFAULT_COLLATION_OID);
}

/// Simplifying makes COLLATE a part of a cast, of which the server would print the cast alone.
Node *with_collations(Node *node, void *context) {
	if (node == nullptr) {
		return nullptr;
	}
	Node *const copy = pg::mutate_expression(node, with_collations, context);
	if (!IsA(copy, RelabelType) || !changes_collation(reinterpret_cast<RelabelType *>(copy))) {
		return copy;
	}
	auto *const relabel = reinterpret_cast<RelabelType *>(copy);
	auto *const argument = reinterpret_cast<Node *>(relabel->arg);
	const bool is_cast = exprType(argument) != relabel->resulttype || exprTypmod(argument) != relabel->resulttypmod;
	auto *const collate = makeNode(CollateExpr);
	collate->arg = is_cast ? reinterpret_cast<Expr *>(relabel) : relabel->arg;
	collate->collOid = relabel->resultcollid;
	collate->location = -1;
	relabel->resultcollid = exprCollation(argument);
	return reinterpret_cast<Node *>(collate);
}

char *text_of(const IndexShape &shape, Node *expression) {
	List *const context = deparse_context_for(get_rel_name(shape.table), shape.table);
	return deparse_expression(with_collations(expression, nullptr), context, false, false);
}

bool is_function_call(const Node *node) {
	return IsA(node, FuncExpr) && reinterpret_cast<const FuncExpr *>(node)->funcformat == COERCE_EXPLICIT_CALL;
}

const char *name_of_column(const IndexShape &shape, AttrNumber column) {
	return get_attname(shape.table, column, false);
}

void add_value(StringInfo text, const IndexShape &shape, const IndexKey &key, Node *expression) {
	if (expression == nullptr) {
		appendStringInfoString(text, quote_identifier(name_of_column(shape, key.column)));
		return;
	}
	const char *const value = text_of(shape, expression);
	appendStringInfo(text, is_function_call(expression) ? "%s" : "(%s)", value);
}

void add_key(StringInfo text, const IndexShape &shape, const IndexKey &key, bool is_ordered) {
	Node *const expression = key.is_expression() ? node_of(key.expression) : nullptr;
	add_value(text, shape, key, expression);
	Oid type = InvalidOid;
	Oid collation = InvalidOid;
	if (expression != nullptr) {
		type = exprType(expression);
		collation = exprCollation(expression);
	} else {
		int32 typmod = -1;
		get_atttypetypmodcoll(shape.table, key.column, &type, &typmod, &collation);
	}
	if (OidIsValid(key.collation) && key.collation != collation) {
		appendStringInfo(text, " COLLATE %s", generate_collation_name(key.collation));
	}
	if (key.opclass != GetDefaultOpClass(type, shape.method)) {
		appendStringInfo(text, " %s", generate_opclass_name(key.opclass));
	}
	if (is_ordered) {
		appendStringInfoString(text, key.is_descending ? " DESC" : "");
		if (key.is_nulls_first != key.is_descending) {
			appendStringInfoString(text, key.is_nulls_first ? " NULLS FIRST" : " NULLS LAST");
		}
	}
}

} // namespace

char *index_definition(const IndexShape &shape) {
	const IndexAmRoutine *const method = GetIndexAmRoutineByAmId(shape.method, false);
	StringInfoData text;
	initStringInfo(&text);
	appendStringInfo(&text, "USING %s (", quote_identifier(get_am_name(shape.method)));
	const char *separator = "";
	for (const IndexKey &key : shape.keys) {
		appendStringInfoString(&text, separator);
		add_key(&text, shape, key, method->amcanorder);
		separator = ", ";
	}
	separator = ") INCLUDE (";
	for (const std::int16_t column : shape.included) {
		appendStringInfo(&text, "%s%s", separator, quote_identifier(name_of_column(shape, column)));
		separator = ", ";
	}
	appendStringInfoChar(&text, ')');
	if (!shape.predicate.empty()) {
		auto *const clauses = reinterpret_cast<List *>(node_of(shape.predicate));
		Node *const predicate = reinterpret_cast<Node *>(make_ands_explicit(clauses));
		appendStringInfo(&text, " WHERE (%s)", text_of(shape, predicate));
	}
	return text.data;
}

char *key_words(const IndexShape &shape, std::size_t number) {
	const IndexKey &key = shape.keys[number];
	if (!key.is_expression()) {
		return pstrdup(name_of_column(shape, key.column));
	}
	const char *const text = text_of(shape, node_of(key.expression));
	StringInfoData words;
	initStringInfo(&words);
	for (const char *c = text; *c != '\0'; ++c) {
		const bool is_word = IS_HIGHBIT_SET(*c) || isalnum(static_cast<unsigned char>(*c)) != 0;
		if (is_word) {
			appendStringInfoChar(&words, *c);
		} else if (words.len > 0 && words.data[words.len - 1] != '_') {
			appendStringInfoChar(&words, '_');
		}
	}
	while (words.len > 0 && words.data[words.len - 1] == '_') {
		words.data[--words.len] = '\0';
	}
	return words.data;
}

} // namespace warden::advice
