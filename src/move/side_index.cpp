#include "move/side_index.hpp"

#include "move/catalog_rows.hpp"
#include "move/side.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <string_view>

extern "C" {
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
}

namespace warden::move {

using namespace pg;

namespace {

constinit Statement indexes_query{R"(
SELECT i.indexrelid, coalesce(con.conname, c.relname)::text, con.oid, i.indisunique,
       CASE WHEN i.indexprs IS NULL THEN
           array(SELECT a.attname::text
                 FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) WITH ORDINALITY k (attnum, position)
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                 ORDER BY position) END
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid AND con.conrelid = i.indrelid AND con.contype IN ('p', 'u', 'x')
WHERE i.indrelid = $1 AND i.indisvalid AND i.indisready AND i.indislive
ORDER BY i.indexrelid)"};

// Statistics targets of expressions, which the definition of an index does not tell.
constinit Statement targets_query{R"(
SELECT format(' ALTER COLUMN %s SET STATISTICS %s', attnum, attstattarget)
FROM pg_attribute WHERE attrelid = $1 AND attstattarget >= 0
ORDER BY attnum)"};

std::vector<std::string> texts(TextArray array) {
	struct Parts {
		Datum *values;
		bool *nulls;
		int count;
	};
	const Parts parts = call([&] {
		Parts found{};
		deconstruct_array(DatumGetArrayTypeP(array.datum), TEXTOID, -1, false, TYPALIGN_INT, &found.values,
		                  &found.nulls, &found.count);
		return found;
	});
	std::vector<std::string> texts;
	texts.reserve(static_cast<std::size_t>(parts.count));
	for (int i = 0; i < parts.count; ++i) {
		texts.emplace_back(call([&] { return SqlType<std::string_view>::from_datum(parts.values[i]); }));
	}
	return texts;
}

/// What comes after a piece of SQL, that is not within a quoted name.
std::string after(std::string_view sql, std::string_view piece) {
	bool is_quoted = false;
	for (std::size_t i = 0; i < sql.size(); ++i) {
		if (sql[i] == '"') {
			is_quoted = !is_quoted;
		} else if (!is_quoted && sql.substr(i).starts_with(piece)) {
			return std::string(sql.substr(i + piece.size()));
		}
	}
	throw Error(ERRCODE_INTERNAL_ERROR,
	            format("\"%s\" is not in \"%s\"", std::string(piece).c_str(), std::string(sql).c_str()));
}

/// The server's own text, with storage parameters and tablespace: "USING btree (...) ...".
std::string method_and_columns(Oid index) {
	return "USING " + after(call(pg_get_indexdef_string, index), " USING ");
}

/// "PRIMARY KEY (...) ...", with the same.
std::string constraint_text(Oid constraint) {
	const std::string named = after(call(pg_get_constraintdef_command, constraint), " ADD CONSTRAINT ");
	return after(named, " ");
}

// It is for when the side is at home: its owner has no right to make anything in the schema warden.
std::string statement_for(const Job &job, const Side &side, const IndexDefinition &definition) {
	const std::string table = call([&] {
		return quote_qualified_identifier(get_namespace_name(get_rel_namespace(job.wish.target)),
		                                  get_rel_name(side.relation));
	});
	// Storage has to be that of an index; what it is for, its owner knows.
	if (OidIsValid(side.stands_for) && OidIsValid(definition.index)) {
		return (definition.is_unique ? "CREATE UNIQUE INDEX ON " : "CREATE INDEX ON ") + table + " " +
		       method_and_columns(definition.index);
	}
	if (definition.is_constraint) {
		return "ALTER TABLE " + table + " ADD " + definition.definition;
	}
	return (definition.is_unique ? "CREATE UNIQUE INDEX ON " : "CREATE INDEX ON ") + table + " " +
	       definition.definition;
}

std::vector<Oid> index_oids(Oid table) {
	const OidSet set = call(indexes_of, table);
	return {set.oids, set.oids + set.count};
}

void set_targets(Oid target_index, Oid index) {
	Spi spi;
	for (const auto &[change] : spi.query_latest<std::string_view>(targets_query, target_index)) {
		spi.execute(("ALTER INDEX " + qualified_name(index) + std::string(change)).c_str());
	}
}

/// Returns the index that was made.
Oid build(const Side &side, const SideIndex &wanted) {
	const AsOwner scope(owner_of(side.relation));
	partition::pin_notation();
	PinnedSettings::set("default_tablespace", "");
	lock(side.relation, AccessExclusiveLock);
	const std::vector<Oid> before = index_oids(side.relation);
	Spi spi;
	spi.execute(wanted.definition.c_str());
	for (const Oid index : index_oids(side.relation)) {
		if (std::ranges::find(before, index) == before.end()) {
			if (OidIsValid(wanted.target_index) && relation_exists(wanted.target_index)) {
				set_targets(wanted.target_index, index);
			}
			return index;
		}
	}
	throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
	            format("no index of table %s was made by a command", qualified_name(side.relation).c_str()))
		.with_detail("The command is: " + wanted.definition);
}

} // namespace

std::vector<IndexDefinition> index_definitions(Oid table) {
	const AsExtension scope;
	partition::pin_notation();
	Spi spi;
	std::vector<IndexDefinition> definitions;
	for (const auto &[index, name, constraint, is_unique, columns] :
	     spi.query_latest<Oid, std::string_view, std::optional<Oid>, bool, std::optional<TextArray>>(indexes_query,
	                                                                                                 table)) {
		IndexDefinition definition{
			.index = index,
			.name = std::string(name),
			.is_constraint = constraint.has_value(),
			.definition = constraint ? constraint_text(*constraint) : method_and_columns(index),
			.is_unique = is_unique,
			.columns = {},
		};
		if (columns) {
			definition.columns = texts(*columns);
		}
		definitions.push_back(std::move(definition));
	}
	return definitions;
}

void register_indexes(const Job &job, const Side &side, const std::vector<IndexDefinition> &definitions,
                      const std::function<bool(IndexDefinition &)> &change) {
	const PinnedSettings settings; // names in what is written must mean the same to whoever builds
	partition::pin_notation();
	for (IndexDefinition definition : definitions) {
		if (!change || change(definition)) {
			std::ignore = add_index(job.id, {.number = 0,
			                                 .side = side.number,
			                                 .target_index = definition.index,
			                                 .definition = statement_for(job, side, definition),
			                                 .index = InvalidOid});
		}
	}
}

bool build_next_index(const Job &job) {
	const std::vector<SideIndex> indexes = read_indexes(job.id);
	const auto next = std::ranges::find(indexes, InvalidOid, &SideIndex::index);
	if (next == indexes.end()) {
		return false;
	}
	const std::vector<Side> sides = read_sides(job.id);
	const auto side = std::ranges::find(sides, next->side, &Side::number);
	if (side == sides.end()) {
		throw Error(ERRCODE_INTERNAL_ERROR, format("index %d of a job is of no side", next->number));
	}
	SideIndex built = *next;
	const PinnedSettings settings;
	lock(side->relation, AccessExclusiveLock);
	unpark_side(job, *side);
	built.index = build(*side, *next);
	park_side(*side);
	set_built(job.id, built);
	return true;
}

} // namespace warden::move
