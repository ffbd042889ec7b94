#include "advice/foreign_keys.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "nodes/makefuncs.h"
}

namespace warden::advice {

using namespace pg;

namespace {

// Below, reading all of a table is nothing to speak of; unless it is done for each of many deletes.
constexpr std::int64_t many_pages = 1000;
constexpr std::int64_t some_pages = 10;

// A row for each column and family of operators.  Those that only say which partition of the parent a row is in have
// the table of the one they are a part of.  What is not enforced, and what is of periods, asks nothing of a B-tree.
constinit pg::Statement select_keys{R"(
WITH RECURSIVE scope (oid) AS (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND $1 IN (0::oid, c.oid)
      AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    UNION ALL
    SELECT h.inhrelid FROM scope JOIN pg_inherits h ON h.inhparent = scope.oid JOIN pg_class c ON c.oid = h.inhrelid
    WHERE $1 <> 0::oid AND c.relispartition),
keys (oid, root) AS (
    SELECT o.oid, o.oid FROM pg_constraint o WHERE o.contype = 'f' AND o.conparentid = 0
    UNION ALL
    SELECT o.oid, k.root
    FROM keys k JOIN pg_constraint o ON o.conparentid = k.oid JOIN pg_constraint p ON p.oid = k.oid
    WHERE o.conrelid <> p.conrelid)
SELECT o.oid, k.root, o.conname::text, o.conrelid, o.confrelid, t.relkind = 'p', pages.sum, deletes.sum, a.number,
       o.conkey[a.number], c.atttypid, c.atttypmod, c.attcollation, f.amopfamily
FROM keys k JOIN pg_constraint o ON o.oid = k.oid JOIN scope ON scope.oid = o.conrelid JOIN pg_class t ON t.oid = o.conrelid
CROSS JOIN LATERAL (
    WITH RECURSIVE tree (oid) AS (
        SELECT o.conrelid UNION ALL SELECT h.inhrelid FROM tree JOIN pg_inherits h ON h.inhparent = tree.oid)
    SELECT coalesce(sum((pg_stat_file(pg_relation_filepath(tree.oid), true)).size), 0)::bigint
               / current_setting('block_size')::int AS sum
    FROM tree) pages
CROSS JOIN LATERAL (
    WITH RECURSIVE tree (oid) AS (
        SELECT o.confrelid UNION ALL SELECT h.inhrelid FROM tree JOIN pg_inherits h ON h.inhparent = tree.oid)
    SELECT coalesce(sum(pg_stat_get_tuples_deleted(tree.oid)), 0)::bigint AS sum FROM tree) deletes
CROSS JOIN LATERAL generate_subscripts(o.conkey, 1) a (number)
JOIN pg_attribute c ON c.attrelid = o.conrelid AND c.attnum = o.conkey[a.number]
JOIN pg_operator q ON q.oid = o.conpfeqop[a.number]
LEFT JOIN pg_amop f ON f.amopopr IN (q.oid, q.oprcom) AND f.amoppurpose = 's'
    AND (f.amopmethod, f.amopstrategy) IN (((SELECT oid FROM pg_am WHERE amname = 'btree'), 3),
                                           ((SELECT oid FROM pg_am WHERE amname = 'hash'), 1))
WHERE (to_jsonb(o) ->> 'conenforced')::boolean IS NOT FALSE AND (to_jsonb(o) ->> 'conperiod')::boolean IS NOT TRUE
ORDER BY o.conrelid, o.conname, o.oid, a.number)"};

using Columns = std::vector<ForeignKey::Column>;

Columns::const_iterator find_column(const Columns &columns, std::int16_t number) {
	return std::ranges::find_if(columns, [&](const ForeignKey::Column &column) { return column.number == number; });
}

/// Whether a key of an index can be looked up by a column of a foreign key.
bool is_found(const IndexKey &key, const ForeignKey &foreign) {
	const auto column = find_column(foreign.columns, key.column);
	return !key.is_expression() && column != foreign.columns.end() &&
	       std::ranges::find(column->families, key.family) != column->families.end() &&
	       key.collation == column->collation;
}

/// "None of the columns is NULL", which holds for all that is looked for, as a predicate.
std::string not_null(const ForeignKey &key) {
	const ScratchMemory memory;
	return call([&] {
		List *clauses = NIL;
		for (const ForeignKey::Column &column : key.columns) {
			NullTest *const test = makeNode(NullTest);
			test->arg =
				reinterpret_cast<Expr *>(makeVar(1, column.number, column.type, column.modifier, column.collation, 0));
			test->nulltesttype = IS_NOT_NULL;
			test->argisrow = false;
			test->location = -1;
			clauses = lappend(clauses, test);
		}
		return static_cast<const char *>(nodeToString(clauses));
	});
}

/// What finds one row at most finds it well enough.
bool is_unique_part(const IndexFacts &index, const ForeignKey &key) {
	const auto &keys = index.rival.shape.keys;
	return index.rival.is_unique && index.rival.is_immediate && index.rival.shape.predicate.empty() &&
	       std::ranges::all_of(keys, [&](const IndexKey &part) { return is_found(part, key); });
}

bool is_same_columns(const ForeignKey &left, const ForeignKey &right) {
	return left.child == right.child && left.columns.size() == right.columns.size() &&
	       std::ranges::all_of(left.columns, [&](const ForeignKey::Column &column) {
			   return find_column(right.columns, column.number) != right.columns.end();
		   });
}

bool is_served(const ForeignKey &key, const std::vector<IndexFacts> &indexes) {
	const AsReadingOwner owner(owner_of(key.child));
	return std::ranges::any_of(indexes, [&](const IndexFacts &index) {
		return index.table == key.child &&
		       (serves(index, key) || (index.rival.is_usable && is_unique_part(index, key)));
	});
}

/// How many tables with rows of a key are without an index.
int count_lacking(const ForeignKey &key, const std::vector<ForeignKey> &keys, const std::vector<IndexFacts> &indexes) {
	if (is_served(key, indexes)) {
		return 0;
	}
	return key.is_partitioned
	           ? static_cast<int>(std::ranges::count_if(keys,
	                                                    [&](const ForeignKey &part) {
															return part.root == key.root && !part.is_partitioned &&
		                                                           !is_served(part, indexes);
														}))
	           : 1;
}

std::vector<std::string> caveats_of(const ForeignKey &key, const std::vector<IndexFacts> &indexes) {
	std::vector<std::string> caveats;
	for (const IndexFacts &index : indexes) {
		if (index.table != key.child || index.rival.shape.keys.empty()) {
			continue;
		}
		if (!index.rival.is_usable) {
			caveats.push_back(format("index %s is not valid", qualified_name(index.rival.id).c_str()));
		} else if (is_found(index.rival.shape.keys.front(), key)) {
			caveats.push_back(format("index %s finds rows by a part of the columns, or some of the rows only",
			                         qualified_name(index.rival.id).c_str()));
		}
	}
	return caveats;
}

/// Whether the index that is built for one key, by its columns in their order, finds the rows of another one.
bool will_serve(const ForeignKey &built, const ForeignKey &other) {
	return built.child == other.child && built.columns.size() > other.columns.size() &&
	       std::ranges::all_of(other.columns, [&](const ForeignKey::Column &column) {
			   const auto found = find_column(built.columns, column.number);
			   return found - built.columns.begin() < static_cast<std::ptrdiff_t>(other.columns.size());
		   });
}

/// One index for several keys, where that does.
void merge(std::vector<MissingIndex> &missing) {
	for (auto small = missing.begin(); small != missing.end();) {
		const auto large = std::ranges::find_if(missing, [&](const MissingIndex &other) {
			return will_serve(other.key, small->key) && other.lacking >= small->lacking;
		});
		if (large == missing.end()) {
			++small;
			continue;
		}
		large->names.insert(large->names.end(), small->names.begin(), small->names.end());
		small = missing.erase(small);
	}
}

} // namespace

std::vector<ForeignKey> read_foreign_keys(ObjectId target) {
	const AsExtension owner;
	Spi spi;
	std::vector<ForeignKey> keys;
	for (const auto &[id, root, name, child, parent, is_partitioned, pages, deletes, place, number, type, modifier,
	                  collation, family] :
	     spi.query_latest<Oid, Oid, std::string_view, Oid, Oid, bool, int64, int64, int32, Value<INT2OID>, Oid, int32,
	                      Oid, std::optional<Oid>>(select_keys, target)) {
		if (keys.empty() || keys.back().id != id) {
			keys.push_back({.id = id,
			                .root = root,
			                .name = std::string(name),
			                .child = child,
			                .parent = parent,
			                .child_pages = pages,
			                .deletes = deletes,
			                .is_partitioned = is_partitioned});
		}
		Columns &columns = keys.back().columns;
		if (columns.size() < static_cast<std::size_t>(place)) {
			columns.push_back(
				{.number = DatumGetInt16(number.datum), .type = type, .modifier = modifier, .collation = collation});
		}
		if (family) {
			columns.back().families.push_back(*family);
		}
	}
	return keys;
}

bool serves(const IndexFacts &index, const ForeignKey &key) {
	const auto &keys = index.rival.shape.keys;
	if (!index.rival.is_usable || keys.size() < key.columns.size()) {
		return false;
	}
	// Each column once among the first ones: as they are as many, all of them.
	for (std::size_t i = 0; i < key.columns.size(); ++i) {
		const auto is_again = [&](const IndexKey &other) { return other.column == keys[i].column; };
		if (!is_found(keys[i], key) ||
		    std::any_of(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(i), is_again)) {
			return false;
		}
	}
	return index.rival.shape.predicate.empty() || is_implied(index.rival.shape.predicate, not_null(key));
}

std::vector<MissingIndex> find_missing(const std::vector<ForeignKey> &keys, const std::vector<IndexFacts> &indexes) {
	std::vector<MissingIndex> missing;
	for (const ForeignKey &key : keys) {
		check_for_interrupts();
		const bool matters = key.child_pages >= many_pages || (key.child_pages >= some_pages && key.deletes > 0);
		const auto same =
			std::ranges::find_if(missing, [&](const MissingIndex &other) { return is_same_columns(other.key, key); });
		if (key.id != key.root || !matters) {
			continue;
		}
		if (same != missing.end()) {
			same->names.push_back(key.name);
		} else if (const int lacking = count_lacking(key, keys, indexes); lacking > 0) {
			missing.push_back(
				{.key = key, .names = {key.name}, .lacking = lacking, .caveats = caveats_of(key, indexes)});
		}
	}
	merge(missing);
	return missing;
}

} // namespace warden::advice
