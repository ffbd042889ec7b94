#include "advice/index_definition.hpp"

#include "advice/node_text.hpp"

#include "pg/generated_column.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/amapi.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_utilcmd.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::advice {

using namespace pg;

namespace {

/// A key as the server resolved it.  Plain.
struct Key {
	AttrNumber column; ///< 0: an expression
	Node *expression;
	Oid opclass;
	Oid family;
	Oid input_type;
	Oid collation;
	bool is_descending;
	bool is_nulls_first;
};

/// Plain, in server memory.
struct Resolved {
	Oid table;
	Oid method;
	Key *keys;
	int key_count;
	AttrNumber *included;
	int included_count;
	List *predicate;
	const char *name;
};

// The following is server code, and does what DefineIndex() does.

IndexStmt *parse(const char *command) {
	List *const statements = raw_parser(command, RAW_PARSE_DEFAULT);
	if (list_length(statements) != 1 || !IsA(linitial_node(RawStmt, statements)->stmt, IndexStmt)) {
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("\"%s\" is not one CREATE INDEX command", command),
		        errhint("Give each command as an element of create_commands, like "
		                "ARRAY['CREATE INDEX ON orders (customer, placed)']."));
	}
	return reinterpret_cast<IndexStmt *>(linitial_node(RawStmt, statements)->stmt);
}

void check_table(Relation table) {
	const char kind = table->rd_rel->relkind;
	if (kind != RELKIND_RELATION && kind != RELKIND_MATVIEW && kind != RELKIND_PARTITIONED_TABLE) {
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
		        errmsg("cannot create index on relation \"%s\"", RelationGetRelationName(table)),
		        errdetail("It is no table and no materialized view."));
	}
	if (IsSystemRelation(table) || RELATION_IS_OTHER_TEMP(table)) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("cannot create index on relation \"%s\"", RelationGetRelationName(table)),
		        errdetail("It is a system catalog or a temporary table of another session."));
	}
}

void check_rights(const IndexStmt *statement, Relation table) {
	const Oid id = RelationGetRelid(table);
	if (pg_class_aclcheck(id, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
	    pg_attribute_aclcheck_all(id, GetUserId(), ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK) {
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(table));
	}
	bool is_computed = statement->whereClause != nullptr;
	ListCell *cell = nullptr;
	foreach (cell, statement->indexParams) {
		is_computed = is_computed || lfirst_node(IndexElem, cell)->expr != nullptr;
	}
	if (is_computed && !object_ownercheck(RelationRelationId, id, GetUserId())) {
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		        errmsg("must be owner of table %s", RelationGetRelationName(table)),
		        errdetail("Expressions and predicates of an index are evaluated as the owner of its table."));
	}
}

void check_immutable(Node *expression, const char *where) {
	Expr *const planned = expression_planner(static_cast<Expr *>(copyObjectImpl(expression)));
	if (contain_mutable_functions(reinterpret_cast<Node *>(planned))) {
		ereport(ERROR, errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
		        errmsg("functions in index %s must be marked IMMUTABLE", where));
	}
}

AttrNumber column_named(Relation table, const char *name) {
	const AttrNumber column = get_attnum(RelationGetRelid(table), name);
	if (column == InvalidAttrNumber) {
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" does not exist", name));
	}
	return column;
}

void check_column(Relation table, AttrNumber column) {
	if (column <= 0 || is_virtual(TupleDescAttr(RelationGetDescr(table), column - 1))) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("index creation on system columns and on virtual generated columns is not supported"));
	}
}

void check_columns(Relation table, Node *node) {
	Bitmapset *columns = nullptr;
	pull_varattnos(node, 1, &columns);
	for (int member = -1; (member = bms_next_member(columns, member)) >= 0;) {
		const int column = member + FirstLowInvalidHeapAttributeNumber;
		if (column != 0) { // all of the row
			check_column(table, static_cast<AttrNumber>(column));
		}
	}
}

/// As the server keeps it for a real index; made when it runs as the owner.
Node *simplify_expression(Node *expression) {
	check_immutable(expression, "expression");
	Node *const simple = eval_const_expressions(nullptr, expression);
	fix_opfuncids(simple);
	return simple;
}

List *simplify_predicate(Node *predicate) {
	check_immutable(predicate, "predicate");
	// The server stores it as a list of ANDed clauses made one again.
	Node *clause =
		reinterpret_cast<Node *>(make_ands_explicit(make_ands_implicit(reinterpret_cast<Expr *>(predicate))));
	clause = eval_const_expressions(nullptr, clause);
	clause = reinterpret_cast<Node *>(canonicalize_qual(reinterpret_cast<Expr *>(clause), false));
	List *const clauses = make_ands_implicit(reinterpret_cast<Expr *>(clause));
	fix_opfuncids(reinterpret_cast<Node *>(clauses));
	return clauses;
}

