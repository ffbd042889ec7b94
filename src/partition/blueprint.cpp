#include "partition/blueprint.hpp"

#include "pg/names.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "mb/pg_wchar.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

// $1 the parent, $2 its newest partition that is a table, or 0, $3 the policy's storage parameters.  Before PostgreSQL
// 17 relam of a partitioned table is 0, and identity columns are not for partitions.
constinit Statement storage_query{R"(
SELECT c.relnamespace, n.nspname::text, c.relname::text,
       CASE WHEN newest.relpersistence = 'u' THEN 'UNLOGGED ' ELSE '' END,
       concat(' USING ' || quote_ident(am.amname), ' WITH (' || o.options || ')', ' TABLESPACE ' || quote_ident(t.spcname)),
       concat(' USING ' || quote_ident(own_am.amname), ' TABLESPACE ' || quote_ident(own_space.spcname)),
       CASE WHEN c.relreplident = 'i' THEN c.oid END,
       current_setting('server_version_num')::int >= 170000
       AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attidentity <> '' AND NOT attisdropped)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class newest ON newest.oid = $2
LEFT JOIN pg_class toast ON toast.oid = newest.reltoastrelid
LEFT JOIN pg_am am ON am.oid = coalesce(nullif(c.relam, 0), newest.relam)
                  AND am.amname <> current_setting('default_table_access_method')
LEFT JOIN pg_tablespace t ON t.oid = coalesce(nullif(c.reltablespace, 0), newest.reltablespace)
LEFT JOIN pg_am own_am ON own_am.oid = c.relam
LEFT JOIN pg_tablespace own_space ON own_space.oid = c.reltablespace
LEFT JOIN LATERAL (
    SELECT string_agg(setting, ', ') AS options
    FROM (SELECT coalesce($3::text[],
                          newest.reloptions
                          || (SELECT array_agg('toast.' || option) FROM unnest(toast.reloptions) option))) given (options),
         LATERAL warden.partition_storage_parameters(given.options)) o ON true
WHERE c.oid = $1)"};

// $1 the parent.  What CREATE TABLE (LIKE) does not copy, in the order to apply it.  The ACL of the partition becomes
// that of the parent: what default privileges would add is revoked first, what the owner gave up is revoked last.
constinit Statement properties_query{R"(
SELECT before, after FROM (
    SELECT step, property, before || coalesce(string_agg(nullif(item, ''), ', ' ORDER BY item) || ' ON ', '') AS before, after
    FROM warden.partition_properties($1, NULL) p
    WHERE after IS NOT NULL
    GROUP BY step, property, p.before, after
    UNION ALL
    SELECT DISTINCT 6, '', 'REVOKE ALL ON ',
           ' FROM ' || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
    FROM pg_class parent, pg_default_acl d, aclexplode(d.defaclacl) a
    WHERE parent.oid = $1 AND d.defaclrole = relowner AND d.defaclobjtype = 'r' AND d.defaclnamespace IN (0, relnamespace)
      AND a.grantee <> relowner) property
ORDER BY step, property, after)"};

// The newest partition that is a table: what is above it may be a foreign table.  Of one that is partitioned itself, a
// table below it.
Oid newest_table(const Bounds &bounds) {
	for (const Oid partition : bounds.oids | std::views::reverse) {
		const char kind = call(get_rel_relkind, partition);
		if (kind == RELKIND_RELATION) {
			return partition;
		}
		if (kind != RELKIND_PARTITIONED_TABLE) {
			continue;
		}
		const List *const tree = call(find_all_inheritors, partition, NoLock, static_cast<List **>(nullptr));
		for (int i = tree->length; i > 0; --i) {
			const Oid table = tree->elements[i - 1].oid_value;
			if (call(get_rel_relkind, table) == RELKIND_RELATION) {
				return table;
			}
		}
	}
	return InvalidOid;
}

// The parent's name, cut between two characters so that name and suffix are not too long for a name.
std::string cut_name(const std::string &name, const std::string &suffix) {
	const int limit = NAMEDATALEN - 1 - static_cast<int>(suffix.size());
	const int length = call([&] { return pg_mbcliplen(name.c_str(), static_cast<int>(name.size()), limit); });
	return name.substr(0, static_cast<size_t>(length)) + suffix;
}

/// What the drafts of one step have in common.
struct Drafting {
	const Blueprint &blueprint;
	std::string like;               ///< the table to be like
	std::vector<std::string> names; ///< taken by this step, though not yet in the catalogue
};

