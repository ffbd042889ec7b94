#include "partition/blueprint.hpp"

#include "pg/names.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>

extern "C" {
#include "catalog/pg_inherits.h"
#include "mb/pg_wchar.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

// $1 the parent, $2 its newest partition that is a table, or 0, $3 the policy's storage parameters.  relam of a
// partitioned table is 0 before PostgreSQL 17.
constinit Statement storage_query{R"(
SELECT c.relnamespace, n.nspname::text, c.relname::text,
       CASE WHEN newest.relpersistence = 'u' THEN 'UNLOGGED ' ELSE '' END,
       concat(' USING ' || quote_ident(am.amname), ' WITH (' || o.options || ')', ' TABLESPACE ' || quote_ident(t.spcname)),
       CASE WHEN c.relreplident = 'i' THEN
           (SELECT indexrelid FROM pg_index WHERE indrelid = c.oid AND indisreplident) END
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class newest ON newest.oid = $2
LEFT JOIN pg_class toast ON toast.oid = newest.reltoastrelid
LEFT JOIN pg_am am ON am.oid = coalesce(nullif(c.relam, 0), newest.relam)
                  AND am.amname <> current_setting('default_table_access_method')
LEFT JOIN pg_tablespace t ON t.oid = coalesce(nullif(c.reltablespace, 0), newest.reltablespace)
LEFT JOIN LATERAL (
    SELECT string_agg(CASE WHEN parts[1] IS NULL THEN quote_ident(parts[2]) ELSE 'toast.' || quote_ident(parts[2]) END
                      || '=' || CASE WHEN parts[3] ~ '^([0-9]+([.][0-9]+)?|[a-z_]+)$' THEN parts[3]
                                     ELSE quote_literal(parts[3]) END, ', ') AS options
    FROM unnest(coalesce($3::text[],
                         newest.reloptions
                         || (SELECT array_agg('toast.' || option) FROM unnest(toast.reloptions) option))) parameter,
         regexp_match(parameter, '^(toast[.])?([^=]*)=(.*)$') parts) o ON true
WHERE c.oid = $1)"};

// $1 the parent.  What CREATE TABLE (LIKE) does not copy, in the order to apply it.  The ACL of the partition becomes
// that of the parent: what default privileges would add is revoked first, what the owner gave up is revoked last.
constinit Statement properties_query{R"(
WITH parent AS (SELECT * FROM pg_class WHERE oid = $1),
     grants AS (
         SELECT '' AS attname, a.* FROM parent, aclexplode(relacl) a
         UNION ALL
         SELECT quote_ident(t.attname), a.*
         FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = $1 AND NOT t.attisdropped),
     defaults AS (
         SELECT DISTINCT a.grantee FROM parent, pg_default_acl d, aclexplode(d.defaclacl) a
         WHERE d.defaclrole = relowner AND d.defaclobjtype = 'r' AND d.defaclnamespace IN (0, relnamespace)
           AND a.grantee <> relowner)
SELECT before, after FROM (
    SELECT 1, attnum::text, 'ALTER TABLE ', format(' ALTER COLUMN %I SET STATISTICS %s', attname, attstattarget)
    FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attstattarget >= 0
    UNION ALL
    SELECT 2, attnum::text, 'ALTER TABLE ', format(' ALTER COLUMN %I SET (%s)', attname, string_agg(option, ', '))
    FROM pg_attribute, unnest(attoptions) option
    WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND option ~ '^n_distinct' -- others are the server's own notes
    GROUP BY attnum, attname
    UNION ALL
    SELECT 3, '', 'ALTER TABLE ', ' REPLICA IDENTITY ' || CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END
    FROM parent WHERE relreplident IN ('f', 'n')
    UNION ALL
    SELECT 4, '', 'ALTER TABLE ', ' ENABLE ROW LEVEL SECURITY' FROM parent WHERE relrowsecurity
    UNION ALL
    SELECT 5, '', 'ALTER TABLE ', ' FORCE ROW LEVEL SECURITY' FROM parent WHERE relforcerowsecurity
    UNION ALL
    SELECT 6, '', 'REVOKE ALL ON ', ' FROM ' || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
    FROM defaults
    UNION ALL
    SELECT 7, attname,
           format('GRANT %s ON ', string_agg(privilege_type || CASE attname WHEN '' THEN '' ELSE format(' (%s)', attname) END,
                                             ', ' ORDER BY privilege_type)),
           ' TO ' || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
           || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
    FROM (SELECT DISTINCT attname, grantee, privilege_type, is_grantable FROM grants) g, parent
    WHERE grantee <> relowner OR attname <> ''
    GROUP BY attname, grantee, is_grantable
    UNION ALL
    SELECT 8, '', format('REVOKE %s ON ', string_agg(privilege_type, ', ' ORDER BY privilege_type)),
           ' FROM ' || relowner::regrole
    FROM (SELECT relowner, a.privilege_type FROM parent, aclexplode(acldefault('r', relowner)) a
          WHERE relacl IS NOT NULL AND a.grantee = relowner
          EXCEPT SELECT relowner, g.privilege_type FROM parent, grants g WHERE g.grantee = relowner AND attname = '') lost
    GROUP BY relowner
) property (step, part, before, after) ORDER BY step, part, after)"};

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

bool is_taken(const std::string &name, Oid schema) {
	return call([&] {
		return OidIsValid(get_relname_relid(name.c_str(), schema)) ||
		       SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(name.c_str()), ObjectIdGetDatum(schema));
	});
}

