#include "move/side.hpp"

#include "move/catalog_rows.hpp"
#include "move/storage_exchange.hpp"
#include "partition/steps.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <string_view>

extern "C" {
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "catalog/toasting.h"
#include "commands/cluster.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/tablecmds.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

// $1 a table: its extended statistics, each as what makes it again, and as what drops it.  A name that was cut is that
// of another side's as well, by the time when both are made again.
constinit Statement statistics_query{R"(
SELECT concat('CREATE STATISTICS ', name, substr(pg_get_statisticsobjdef(s.oid), length('CREATE STATISTICS ' || old_name) + 1),
              format(E';\nALTER STATISTICS %s SET STATISTICS ', name) || nullif(s.stxstattarget, -1),
              format(E';\nCOMMENT ON STATISTICS %s IS ', name) || quote_literal(obj_description(s.oid, 'pg_statistic_ext'))),
       'DROP STATISTICS ' || old_name
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace,
     LATERAL format('%I.%I', n.nspname, s.stxname) old_name,
     LATERAL format('%I.%I', n.nspname, CASE WHEN octet_length(s.stxname::text) > 55
                                             THEN concat(left(s.stxname::text, 10), '_', s.oid, '_stat') ELSE s.stxname END) name
WHERE s.stxrelid = $1
ORDER BY s.oid)"};

// What follows is server code.

/// Marks a table and its TOAST table as a temporary heap of another one, or not.
void mark(Oid relation, Oid rewritten) {
	for (const Oid part : {relation, toast_table_of(relation)}) {
		if (OidIsValid(part)) {
			const HeapTuple row = class_row(part);
			class_form(row)->relrewrite = rewritten;
			update_class(row);
		}
	}
	CommandCounterIncrement();
}

/// A partitioned table may have none.
Oid method_of(Relation model) {
	const Oid method = model->rd_rel->relam;
	return OidIsValid(method) ? method : get_table_am_oid(default_table_access_method, false);
}

// The heap is made with the columns and, if it is a plain table, the TOAST table of the one that it stands for.
Oid make_storage(Oid stands_for, Oid like) {
	const Relation model = table_open(like, AccessShareLock);
	const Oid heap = make_new_heap(stands_for, model->rd_rel->reltablespace, method_of(model),
	                               model->rd_rel->relpersistence, AccessShareLock);
	// A partitioned table has no TOAST table.
	const bool has_storage = model->rd_rel->relkind != RELKIND_PARTITIONED_TABLE;
	const Oid model_toast = model->rd_rel->reltoastrelid;
	table_close(model, NoLock);
	if (like != stands_for || !has_storage) {
		set_storage_options(heap, storage_options(like));
		const Oid toast = toast_table_of(heap);
		const Datum toast_options = OidIsValid(model_toast) ? storage_options(model_toast) : Datum{0};
		if (!OidIsValid(toast)) {
			NewRelationCreateToastTable(heap, toast_options);
			CommandCounterIncrement();
		} else {
			set_storage_options(toast, toast_options);
		}
	}
	return heap;
}

/// A table with its indexes, constraints and row type.  No right is asked for: it is ours.
void move_to_schema(Oid table, Oid schema) {
	const Relation relation = table_open(table, AccessExclusiveLock);
	ObjectAddresses *const moved = new_object_addresses();
	AlterTableNamespaceInternal(relation, RelationGetNamespace(relation), schema, moved);
	free_object_addresses(moved);
	table_close(relation, NoLock);
	CommandCounterIncrement();
}

void rename_relation(Oid relation, const char *name, bool is_index) {
	RenameRelationInternal(relation, name, true, is_index);
	CommandCounterIncrement();
}

Oid own_schema() {
	return get_namespace_oid("warden", false);
}

/// The type of arrays of its rows, or InvalidOid.
Oid array_type_of(Oid table) {
	const Oid type = get_rel_type_id(table);
	return OidIsValid(type) ? get_array_type(type) : InvalidOid;
}

char *type_name(Oid type) {
	const HeapTuple row = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(row)) {
		elog(ERROR, "cache lookup failed for type %u", type);
	}
	char *const name = pstrdup(NameStr(reinterpret_cast<Form_pg_type>(GETSTRUCT(row))->typname));
	ReleaseSysCache(row);
	return name;
}

