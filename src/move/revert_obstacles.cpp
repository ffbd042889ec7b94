#include "move/revert_obstacles.hpp"

#include "move/move_plan.hpp"
#include "move/origins.hpp"
#include "move/revert_swap.hpp"
#include "move/side_index.hpp"
#include "partition/dependents.hpp"
#include "partition/maintenance.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

// $1 the parent.
constinit Statement select_tree{R"(
WITH RECURSIVE tree (oid, parent, level) AS (
    SELECT inhrelid, inhparent, 1 FROM pg_inherits WHERE inhparent = $1
    UNION ALL
    SELECT i.inhrelid, i.inhparent, level + 1 FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)
SELECT oid, level, c.relkind <> 'p' FROM tree JOIN pg_class c USING (oid) ORDER BY level, oid)"};

constinit Statement find_detached{"SELECT inhrelid FROM pg_inherits WHERE inhrelid = $1 AND inhdetachpending"};

// $1 a table of the tree, $2 the parent: what somebody relies on that the plain table would not have, and what helps.
constinit Statement find_own_parts{R"(
WITH extension AS (SELECT 'warden'::regnamespace AS schema)
SELECT format('trigger "%s"', t.tgname), 'Create it on the table itself, or drop it.'
FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid, extension
WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND t.tgparentid = 0 AND f.pronamespace <> schema
UNION ALL
SELECT format('rule "%s"', rulename), 'Create it on the table itself, or drop it.' FROM pg_rewrite WHERE ev_class = $1
UNION ALL
SELECT format('foreign key "%s"', conname), 'Add it to the table itself, or drop it.'
FROM pg_constraint WHERE contype = 'f' AND conrelid = $1 AND conparentid = 0
UNION ALL
SELECT format('foreign key "%s" of table %s, which refers to it', conname, conrelid::regclass),
       'Have it refer to the table itself, or drop it.'
FROM pg_constraint WHERE contype = 'f' AND confrelid = $1 AND conparentid = 0
UNION ALL
SELECT format('place in publication "%s"', p.pubname), 'Publish the table itself instead.'
FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = $1
UNION ALL
SELECT 'state in a subscription', 'Have the publisher publish it by its root, with publish_via_partition_root, first.'
FROM pg_subscription_rel WHERE srrelid = $1
UNION ALL
SELECT format('expression of the generated column "%s"', a.attname), 'Generate it as the table itself does.'
FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
JOIN pg_attribute above ON above.attrelid = $2 AND above.attname = a.attname
LEFT JOIN pg_attrdef of_it ON of_it.adrelid = above.attrelid AND of_it.adnum = above.attnum
WHERE a.attrelid = $1 AND a.attgenerated <> ''
  AND pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM pg_get_expr(of_it.adbin, of_it.adrelid))"};

// $1 the parent: what goes with its partitions.
constinit Statement select_losses{R"(
WITH RECURSIVE tree (oid) AS (
    SELECT inhrelid FROM pg_inherits WHERE inhparent = $1
    UNION ALL
    SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid),
loss (relation, what) AS (
    SELECT indrelid, format('index %s', indexrelid::regclass)
    FROM tree JOIN pg_index ON indrelid = tree.oid JOIN pg_class i ON i.oid = indexrelid
    WHERE NOT i.relispartition
    UNION ALL
    SELECT conrelid, format('constraint "%s"', conname)
    FROM tree JOIN pg_constraint c ON conrelid = tree.oid
    WHERE contype = 'c' AND coninhcount = 0
    UNION ALL
    SELECT d.adrelid, format('default of column "%s"', a.attname)
    FROM tree JOIN pg_attrdef d ON d.adrelid = tree.oid
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated = ''
    LEFT JOIN pg_attribute above ON above.attrelid = $1 AND above.attname = a.attname
    LEFT JOIN pg_attrdef of_it ON of_it.adrelid = above.attrelid AND of_it.adnum = above.attnum
    WHERE pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM pg_get_expr(of_it.adbin, of_it.adrelid)
    UNION ALL
    SELECT polrelid, format('policy "%s"', polname) FROM tree JOIN pg_policy ON polrelid = tree.oid
    UNION ALL
    SELECT stxrelid, format('statistics object "%s"', stxname) FROM tree JOIN pg_statistic_ext ON stxrelid = tree.oid
    UNION ALL
    SELECT objoid, 'comment' FROM tree JOIN pg_description ON objoid = tree.oid
    WHERE classoid = 'pg_class'::regclass AND objsubid = 0)
SELECT format('%s of partition %s', what, relation::regclass) FROM loss ORDER BY 1)"};

