#include "move/convert_widen.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

namespace warden::move {

using namespace pg;

namespace {

// $1 the table, $2 the key.  Unique indexes that do not contain it, and what keeps them from being widened.
constinit Statement select_narrow{R"(
SELECT i.indexrelid, coalesce(n.oid, 0), c.relname::text, n.oid IS NOT NULL, i.indisprimary,
       (SELECT string_agg(pg_get_indexdef(i.indexrelid, k, false), ', ' ORDER BY k) FROM generate_series(1, i.indnkeyatts) k),
       CASE
           WHEN f.names IS NOT NULL THEN 'foreign keys refer to it: ' || f.names
           WHEN o.names IS NOT NULL THEN 'it is needed by ' || o.names
           WHEN (i.indisprimary OR i.indisreplident) AND NOT k.attnotnull
           THEN format('column %I can be null: use ALTER TABLE ... ALTER COLUMN %I SET NOT NULL first', k.attname, k.attname)
       END,
       obj_description(n.oid, 'pg_constraint'), obj_description(c.oid, 'pg_class'), i.indisreplident
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attname = $2
LEFT JOIN pg_constraint n ON n.conindid = i.indexrelid AND n.conrelid = i.indrelid AND n.contype IN ('p', 'u')
LEFT JOIN LATERAL (SELECT string_agg(format('%I of %s', f.conname, f.conrelid::regclass), ', ' ORDER BY f.conname) AS names
                   FROM pg_constraint f
                   WHERE f.contype = 'f' AND f.conindid = i.indexrelid AND f.conparentid = 0) f ON true
LEFT JOIN LATERAL (SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, 0), ', ') AS names
                   FROM pg_depend d
                   WHERE d.deptype = 'n' AND (d.classid, d.objid) <> ('pg_constraint'::regclass, coalesce(n.oid, 0))
                     AND d.classid <> 'pg_constraint'::regclass
                     AND (d.refclassid = 'pg_constraint'::regclass AND d.refobjid = n.oid
                          OR d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indexrelid)) o ON true
WHERE i.indrelid = $1 AND i.indisunique AND NOT i.indisexclusion
  AND k.attnum <> ALL ((i.indkey::int2[])[0:i.indnkeyatts - 1])
ORDER BY i.indisprimary DESC, c.relname)"};

std::optional<std::string> own(std::optional<std::string_view> text) {
	return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::string quoted(const std::string &name) {
	return call([&] { return quote_identifier(name.c_str()); });
}

struct Columns {
	std::size_t end = 0; ///< where the parenthesis after the last one is
	int number = 0;      ///< 0: there are none
};

/// The columns that the index is of: what is in the first parentheses.
Columns columns_in(const std::string &definition) {
	int depth = 0;
	int number = 1;
	for (std::size_t i = 0; i < definition.size(); ++i) {
		const char c = definition[i];
		if (c == '\'' || c == '"') {
			i = std::min(definition.find(c, i + 1), definition.size()); // a doubled one begins the next part
		} else if (c == '(') {
			++depth;
		} else if (c == ',' && depth == 1) {
			++number;
		} else if (c == ')' && --depth == 0) {
			return {.end = i, .number = number};
		}
	}
	return {};
}

} // namespace

std::string widen(const std::string &definition, const std::string &column) {
	const Columns columns = columns_in(definition);
	return columns.number == 0 ? definition
	                           : definition.substr(0, columns.end) + ", " + column + definition.substr(columns.end);
}

std::optional<std::string> narrowed(const std::string &definition, const std::string &column,
                                    const std::string &before) {
	const Columns columns = columns_in(definition);
	const std::string last = ", " + column;
	if (columns.number < 2 || columns.number != columns_in(before).number + 1 ||
	    !definition.substr(0, columns.end).ends_with(last)) {
		return std::nullopt;
	}
	return definition.substr(0, columns.end - last.size()) + definition.substr(columns.end);
}

std::vector<NarrowIndex> find_narrow(Oid table, const std::string &key) {
	const std::string column = call([&] { return quote_identifier(key.c_str()); });
	const std::vector<IndexDefinition> definitions = index_definitions(table);
	std::vector<NarrowIndex> indexes;
	const PinnedSettings settings;
	Spi spi;
	for (const auto &[index, constraint, name, is_constraint, is_primary, columns, obstacle, comment, index_comment,
	                  is_identity] :
	     spi.query_latest<Oid, Oid, std::string_view, bool, bool, std::string_view, std::optional<std::string_view>,
	                      std::optional<std::string_view>, std::optional<std::string_view>, bool>(select_narrow, table,
	                                                                                              key)) {
		const auto found = std::ranges::find(definitions, index, &IndexDefinition::index);
		if (found == definitions.end()) {
			continue; // it is not valid
		}
		indexes.push_back({.index = index,
		                   .constraint = constraint,
		                   .name = std::string(name),
		                   .is_constraint = is_constraint,
		                   .is_primary = is_primary,
		                   .definition = found->definition,
		                   .wide = widen(found->definition, column),
		                   .columns = std::string(columns),
		                   .obstacle = own(obstacle),
		                   .comment = own(comment),
		                   .index_comment = own(index_comment),
		                   .is_identity = is_identity});
	}
	return indexes;
}

std::vector<std::string> drop_narrow(const std::string &table, const std::vector<NarrowIndex> &indexes) {
	std::vector<std::string> statements;
	statements.reserve(indexes.size());
	for (const NarrowIndex &index : indexes) {
		statements.push_back(index.is_constraint ? "ALTER TABLE " + table + " DROP CONSTRAINT " + quoted(index.name)
		                                         : "DROP INDEX " + qualified_name(index.index));
	}
	return statements;
}

std::vector<std::string> create_wide(const std::string &schema, const std::string &table,
                                     const std::vector<NarrowIndex> &indexes) {
	std::vector<std::string> statements;
	for (const NarrowIndex &index : indexes) {
		const std::string name = quoted(index.name);
		statements.push_back(index.is_constraint ? "ALTER TABLE " + table + " ADD CONSTRAINT " + name + " " + index.wide
		                                         : "CREATE UNIQUE INDEX " + name + " ON " + table + " " + index.wide);
		if (index.comment) {
			statements.push_back("COMMENT ON CONSTRAINT " + name + " ON " + table + " IS " +
			                     quoted_literal(*index.comment));
		}
		if (index.index_comment) {
			statements.push_back("COMMENT ON INDEX " + qualified_name(schema, index.name) + " IS " +
			                     quoted_literal(*index.index_comment));
		}
		if (index.is_identity) {
			statements.push_back("ALTER TABLE " + table + " REPLICA IDENTITY USING INDEX " + name);
		}
	}
	return statements;
}

std::vector<WidenedKey> origins_of(const std::vector<NarrowIndex> &indexes) {
	std::vector<WidenedKey> keys;
	keys.reserve(indexes.size());
	for (const NarrowIndex &index : indexes) {
		keys.push_back({index.name, index.is_constraint, index.definition});
	}
	return keys;
}

} // namespace warden::move