// From here on it is C++ code.

std::string name_of_relation(Oid relation) {
	return call([&] { return static_cast<const char *>(get_rel_name(relation)); });
}

// What the server has chosen a name for gives way to what has that name in the other schema: long names, cut, are
// alike.
void make_way(Oid table, Oid from, Oid to) {
	const OidSet indexes = call(indexes_of, table);
	for (int i = 0; i < indexes.count; ++i) {
		const std::string name = name_of_relation(indexes.oids[i]);
		if (partition::is_name_taken(name, to)) {
			const std::string other = partition::free_name(name, "", {from, to});
			call(rename_relation, indexes.oids[i], other.c_str(), true);
		}
	}
	if (const Oid type = call(array_type_of, table); OidIsValid(type)) {
		const std::string name = call(type_name, type);
		if (partition::is_name_taken(name, to)) {
			const std::string other = partition::free_name(name, "", {from, to});
			call([&] {
				RenameTypeInternal(type, other.c_str(), from);
				CommandCounterIncrement();
			});
		}
	}
}

void bring(Oid table, Oid schema) {
	const Oid from = call(get_rel_namespace, table);
	if (from != schema) {
		make_way(table, from, schema);
		call(move_to_schema, table, schema);
	}
}

// In a scope of its own: what runs in it, runs as the owner.
void run_as_owner(Oid owner, const std::vector<std::string> &statements) {
	const AsOwner scope(owner);
	PinnedSettings::set("default_tablespace", "");
	Spi spi;
	for (const std::string &statement : statements) {
		spi.execute(statement.c_str());
	}
}

/// What waits for the swap: until then nobody but the owner may read or write a side, and pg_dump writes whether a
/// table has row-level security even if it does not write the table, because that is a member of an extension.
bool is_for_later(std::string_view statement) {
	return statement.starts_with("GRANT ") || statement.ends_with(" ROW LEVEL SECURITY") ||
	       (statement.starts_with("REVOKE ") && !statement.starts_with("REVOKE ALL ON "));
}

/// Takes extended statistics off a side; returns what makes them again.  They are no part of a table: a dump has them,
/// though it has not the table; and what is a member of the extension, as the table is, must not depend on columns.
std::string postpone_statistics(Oid side, Oid owner) {
	std::string again;
	std::vector<std::string> drop;
	{
		const AsExtension scope;
		Spi spi;
		for (const auto &[make, drop_it] :
		     spi.query_latest<std::string_view, std::string_view>(statistics_query, side)) {
			again += ";\n" + std::string(make);
			drop.emplace_back(drop_it);
		}
	}
	run_as_owner(owner, drop);
	return again;
}

bool is_member(Oid relation) {
	return OidIsValid(call(getExtensionOfObject, RelationRelationId, relation));
}

void drop_table(Oid relation) {
	if (!OidIsValid(relation) || !relation_exists(relation)) {
		return;
	}
	const PinnedSettings settings;
	lock(relation, AccessExclusiveLock);
	if (relation_exists(relation)) {
		remove_member(relation);
		call(drop_object, RelationRelationId, relation);
	}
}

} // namespace

Side create_partition_side(const Job &job, const partition::Draft &draft, const std::string &condition, Side side) {
	std::vector<std::string> build;
	std::string later;
	build.reserve(draft.build.size() + 1);
	for (const std::string &statement : draft.build) {
		if (is_for_later(statement)) {
			later += ";\n" + statement;
		} else {
			build.push_back(statement);
		}
	}
	if (!condition.empty()) {
		build.push_back("ALTER TABLE " + draft.qualified_name + " ADD CONSTRAINT " + bound_check + " CHECK (" +
		                condition + ")");
	}
	const Oid owner = owner_of(job.wish.target);
	run_as_owner(owner, build);
	side.relation = call([&] { return get_relname_relid(draft.name.c_str(), get_rel_namespace(job.wish.target)); });
	// First what attaches it: an owner who has revoked TRIGGER of himself could not have triggers cloned afterwards.
	const std::string attach = partition::join(draft.attach) + postpone_statistics(side.relation, owner) + later;
	side.attach = attach;
	call(mark, side.relation, job.wish.target);
	add_member(side.relation);
	park_side(side);
	return add_side(job.id, std::move(side));
}