/// What an element is of: a column or an expression; its type, and the collation it has by itself.
Oid resolve_value(Key &key, const IndexElem *element, Relation table) {
	key.collation = InvalidOid;
	if (element->name != nullptr) {
		key.column = column_named(table, element->name);
		check_column(table, key.column);
		const FormData_pg_attribute *const attribute = TupleDescAttr(RelationGetDescr(table), key.column - 1);
		key.collation = attribute->attcollation;
		return attribute->atttypid;
	}
	Node *expression = element->expr;
	key.collation = exprCollation(expression);
	const Oid type = exprType(expression);
	while (IsA(expression, CollateExpr)) {
		expression = reinterpret_cast<Node *>(reinterpret_cast<CollateExpr *>(expression)->arg);
	}
	check_columns(table, expression);
	if (IsA(expression, Var) && reinterpret_cast<Var *>(expression)->varattno != InvalidAttrNumber) {
		key.column = reinterpret_cast<Var *>(expression)->varattno;
	} else {
		key.expression = expression;
	}
	return type;
}

void resolve_collation(Key &key, const IndexElem *element, Oid type) {
	if (element->collation != NIL) {
		key.collation = get_collation_oid(element->collation, false);
	}
	if (!type_is_collatable(type)) {
		if (OidIsValid(key.collation)) {
			ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
			        errmsg("collations are not supported by type %s", format_type_be(type)));
		}
	} else if (!OidIsValid(key.collation)) {
		ereport(ERROR, errcode(ERRCODE_INDETERMINATE_COLLATION),
		        errmsg("could not determine which collation to use for index expression"),
		        errhint("Use the COLLATE clause to set the collation explicitly."));
	}
}

Key resolve_key(const IndexElem *element, Relation table, const char *method_name, Oid method, bool is_ordered) {
	Key key{};
	const Oid type = resolve_value(key, element, table);
	resolve_collation(key, element, type);
	key.opclass = ResolveOpClass(element->opclass, type, method_name, method);
	key.family = get_opclass_family(key.opclass);
	key.input_type = get_opclass_input_type(key.opclass);
	key.is_descending = element->ordering == SORTBY_DESC;
	key.is_nulls_first = element->nulls_ordering == SORTBY_NULLS_FIRST ||
	                     (element->nulls_ordering == SORTBY_NULLS_DEFAULT && key.is_descending);
	if (!is_ordered && (element->ordering != SORTBY_DEFAULT || element->nulls_ordering != SORTBY_NULLS_DEFAULT)) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("access method \"%s\" does not support ASC/DESC or NULLS FIRST/LAST options", method_name));
	}
	return key;
}

AttrNumber resolve_included(const IndexElem *element, Relation table) {
	if (element->name == nullptr || element->collation != NIL || element->opclass != NIL ||
	    element->ordering != SORTBY_DEFAULT || element->nulls_ordering != SORTBY_NULLS_DEFAULT) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("included columns are plain columns, without options"));
	}
	const AttrNumber column = column_named(table, element->name);
	check_column(table, column);
	return column;
}

void check_method(const IndexStmt *statement, const IndexAmRoutine *method) {
	const char *const name = statement->accessMethod;
	if (statement->unique && !method->amcanunique) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("access method \"%s\" does not support unique indexes", name));
	}
	if (statement->indexIncludingParams != NIL && !method->amcaninclude) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("access method \"%s\" does not support included columns", name));
	}
	if (list_length(statement->indexParams) > 1 && !method->amcanmulticol) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("access method \"%s\" does not support multicolumn indexes", name));
	}
	if (list_length(statement->indexParams) + list_length(statement->indexIncludingParams) > INDEX_MAX_KEYS) {
		ereport(ERROR, errcode(ERRCODE_TOO_MANY_COLUMNS),
		        errmsg("cannot use more than %d columns in an index", INDEX_MAX_KEYS));
	}
}