// $1 the parent.
constinit Statement select_parent{R"(
SELECT relkind::text, relispartition, relpersistence::text,
       (SELECT string_agg(i.relname, ', ' ORDER BY i.relname) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
        WHERE x.indrelid = c.oid AND NOT x.indisvalid)
FROM pg_class c WHERE oid = $1)"};

// $1 a partition, $2 what the parent is.
constinit Statement select_partition{R"(
SELECT relkind::text, relpersistence = $2 OR relkind = 'p' FROM pg_class WHERE oid = $1)"};

// $1 the parent, $2 the name of an index that was widened.
constinit Statement find_widened_reference{R"(
SELECT format('"%s" of table %s', f.conname, f.conrelid::regclass)
FROM pg_constraint f JOIN pg_index x ON x.indexrelid = f.conindid JOIN pg_class i ON i.oid = x.indexrelid
WHERE f.contype = 'f' AND f.confrelid = $1 AND f.conparentid = 0 AND x.indrelid = $1 AND i.relname = $2
ORDER BY 1 LIMIT 1)"};

Error cannot_revert(Oid parent, int sqlstate, const std::string &detail, const std::string &hint) {
	return Error(sqlstate, format("cannot make %s a plain table", qualified_name(parent).c_str()))
	    .with_detail(detail)
	    .with_hint(hint);
}

void check_parent(Oid parent) {
	Spi spi;
	for (const auto &[kind, is_partition, persistence, invalid] :
	     spi.query_latest<std::string_view, bool, std::string_view, std::optional<std::string_view>>(select_parent,
	                                                                                                 parent)) {
		if (kind != "p") {
			throw Error(ERRCODE_WRONG_OBJECT_TYPE,
			            format("\"%s\" is not a partitioned table", call(get_rel_name, parent)));
		}
		if (is_partition) {
			throw cannot_revert(parent, ERRCODE_FEATURE_NOT_SUPPORTED, "It is a partition itself.",
			                    "Detach it first, or name the table at the root of the partition tree.");
		}
		if (persistence == "t") {
			throw cannot_revert(parent, ERRCODE_FEATURE_NOT_SUPPORTED, "It is a temporary table.",
			                    "Copy it into another one: nobody else uses it.");
		}
		if (invalid) {
			throw cannot_revert(parent, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			                    "Not all partitions have its indexes: " + std::string(*invalid) + ".",
			                    "Create what is missing and attach it with ALTER INDEX, or drop the index.");
		}
	}
}

/// What a partition, or a partitioned one below the parent, has that cannot go with it.
void check_partition(const Tree &tree, Oid partition, const std::string &persistence) {
	const std::string name = qualified_name(partition);
	if (!Spi().query_latest<Oid>(find_detached, partition).empty()) {
		throw cannot_revert(tree.parent, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		                    format("Partition %s is being detached.", name.c_str()),
		                    "Wait for that, or complete it: ALTER TABLE ... DETACH PARTITION ... FINALIZE.");
	}
	Spi spi;
	for (const auto &[kind, is_alike] :
	     spi.query_latest<std::string_view, bool>(select_partition, partition, std::string_view(persistence))) {
		if (kind == "f") {
			throw cannot_revert(tree.parent, ERRCODE_FEATURE_NOT_SUPPORTED,
			                    format("Partition %s is a foreign table.", name.c_str()),
			                    "Detach it first, or copy its rows into a partition of this server.");
		}
		if (!is_alike) {
			throw cannot_revert(tree.parent, ERRCODE_FEATURE_NOT_SUPPORTED,
			                    format("Either it or its partition %s is unlogged, and not both.", name.c_str()),
			                    "Use ALTER TABLE ... SET LOGGED, or SET UNLOGGED, for the partition.");
		}
	}
	for (const auto &[what, hint] :
	     spi.query_latest<std::string_view, std::string_view>(find_own_parts, partition, tree.parent)) {
		throw cannot_revert(tree.parent, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		                    format("Partition %s has something of its own that would be lost: %s.", name.c_str(),
		                           std::string(what).c_str()),
		                    std::string(hint));
	}
}