Side create_storage_side(const Job &job, Oid stands_for, Oid like, Side side) {
	side.relation = call(make_storage, stands_for, like);
	side.stands_for = stands_for;
	const std::string base = name_of_relation(stands_for);
	const std::string name =
		partition::free_name(base, "_side", {home_of(job), call(get_rel_namespace, stands_for), call(own_schema)});
	call(rename_relation, side.relation, name.c_str(), false);
	call(mark, side.relation, job.wish.target);
	add_member(side.relation);
	park_side(side);
	return add_side(job.id, std::move(side));
}

Oid home_of(const Job &job) {
	const Oid schema = call(get_rel_namespace, job.wish.target);
	if (!OidIsValid(schema)) {
		throw Error(errcode_begin_anew, "the table was dropped");
	}
	return schema;
}

void unpark_side(const Job &job, const Side &side) {
	const Oid schema = home_of(job);
	const std::string name = name_of_relation(side.relation);
	if (call(get_rel_namespace, side.relation) != schema && partition::is_name_taken(name, schema)) {
		const std::string schema_name = call([&] { return static_cast<const char *>(get_namespace_name(schema)); });
		const std::string full = qualified_name(schema_name, name);
		const std::string target = qualified_name(job.wish.target);
		throw Error(ERRCODE_DUPLICATE_TABLE, full + " already exists")
			.with_detail("A table into which rows of " + target + " were copied is to have this name.")
			.with_hint("Rename or drop it; CALL warden.partition_resume(" + quoted_literal(target) +
		               ") goes on then, CALL warden.partition_cancel(" + quoted_literal(target) + ") takes all back.");
	}
	bring(side.relation, schema);
}

void park_side(const Side &side) {
	bring(side.relation, call(own_schema));
}

void release_side(const Job &job, const Side &side) {
	lock_with_toast(side.relation);
	call(mark, side.relation, InvalidOid);
	remove_member(side.relation);
	if (!OidIsValid(side.stands_for)) {
		unpark_side(job, side);
	}
}

// A partition that was a side once is the user's, whatever became of the job; storage never is.
void drop_side(const Side &side) {
	if (OidIsValid(side.stands_for) || is_member(side.relation)) {
		drop_table(side.relation);
	}
}

void drop_tables(const Job &job) {
	drop_table(job.log);
	drop_table(job.map);
}

void drop_bound_check(const Side &side) {
	if (OidIsValid(call(get_relation_constraint_oid, side.relation, static_cast<const char *>(bound_check), true))) {
		run_as_owner(owner_of(side.relation),
		             {"ALTER TABLE ONLY " + qualified_name(side.relation) + " DROP CONSTRAINT " + bound_check});
	}
}

// As ALTER EXTENSION ADD does: with its privileges noted, as pg_dump writes those of a member that have changed.
void add_member(Oid relation) {
	call([relation] {
		const ObjectAddress member = {RelationRelationId, relation, 0};
		const ObjectAddress extension = {ExtensionRelationId, get_extension_oid("pg_warden", false), 0};
		recordDependencyOn(&member, &extension, DEPENDENCY_EXTENSION);
		recordExtObjInitPriv(relation, RelationRelationId);
		CommandCounterIncrement();
	});
}

void remove_member(Oid relation) {
	call([relation] {
		deleteDependencyRecordsForClass(RelationRelationId, relation, ExtensionRelationId, DEPENDENCY_EXTENSION);
		removeExtObjInitPriv(relation, RelationRelationId);
		CommandCounterIncrement();
	});
}

} // namespace warden::move
