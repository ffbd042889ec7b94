#include "move/side.hpp"

#include "move/catalog_rows.hpp"
#include "move/storage_exchange.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <string_view>

extern "C" {
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/toasting.h"
#include "commands/cluster.h"
#include "commands/extension.h"
#include "commands/tablecmds.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

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

// The heap is made with the columns and, if it is a plain table, the TOAST table of the one that it stands for.
Oid make_storage(Oid stands_for, Oid like) {
	const Relation model = table_open(like, AccessShareLock);
	const Oid heap = make_new_heap(stands_for, model->rd_rel->reltablespace, model->rd_rel->relam,
	                               model->rd_rel->relpersistence, AccessShareLock);
	const Oid model_toast = model->rd_rel->reltoastrelid;
	table_close(model, NoLock);
	if (like != stands_for) {
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

// From here on it is C++ code.

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

void drop_member(Oid relation) {
	if (!OidIsValid(relation) || !relation_exists(relation)) {
		return;
	}
	const PinnedSettings settings;
	lock(relation, AccessExclusiveLock);
	// A partition that was a side once is the user's, whatever became of the job.
	if (relation_exists(relation) && OidIsValid(call(getExtensionOfObject, RelationRelationId, relation))) {
		remove_member(relation);
		call(drop_object, RelationRelationId, relation);
	}
}

} // namespace

Side create_partition_side(const Job &job, const partition::Draft &draft, const std::string &condition, Side side) {
	std::vector<std::string> build;
	std::string attach;
	build.reserve(draft.build.size() + 1);
	for (const std::string &statement : draft.build) {
		if (is_for_later(statement)) {
			attach += statement + ";\n";
		} else {
			build.push_back(statement);
		}
	}
	if (!condition.empty()) {
		build.push_back("ALTER TABLE " + draft.qualified_name + " ADD CONSTRAINT " + bound_check + " CHECK (" +
		                condition + ")");
	}
	for (const std::string &statement : draft.attach) {
		attach += (&statement == draft.attach.data() ? "" : ";\n") + statement;
	}
	run_as_owner(owner_of(job.wish.target), build);
	side.relation = call([&] { return get_relname_relid(draft.name.c_str(), get_rel_namespace(job.wish.target)); });
	side.attach = attach;
	call(mark, side.relation, job.wish.target);
	add_member(side.relation);
	return add_side(job.id, std::move(side));
}

Side create_storage_side(const Job &job, Oid stands_for, Oid like, Side side) {
	side.relation = call(make_storage, stands_for, like);
	side.stands_for = stands_for;
	const std::string base = call([&] { return static_cast<const char *>(get_rel_name(stands_for)); });
	const std::string name = partition::free_name(base, "_side", {call(get_rel_namespace, stands_for)});
	call([&] {
		RenameRelationInternal(side.relation, name.c_str(), true, false);
		CommandCounterIncrement();
	});
	call(mark, side.relation, job.wish.target);
	add_member(side.relation);
	return add_side(job.id, std::move(side));
}

void release_side(const Side &side) {
	lock_with_toast(side.relation);
	call(mark, side.relation, InvalidOid);
	remove_member(side.relation);
}

void drop_side(const Side &side) {
	drop_member(side.relation);
}

void drop_tables(const Job &job) {
	drop_member(job.log);
	drop_member(job.map);
}

void drop_bound_check(const Side &side) {
	run_as_owner(owner_of(side.relation),
	             {"ALTER TABLE ONLY " + qualified_name(side.relation) + " DROP CONSTRAINT IF EXISTS " + bound_check});
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
