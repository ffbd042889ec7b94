#include "partition/blueprint.hpp"

#include "pg/names.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <ranges>

extern "C" {
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
       CASE WHEN c.relreplident = 'i' THEN c.oid END
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class newest ON newest.oid = $2
LEFT JOIN pg_class toast ON toast.oid = newest.reltoastrelid
LEFT JOIN pg_am am ON am.oid = coalesce(nullif(c.relam, 0), newest.relam)
                  AND am.amname <> current_setting('default_table_access_method')
LEFT JOIN pg_tablespace t ON t.oid = coalesce(nullif(c.reltablespace, 0), newest.reltablespace)
LEFT JOIN LATERAL (
    SELECT string_agg(setting, ', ') AS options
    FROM warden.partition_storage_parameters(
        coalesce($3::text[],
                 newest.reloptions
                 || (SELECT array_agg('toast.' || option) FROM unnest(toast.reloptions) option)))) o ON true
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

// $1 the parent, $2 the partition.
constinit Statement identity_query{R"(
SELECT before, after FROM warden.partition_properties($1, $2::regclass)
WHERE property = 'replica identity' AND after IS NOT NULL)"};

// The newest partition that is a table: what is above it may be a foreign table, or partitioned itself.
Oid newest_table(const Bounds &bounds) {
	for (const Oid partition : bounds.oids | std::views::reverse) {
		if (call(get_rel_relkind, partition) == RELKIND_RELATION) {
			return partition;
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

std::string name_suffix(const Range &range, const Key &key, const Calendar &calendar) {
	if (range.lower == beginning) {
		return "_first";
	}
	return key.notation == Notation::Number ? partition::name_suffix(range.lower)
	                                        : partition::name_suffix(range.lower, calendar.step(), calendar.zone());
}

} // namespace

bool is_name_taken(const std::string &name, Oid schema) {
	return call([&] {
		return OidIsValid(get_relname_relid(name.c_str(), schema)) ||
		       SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(name.c_str()), ObjectIdGetDatum(schema));
	});
}

std::string free_name(const std::string &name, const std::string &suffix, std::initializer_list<Oid> schemas) {
	const auto is_taken = [&](const std::string &candidate) {
		return std::ranges::any_of(schemas, [&](Oid schema) { return is_name_taken(candidate, schema); });
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
		spi.query_latest<Oid, std::string_view, std::string_view, std::string_view, std::string_view,
	                     std::optional<Oid>>(storage_query, policy.parent, model, policy.storage_parameters);
	if (storage.empty()) {
		throw Error(ERRCODE_UNDEFINED_TABLE, format("relation with OID %u does not exist", policy.parent));
	}
	const auto &[schema, schema_name, name, persistence, options, identified] = storage.front();
	blueprint.schema = schema;
	blueprint.schema_name = schema_name;
	blueprint.parent = name;
	blueprint.persistence = persistence;
	blueprint.storage = options;
	blueprint.has_model = OidIsValid(model);
	blueprint.identified = identified.value_or(InvalidOid);
	for (const auto &[before, after] :
	     spi.query_latest<std::string_view, std::string_view>(properties_query, policy.parent)) {
		blueprint.properties.push_back({std::string(before), std::string(after)});
	}
	return blueprint;
}

Draft draft_partition(const Blueprint &blueprint, const Range &range, const Key &key, const Calendar &calendar) {
	const std::string parent = qualified_name(blueprint.schema_name, blueprint.parent);
	Draft draft;
	draft.name = free_name(blueprint.parent, name_suffix(range, key, calendar), {blueprint.schema});
	draft.qualified_name = qualified_name(blueprint.schema_name, draft.name);
	draft.build.push_back("CREATE " + blueprint.persistence + "TABLE " + draft.qualified_name + " (LIKE " + parent +
	                      " INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)" + blueprint.storage);
	for (const auto &[before, after] : blueprint.properties) {
		draft.build.push_back(before + draft.qualified_name + after);
	}
	draft.attach = "ALTER TABLE " + parent + " ATTACH PARTITION " + draft.qualified_name + " FOR VALUES FROM (" +
	               write_bound(range.lower, Side::Lower, key, calendar.zone()) + ") TO (" +
	               write_bound(range.upper, Side::Upper, key, calendar.zone()) + ")";
	return draft;
}

std::optional<std::string> replica_identity(const Blueprint &blueprint, const std::string &partition) {
	if (!OidIsValid(blueprint.identified)) {
		return std::nullopt;
	}
	Spi spi;
	const auto found =
		spi.query_latest<std::string_view, std::string_view>(identity_query, blueprint.identified, partition);
	if (found.empty()) {
		return std::nullopt;
	}
	const auto &[before, after] = found.front();
	return std::string(before) + partition + std::string(after);
}

} // namespace warden::partition