/// What the drafts of one step have in common.
struct Drafting {
	const Blueprint &blueprint;
	std::string like;               ///< the table to be like
	std::vector<std::string> names; ///< taken by this step, though not yet in the catalogue
};

std::string free_name(const Drafting &drafting, const std::string &parent, const std::string &suffix) {
	std::string name = cut_name(parent, suffix);
	for (int n = 1;
	     std::ranges::find(drafting.names, name) != drafting.names.end() || is_taken(name, drafting.blueprint.schema);
	     ++n) {
		name = cut_name(parent, suffix + format("_%d", n));
	}
	return name;
}

/// Drafts a partition of the parent of that (unqualified) name.
Draft draft(Drafting &drafting, const std::string &parent, const Placement &placement) {
	const Blueprint &blueprint = drafting.blueprint;
	const bool is_leaf = placement.partition_by.empty();
	Draft draft;
	draft.name = free_name(drafting, parent, placement.suffix);
	drafting.names.push_back(draft.name);
	draft.qualified_name = qualified_name(blueprint.schema_name, draft.name);
	// What is partitioned has no storage, nor what comes with it.
	draft.build.push_back("CREATE " + (is_leaf ? blueprint.persistence : "") + "TABLE " + draft.qualified_name +
	                      " (LIKE " + drafting.like + " INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)" +
	                      (is_leaf ? blueprint.storage : " PARTITION BY " + placement.partition_by));
	for (const auto &[before, after] : blueprint.properties) {
		draft.build.push_back(before + draft.qualified_name + after);
	}
	for (const Placement &child : placement.children) {
		Draft below = partition::draft(drafting, draft.name, child);
		std::ranges::move(below.build, std::back_inserter(draft.build));
		draft.build.push_back(std::move(below.attach));
	}
	draft.attach = "ALTER TABLE " + qualified_name(blueprint.schema_name, parent) + " ATTACH PARTITION " +
	               draft.qualified_name + " " + placement.bound;
	return draft;
}

} // namespace

Blueprint read_blueprint(const Policy &policy, const Bounds &bounds) {
	const Oid model = newest_table(bounds);
	Spi spi;
	Blueprint blueprint{};
	const auto storage =
		spi.query_latest<Oid, std::string_view, std::string_view, std::string_view, std::string_view,
	                     std::optional<Oid>>(storage_query, policy.parent, model, policy.storage_parameters);
	if (storage.empty()) {
		throw Error(ERRCODE_UNDEFINED_TABLE, format("relation with OID %u does not exist", policy.parent));
	}
	const auto &[schema, schema_name, name, persistence, options, replica_index] = storage.front();
	blueprint.schema = schema;
	blueprint.schema_name = schema_name;
	blueprint.parent = name;
	blueprint.persistence = persistence;
	blueprint.storage = options;
	blueprint.has_model = OidIsValid(model);
	blueprint.replica_index = replica_index.value_or(InvalidOid);
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
	if (!OidIsValid(blueprint.replica_index)) {
		return statements;
	}
	Spi spi;
	for (const auto &[statement] : spi.query_latest<std::string_view>(
			 R"(SELECT format('ALTER TABLE %I.%I REPLICA IDENTITY USING INDEX %I', n.nspname, t.relname, c.relname)
			    FROM pg_partition_tree($1) h JOIN pg_index i ON i.indexrelid = h.relid
			    JOIN pg_class c ON c.oid = i.indexrelid
			    JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
			    JOIN pg_partition_tree($2::regclass) p ON p.relid = t.oid
			    ORDER BY p.level, t.oid)",
			 blueprint.replica_index, partition)) {
		statements.emplace_back(statement);
	}
	return statements;
}

} // namespace warden::partition