/// The server's choice: names of the columns, joined.
const char *name_for(const IndexStmt *statement, Relation table) {
	if (statement->idxname != nullptr) {
		return statement->idxname;
	}
	StringInfoData columns;
	initStringInfo(&columns);
	ListCell *cell = nullptr;
	foreach (cell, list_concat_copy(statement->indexParams, statement->indexIncludingParams)) {
		const IndexElem *const element = lfirst_node(IndexElem, cell);
		const char *const column = element->indexcolname != nullptr ? element->indexcolname
		                           : element->name != nullptr       ? element->name
		                                                            : "expr";
		appendStringInfo(&columns, "%s%s", columns.len > 0 ? "_" : "", column);
		if (columns.len >= NAMEDATALEN) {
			break;
		}
	}
	return ChooseRelationName(RelationGetRelationName(table), columns.data, "idx", RelationGetNamespace(table), false);
}

Resolved resolve(const char *command) {
	IndexStmt *statement = parse(command);
	const Oid id = RangeVarGetRelid(statement->relation, AccessShareLock, false);
	const Relation table = table_open(id, NoLock);
	check_table(table);
	check_rights(statement, table);
	statement = transformIndexStmt(id, statement, command);
	const Oid method_id = get_index_am_oid(statement->accessMethod, false);
	const IndexAmRoutine *const method = GetIndexAmRoutineByAmId(method_id, false);
	check_method(statement, method);

	const int keys = list_length(statement->indexParams);
	const int included = list_length(statement->indexIncludingParams);
	Resolved resolved{.table = id,
	                  .method = method_id,
	                  .keys = static_cast<Key *>(palloc0(sizeof(Key) * static_cast<std::size_t>(keys))),
	                  .key_count = keys,
	                  .included = static_cast<AttrNumber *>(palloc0(sizeof(AttrNumber) * INDEX_MAX_KEYS)),
	                  .included_count = included,
	                  .predicate = nullptr,
	                  .name = name_for(statement, table)};
	for (int i = 0; i < keys; ++i) {
		resolved.keys[i] = resolve_key(list_nth_node(IndexElem, statement->indexParams, i), table,
		                               statement->accessMethod, method_id, method->amcanorder);
	}
	for (int i = 0; i < included; ++i) {
		resolved.included[i] = resolve_included(list_nth_node(IndexElem, statement->indexIncludingParams, i), table);
	}
	if (statement->whereClause != nullptr) {
		check_columns(table, statement->whereClause);
		resolved.predicate = list_make1(statement->whereClause);
	}
	table_close(table, NoLock);
	return resolved;
}

/// Brings expressions and predicate into the form that the server would have of them.
void simplify(Resolved &resolved) {
	for (int i = 0; i < resolved.key_count; ++i) {
		if (Node *&expression = resolved.keys[i].expression; expression != nullptr) {
			expression = simplify_expression(expression);
		}
	}
	if (resolved.predicate != NIL) {
		resolved.predicate = simplify_predicate(static_cast<Node *>(linitial(resolved.predicate)));
	}
}

// C++ code.

IndexShape shape_of(const Resolved &resolved) {
	IndexShape shape{.table = resolved.table, .method = resolved.method};
	for (int i = 0; i < resolved.key_count; ++i) {
		const Key &key = resolved.keys[i];
		shape.keys.push_back({.column = key.column,
		                      .opclass = key.opclass,
		                      .family = key.family,
		                      .input_type = key.input_type,
		                      .collation = key.collation,
		                      .is_descending = key.is_descending,
		                      .is_nulls_first = key.is_nulls_first});
		if (key.column != 0) {
			shape.columns.push_back(key.column);
		} else {
			shape.keys.back().expression = text_of(key.expression);
			add_columns(shape.columns, key.expression);
		}
	}
	for (int i = 0; i < resolved.included_count; ++i) {
		shape.included.push_back(resolved.included[i]);
		shape.columns.push_back(resolved.included[i]);
	}
	if (resolved.predicate != NIL) {
		shape.predicate = text_of(resolved.predicate);
		add_columns(shape.columns, resolved.predicate);
	}
	normalize(shape.columns);
	return shape;
}

} // namespace

IndexDefinition define_index(const std::string &command) {
	IndexDefinition definition;
	const ScratchMemory memory;
	const std::string search_path = call([] { return namespace_search_path; });
	const auto error = try_out([&] {
		const PinnedSettings settings; // but for names
		PinnedSettings::set("search_path", search_path.c_str());
		Resolved resolved = call([&] { return resolve(command.c_str()); });
		{
			const AsReadingOwner owner(owner_of(resolved.table));
			call([&] { simplify(resolved); });
		}
		definition.shape = shape_of(resolved);
		definition.name = resolved.name;
	});
	if (error) {
		throw Error(*error);
	}
	return definition;
}

} // namespace warden::advice