/// Drafts a partition of the parent of that (unqualified) name.
Draft draft(Drafting &drafting, const std::string &parent, const Placement &placement) {
	const Blueprint &blueprint = drafting.blueprint;
	const bool is_leaf = placement.partition_by.empty();
	Draft draft;
	// Those in our schema are to be partitions by that name: they only wait there while rows are moved into them.
	draft.name = free_name(parent, placement.suffix, {blueprint.schema, call(get_namespace_oid, "warden", false)},
	                       drafting.names);
	drafting.names.push_back(draft.name);
	draft.qualified_name = qualified_name(blueprint.schema_name, draft.name);
	// What is partitioned has no storage, but what those below it will have.
	draft.build.push_back(
		"CREATE " + (is_leaf ? blueprint.persistence : "") + "TABLE " + draft.qualified_name + " (LIKE " +
		drafting.like + " INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)" +
		(is_leaf ? blueprint.storage : " PARTITION BY " + placement.partition_by + blueprint.defaults));
	for (const auto &[before, after] : blueprint.properties) {
		draft.build.push_back(before + draft.qualified_name + after);
	}
	draft.attach.push_back("ALTER TABLE " + qualified_name(blueprint.schema_name, parent) + " ATTACH PARTITION " +
	                       draft.qualified_name + " " + placement.bound);
	for (const Placement &child : placement.children) {
		Draft below = partition::draft(drafting, draft.name, child);
		std::ranges::move(below.build, std::back_inserter(draft.build));
		std::ranges::move(below.attach, std::back_inserter(blueprint.hands_down_identity ? draft.attach : draft.build));
	}
	return draft;
}

} // namespace

bool is_name_taken(const std::string &name, Oid schema) {
	return call([&] {
		return OidIsValid(get_relname_relid(name.c_str(), schema)) ||
		       SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(name.c_str()), ObjectIdGetDatum(schema));
	});
}

std::string free_name(const std::string &name, const std::string &suffix, std::initializer_list<Oid> schemas,
                      const std::vector<std::string> &others) {
	const auto is_taken = [&](const std::string &candidate) {
		return std::ranges::find(others, candidate) != others.end() ||
		       std::ranges::any_of(schemas, [&](Oid schema) { return is_name_taken(candidate, schema); });
	};
	std::string free = cut_name(name, suffix);
	for (int n = 1; is_taken(free); ++n) {
		free = cut_name(name, suffix + format("_%d", n));
	}
	return free;
}

Blueprint read_blueprint(const Policy &policy, const Bounds &bounds) {
	const Oid model = newest_table(bounds);
	Spi spi;
	Blueprint blueprint{};
	const auto storage =
		spi.query_latest<Oid, std::string_view, std::string_view, std::string_view, std::string_view, std::string_view,
	                     std::optional<Oid>, bool>(storage_query, policy.parent, model, policy.storage_parameters);
	if (storage.empty()) {
		throw Error(ERRCODE_UNDEFINED_TABLE, format("relation with OID %u does not exist", policy.parent));
	}
	const auto &[schema, schema_name, name, persistence, options, defaults, identified, hands_down] = storage.front();
	blueprint.schema = schema;
	blueprint.schema_name = schema_name;
	blueprint.parent = name;
	blueprint.persistence = persistence;
	blueprint.storage = options;
	blueprint.defaults = defaults;
	blueprint.has_model = OidIsValid(model);
	blueprint.identified = identified.value_or(InvalidOid);
	blueprint.hands_down_identity = hands_down;
	for (const auto &[before, after] :
	     spi.query_latest<std::string_view, std::string_view>(properties_query, policy.parent)) {
		blueprint.properties.push_back({std::string(before), std::string(after)});
	}
	return blueprint;
}

Draft draft_partition(const Blueprint &blueprint, const Placement &placement) {
	Drafting drafting{blueprint, qualified_name(blueprint.schema_name, blueprint.parent), {}};
	return draft(drafting, blueprint.parent, placement);
}

std::vector<std::string> replica_identities(const Blueprint &blueprint, const std::string &partition) {
	std::vector<std::string> statements;
	if (!OidIsValid(blueprint.identified)) {
		return statements;
	}
	Spi spi;
	for (const auto &[statement] : spi.query_latest<std::string_view>(
			 R"(SELECT format('ALTER TABLE %I.%I REPLICA IDENTITY USING INDEX %I', n.nspname, t.relname, c.relname)
			    FROM pg_index identity, pg_partition_tree(identity.indexrelid) h JOIN pg_index i ON i.indexrelid = h.relid
			    JOIN pg_class c ON c.oid = i.indexrelid
			    JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
			    JOIN pg_partition_tree($2::regclass) p ON p.relid = t.oid
			    WHERE identity.indrelid = $1 AND identity.indisreplident
			    ORDER BY p.level, t.oid)",
			 blueprint.identified, partition)) {
		statements.emplace_back(statement);
	}
	return statements;
}

} // namespace warden::partition
