#include "move/revert_swap.hpp"

#include "move/convert_widen.hpp"
#include "move/keys_aside.hpp"
#include "move/partition_flip.hpp"
#include "move/revert_obstacles.hpp"
#include "move/side.hpp"
#include "move/storage_exchange.hpp"
#include "move/swap_locks.hpp"
#include "partition/policy.hpp"
#include "partition/references.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <ranges>

extern "C" {
#include "access/relation.h"
#include "catalog/pg_am.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

// $1 text[], as a list of what ALTER TABLE ... SET takes.
constinit Statement select_parameters{R"(
SELECT string_agg(format('%s=%L', split_part(p, '=', 1), substr(p, strpos(p, '=') + 1)), ', ' ORDER BY n)
FROM unnest($1::text[]) WITH ORDINALITY o (p, n))"};

// $1 an index, $2 its name quoted, $3 the name of its table: what DROP takes with it that is not in its definition.
constinit Statement select_marks{R"(
SELECT format('COMMENT ON CONSTRAINT %s ON %s IS %L', $2, $3, description)
FROM pg_constraint c JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_constraint'::regclass
WHERE c.conindid = $1 AND c.contype IN ('p', 'u')
UNION ALL
SELECT format('COMMENT ON INDEX %s.%s IS %L', quote_ident(relnamespace::regnamespace::name), $2, description)
FROM pg_class i JOIN pg_description d ON d.objoid = i.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
WHERE i.oid = $1
UNION ALL
SELECT format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %s', $3, $2)
FROM pg_index WHERE indexrelid = $1 AND indisreplident)"};

// $1 the parent.  Null: the key is an expression.
constinit Statement select_key_column{R"(
SELECT attname::text FROM pg_partitioned_table JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
WHERE partrelid = $1)"};

// $1 the parent, $2 a name.
constinit Statement find_index{R"(
SELECT indexrelid FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = $1 AND relname = $2)"};

// $1 the parent, $2 an action of ALTER TABLE: whether it is about an index that was dropped or renamed since.
constinit Statement select_vain{R"(
SELECT $2 ^@ 'CLUSTER ON ' AND NOT EXISTS (
    SELECT FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    WHERE indrelid = $1 AND $2 IN (format('CLUSTER ON %I', relname), format('CLUSTER ON "%s"', relname))))"};

std::string key_column(Oid parent) {
	const PinnedSettings settings;
	Spi spi;
	for (const auto &[column] : spi.query_latest<std::string_view>(select_key_column, parent)) {
		return std::string(column);
	}
	return {};
}

bool has_index(Oid parent, const std::string &name) {
	const PinnedSettings settings;
	return !Spi().query_latest<Oid>(find_index, parent, name).empty();
}

bool is_vain(Oid parent, const std::string &action) {
	const PinnedSettings settings;
	Spi spi;
	return std::get<0>(spi.query_latest<bool>(select_vain, parent, action).front());
}

std::string quoted(const std::string &name) {
	return call([&] { return quote_identifier(name.c_str()); });
}

void run_as_owner(Oid table, const std::vector<std::string> &statements) {
	const AsOwner owner(owner_of(table));
	PinnedSettings::set("default_tablespace", "");
	Spi spi;
	for (const std::string &statement : statements) {
		spi.execute(statement.c_str());
	}
}

const Side &storage_of(const std::vector<Side> &sides, Oid parent) {
	const auto found = std::ranges::find(sides, parent, &Side::stands_for);
	if (found == sides.end()) {
		throw Error(errcode_begin_anew, "the storage of the plain table is not there");
	}
	return *found;
}

/// Nothing depends on them that would go: DROP without CASCADE says so if that has changed.
void drop_partitions(const Tree &tree) {
	if (partition::is_referred_to(tree.parent)) {
		for (const Oid partition : tree.partitions | std::views::reverse) {
			drop_reference_clones(partition);
		}
	}
	for (const Oid child : tree.children) {
		run_as_owner(child, {"DROP TABLE " + qualified_name(child)});
	}
}

/// An index that is given back with the columns that it had.
struct Narrowed {
	std::string name;
	std::string drop;
	std::string create;
	std::vector<std::string> marks;
};

Narrowed narrowed_of(Oid parent, const IndexDefinition &now, const IndexDefinition &before) {
	const std::string table = qualified_name(parent);
	const std::string schema = call([&] { return get_namespace_name(get_rel_namespace(parent)); });
	const std::string name = quoted(now.name);
	Narrowed narrowed{.name = now.name,
	                  .drop = now.is_constraint ? "ALTER TABLE " + table + " DROP CONSTRAINT " + name
	                                            : "DROP INDEX " + qualified_name(schema, now.name),
	                  .create = before.is_constraint
	                                ? "ALTER TABLE " + table + " ADD CONSTRAINT " + name + " " + before.definition
	                                : "CREATE UNIQUE INDEX " + name + " ON " + table + " " + before.definition,
	                  .marks = {}};
	const PinnedSettings settings;
	Spi spi;
	for (const auto &[mark] : spi.query_latest<std::string_view>(select_marks, now.index, name, table)) {
		narrowed.marks.emplace_back(mark);
	}
	return narrowed;
}

/// Of all indexes of the parent, in the order in which the side has them.
std::vector<Narrowed> find_narrowed(Oid parent, const std::optional<Origin> &origin) {
	std::vector<Narrowed> all;
	if (origin) {
		for (const IndexDefinition &now : index_definitions(parent)) {
			IndexDefinition before = now;
			if (narrow(parent, *origin, before)) {
				all.push_back(narrowed_of(parent, now, before));
			}
		}
	}
	return all;
}

std::vector<SideIndex> indexes_of(const Job &job, const Side &side) {
	std::vector<SideIndex> indexes = read_indexes(job.id);
	std::erase_if(indexes, [&](const SideIndex &index) { return index.side != side.number; });
	std::ranges::sort(indexes, {}, &SideIndex::number);
	return indexes;
}

/// An index with other columns cannot take over the storage of one that is there.  So the table becomes plain and empty
/// first, when another index costs nothing, and then gets the storage.
void make_plain_anew(const Job &job, const Side &side, const std::vector<Narrowed> &narrowed) {
	const Oid parent = job.wish.target;
	const Oid schema = call(get_rel_namespace, parent);
	const Oid tablespace = call([&] {
		const Relation storage = relation_open(side.relation, NoLock);
		const Oid its = storage->rd_rel->reltablespace;
		relation_close(storage, NoLock);
		return its;
	});
	call([&] { flip_to_plain(parent, tablespace, HEAP_TABLE_AM_OID, get_rel_persistence(side.relation)); });
	std::vector<std::pair<Oid, Oid>> pairs = index_pairs(job, side);
	auto next = narrowed.begin();
	for (const SideIndex &index : indexes_of(job, side)) {
		if (!OidIsValid(index.target_index)) {
			run_as_owner(parent, {next->drop, next->create});
			run_as_owner(parent, next->marks);
			pairs.emplace_back(call(get_relname_relid, next->name.c_str(), schema), index.index);
			++next;
		}
	}
	exchange_storage(parent, side.relation, pairs);
}

/// The parameters of the newest partition, for a table that was never plain.
std::optional<std::string> parameters_like(Oid model) {
	const PinnedSettings settings;
	Spi spi;
	for (const auto &[parameters] : spi.query_latest<std::optional<std::string_view>>(
			 R"(SELECT nullif(coalesce(c.reloptions, '{}')
			          || ARRAY(SELECT 'toast.' || p FROM unnest(t.reloptions) p), '{}')::text
			    FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.oid = $1 AND c.relkind = 'r')",
			 model)) {
		if (parameters) {
			return std::string(*parameters);
		}
	}
	return std::nullopt;
}

