#include "partition/dependents.hpp"

#include "pg/call.hpp"
#include "pg/names.hpp"

#include <algorithm>

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

/// An entry of pg_depend, without the column that it is about.
struct Dependent {
	Oid table; ///< the one that it was found with
	Oid catalogue;
	Oid object;
	char type;
};

bool are_same(const Dependent &one, const Dependent &other) {
	return one.catalogue == other.catalogue && one.object == other.object;
}

// Server code.
List *find_children(Oid parent) {
	List *children = NIL;
	const Relation inherits = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	ScanKeyInit(&key, Anum_pg_inherits_inhparent, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(parent));
	const SysScanDesc scan = systable_beginscan(inherits, InheritsParentIndexId, true, nullptr, 1, &key);
	while (const HeapTuple tuple = systable_getnext(scan)) {
		children = lappend_oid(children, reinterpret_cast<Form_pg_inherits>(GETSTRUCT(tuple))->inhrelid);
	}
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);
	return children;
}

// Server code: of an object of a table, as Dependents.
List *find_dependents(Oid table, Oid catalogue, Oid object) {
	List *dependents = NIL;
	const Relation depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(catalogue));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	const SysScanDesc scan = systable_beginscan(depend, DependReferenceIndexId, true, nullptr, 2, keys);
	while (const HeapTuple tuple = systable_getnext(scan)) {
		const auto *const form = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
		auto *const dependent = static_cast<Dependent *>(palloc(sizeof(Dependent)));
		*dependent = {table, form->classid, form->objid, form->deptype};
		dependents = lappend(dependents, dependent);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return dependents;
}

// Server code.
bool is_foreign_key(const Dependent &dependent) {
	if (dependent.catalogue != ConstraintRelationId) {
		return false;
	}
	const HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(dependent.object));
	const bool found = HeapTupleIsValid(tuple) &&
	                   reinterpret_cast<Form_pg_constraint>(GETSTRUCT(tuple))->contype == CONSTRAINT_FOREIGN;
	if (HeapTupleIsValid(tuple)) {
		ReleaseSysCache(tuple);
	}
	return found;
}

std::vector<Dependent> dependents_of(Oid table, Oid catalogue, Oid object) {
	std::vector<Dependent> dependents;
	const List *const found = call(find_dependents, table, catalogue, object);
	for (int i = 0; found != nullptr && i < found->length; ++i) {
		dependents.push_back(*static_cast<const Dependent *>(found->elements[i].ptr_value));
	}
	return dependents;
}

/// What depends on tables: on themselves, on the type of their rows, or on a sequence of their own.
class Dependents {
public:
	void add(Oid table) {
		for (const Dependent &dependent : dependents_of(table, RelationRelationId, table)) {
			const bool is_part = dependent.type != DEPENDENCY_NORMAL;
			(is_part ? parts_ : others_).push_back(dependent);
			if (is_part && dependent.catalogue == RelationRelationId &&
			    call(get_rel_relkind, dependent.object) == RELKIND_SEQUENCE) {
				add_others(table, RelationRelationId, dependent.object);
			}
		}
		const Oid type = call(get_rel_type_id, table);
		for (const Oid oid : {type, OidIsValid(type) ? call(get_array_type, type) : InvalidOid}) {
			if (OidIsValid(oid)) {
				add_others(table, TypeRelationId, oid);
			}
		}
	}

	/// Those that are no part of the tables.  A table's own constraints, defaults, policies, rules and triggers depend
	/// on its columns as others do, but go with it: they have an automatic or internal dependency on it besides.
	std::vector<Dependent> others() const {
		std::vector<Dependent> others = others_;
		std::erase_if(others, [&](const Dependent &other) {
			return std::ranges::any_of(parts_, [&](const Dependent &part) { return are_same(part, other); });
		});
		return others;
	}

private:
	void add_others(Oid table, Oid catalogue, Oid object) {
		for (const Dependent &dependent : dependents_of(table, catalogue, object)) {
			if (dependent.type == DEPENDENCY_NORMAL) {
				others_.push_back(dependent);
			}
		}
	}

	std::vector<Dependent> parts_;
	std::vector<Dependent> others_;
};

std::string describe(const Dependent &dependent) {
	const char *const text = call([&] {
		const ObjectAddress address{dependent.catalogue, dependent.object, 0};
		return getObjectDescription(&address, true);
	});
	return text == nullptr ? "what was dropped meanwhile" : text;
}

std::string describe(const std::vector<Dependent> &dependents, Oid table) {
	std::vector<std::string> names;
	for (const Dependent &dependent : dependents) {
		if (dependent.table == table) {
			names.push_back(describe(dependent));
		}
	}
	std::ranges::sort(names);
	const auto [first, last] = std::ranges::unique(names);
	names.erase(first, last);
	std::string text;
	for (const std::string &name : names) {
		text += (text.empty() ? "" : ", ") + name;
	}
	return text;
}

} // namespace

std::vector<Oid> tree_of(Oid partition) {
	std::vector<Oid> tree{partition};
	for (std::size_t i = 0; i < tree.size(); ++i) {
		const List *const children = call(find_children, tree[i]);
		for (int child = 0; children != nullptr && child < children->length; ++child) {
			tree.push_back(children->elements[child].oid_value);
		}
	}
	return tree;
}

void check_dependents(Oid partition, bool is_detached_first) {
	Dependents dependents;
	for (const Oid table : tree_of(partition)) {
		dependents.add(table);
	}
	std::vector<Dependent> others = dependents.others();
	if (is_detached_first) {
		std::erase_if(others, [](const Dependent &other) { return call(is_foreign_key, other); });
	}
	if (others.empty()) {
		return;
	}
	const Oid table = std::ranges::min(others, {}, &Dependent::table).table;
	const bool is_referenced = std::ranges::any_of(
		others, [&](const Dependent &other) { return other.table == table && call(is_foreign_key, other); });
	throw Error(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
	            format("cannot drop %s because other objects depend on it", qualified_name(table).c_str()))
		.with_detail("It is needed by " + describe(others, table) + ".")
		.with_hint(is_referenced ? "With on_reference => 'detach' it leaves the set when no row refers to it any more."
	                             : "Remove what depends on the partition; nothing is ever dropped with CASCADE.");
}

} // namespace warden::partition