void check_widened_keys(Oid parent) {
	const auto origin = read_origin(parent);
	if (!origin) {
		return;
	}
	Spi spi;
	for (IndexDefinition &key : index_definitions(parent)) {
		if (!narrow(parent, *origin, key)) {
			continue;
		}
		for (const auto &[name] : spi.query_latest<std::string_view>(find_widened_reference, parent, key.name)) {
			throw cannot_revert(parent, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			                    format("Foreign key %s refers to \"%s\", which gets back fewer columns.",
			                           std::string(name).c_str(), key.name.c_str()),
			                    "Drop it, and add it again afterwards.");
		}
	}
}

bool has_indexes(Oid parent) {
	const OpenRelation table(parent, AccessShareLock);
	return call([&] { return RelationGetIndexList(table.get()) != NIL; });
}

/// Each partition is locked with its indexes, by the swap, in one transaction.
void check_locks(const Tree &tree) {
	std::size_t locks = 0;
	for (const Oid partition : tree.partitions) {
		const OpenRelation table(partition, AccessShareLock);
		locks += 3 + call([&] { return static_cast<std::size_t>(list_length(RelationGetIndexList(table.get()))); });
	}
	if (locks > partition::locks_of_the_server() / 2) {
		throw cannot_revert(tree.parent, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
		                    format("Its %zu partitions need about %zu locks at once.", tree.partitions.size(), locks),
		                    "Set max_locks_per_transaction higher, which needs a restart.");
	}
}

} // namespace

Tree read_tree(Oid parent) {
	Tree tree{.parent = parent};
	{
		const PinnedSettings settings;
		Spi spi;
		for (const auto &[oid, level, is_leaf] : spi.query_latest<Oid, int32, bool>(select_tree, parent)) {
			tree.partitions.push_back(oid);
			if (level == 1) {
				tree.children.push_back(oid);
			}
			if (is_leaf) {
				tree.leaves.push_back(oid);
			}
		}
	}
	std::ranges::sort(tree.leaves);
	const Oid rest = call(get_default_partition_oid, parent);
	tree.model = parent;
	for (const Oid leaf : tree.leaves) {
		if (leaf != rest || tree.model == parent) {
			tree.model = leaf;
		}
	}
	return tree;
}

void check_tree(const Tree &tree) {
	const PinnedSettings settings;
	check_parent(tree.parent);
	for (const Oid partition : tree.partitions) {
		check_owner(partition);
	}
	const std::string persistence(1, call(get_rel_persistence, tree.parent));
	for (const Oid partition : tree.partitions) {
		check_partition(tree, partition, persistence);
	}
	for (const Oid child : tree.children) {
		partition::check_dependents(child, true);
	}
	for (const Oid leaf : tree.leaves) {
		check_source(leaf);
	}
	if (has_indexes(tree.parent)) {
		check_can_create(tree.parent, "Indexes");
	}
	check_widened_keys(tree.parent);
	check_locks(tree);
}

std::vector<std::string> losses_of(Oid parent) {
	const PinnedSettings settings;
	Spi spi;
	std::vector<std::string> losses;
	for (const auto &[loss] : spi.query_latest<std::string_view>(select_losses, parent)) {
		losses.emplace_back(loss);
	}
	return losses;
}

} // namespace warden::move