std::vector<std::string> set_parameters(Oid parent, const std::optional<std::string> &parameters) {
	if (!parameters) {
		return {};
	}
	const PinnedSettings settings;
	Spi spi;
	const auto rows = spi.query_latest<std::optional<std::string_view>>(select_parameters, *parameters);
	const auto &[list] = rows.front();
	return list ? std::vector{"ALTER TABLE " + qualified_name(parent) + " SET (" + std::string(*list) + ")"}
	            : std::vector<std::string>{};
}

} // namespace

bool narrow(Oid parent, const Origin &origin, IndexDefinition &definition) {
	const std::string column = quoted(key_column(parent));
	for (const WidenedKey &key : origin.keys) {
		const auto narrow = narrowed(definition.definition, column, key.definition);
		if (!narrow || key.is_constraint != definition.is_constraint || !definition.is_unique) {
			continue; // it is another one that got that name
		}
		if (key.name == definition.name || (key.definition == *narrow && !has_index(parent, key.name))) {
			definition.index = InvalidOid;
			definition.definition = *narrow; // with what its columns are called now
			return true;
		}
	}
	return false;
}

std::vector<std::string> origin_statements(Oid parent, const std::optional<Origin> &origin) {
	const Tree tree = read_tree(parent);
	std::vector<std::string> statements =
		set_parameters(parent, origin ? origin->storage_parameters : parameters_like(tree.model));
	if (origin) {
		for (const std::string &action : origin->statements) {
			if (!is_vain(parent, action)) {
				statements.push_back("ALTER TABLE " + qualified_name(parent) + " " + action);
			}
		}
	}
	return statements;
}

std::optional<Refusal> lock_to_revert(const Job &job, int milliseconds) {
	return lock_for_swap(job, read_sides(job.id), milliseconds,
	                     [](Oid parent) { lock_tree_now(parent, AccessExclusiveLock); });
}

void swap_to_plain(const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides) {
	const Oid parent = job.wish.target;
	const Tree tree = read_tree(parent);
	std::vector<Oid> copied;
	copied.reserve(sources.size());
	for (const Source &source : sources) {
		copied.push_back(source.relation);
	}
	std::ranges::sort(copied);
	if (copied != tree.leaves) {
		throw Error(errcode_begin_anew, format("table %s has other partitions now", qualified_name(parent).c_str()));
	}
	const Side &side = storage_of(sides, parent);
	const auto origin = read_origin(parent);
	const std::vector<std::string> statements = origin_statements(parent, origin);
	const std::vector<Narrowed> narrowed = find_narrowed(parent, origin);
	drop_partitions(tree);
	release_side(job, side); // its TOAST table goes to the parent
	if (narrowed.empty()) {
		make_plain(job, side);
	} else {
		make_plain_anew(job, side, narrowed);
	}
	drop_side(side);
	run_as_owner(parent, statements);
	partition::delete_policy(parent);
	delete_origin(parent);
	const std::string name = qualified_name(parent);
	partition::log_step(parent, name, "revert", "CALL warden.partition_revert(" + quoted_literal(name) + ")");
}

} // namespace warden::move
