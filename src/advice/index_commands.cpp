#include "advice/index_commands.hpp"

#include "advice/index_command.hpp"
#include "advice/index_size.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "catalog/pg_am.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace warden::advice {

using namespace pg;

namespace {

constexpr const char *weak_lock = "SHARE UPDATE EXCLUSIVE";
constexpr const char *strong_lock = "ACCESS EXCLUSIVE";

// Partitions of the table of an index that have none attached to it, and a name for one.
constinit pg::Statement select_lacking{R"(
SELECT h.inhrelid, c.relkind = 'p', n.nspname::text, left(c.relname, 45) || '_' || i.indexrelid
FROM pg_index i JOIN pg_inherits h ON h.inhparent = i.indrelid JOIN pg_class c ON c.oid = h.inhrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indexrelid = $1 AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_inherits a JOIN pg_index x ON x.indexrelid = a.inhrelid
                  WHERE a.inhparent = i.indexrelid AND x.indrelid = h.inhrelid)
ORDER BY c.relname, h.inhrelid)"};

constinit pg::Statement select_expressions{R"(
SELECT pg_get_indexdef(i.indexrelid, n, false)
FROM pg_index i, generate_series(1, i.indnkeyatts) n WHERE i.indexrelid = $1 AND i.indkey[n - 1] = 0 ORDER BY n)"};

/// The definition of an index that is the same but for its table.
bool is_same(const IndexFacts &one, const IndexFacts &other, const std::string &definition) {
	return other.is_valid && other.is_looked_at && other.parent == 0 && other.rival.is_unique == one.rival.is_unique &&
	       definition_of(other.rival.shape) == definition;
}

std::string quoted_identifier(std::string_view name) {
	const std::string text(name);
	return call([&] { return quote_identifier(text.c_str()); });
}

std::string attach_commands(const IndexFacts &index, const std::vector<IndexFacts> &indexes) {
	const AsExtension owner;
	Spi spi;
	std::string text;
	const std::string parent = qualified_name(index.rival.id);
	const std::string definition = definition_of(index.rival.shape);
	for (const auto &[table, is_partitioned, schema, free_name] :
	     spi.query_latest<Oid, bool, std::string_view, std::string_view>(select_lacking, index.rival.id)) {
		std::string name = qualified_name(std::string(schema), std::string(free_name));
		const auto found = std::find_if(indexes.begin(), indexes.end(), [&, table = table](const IndexFacts &other) {
			return other.table == table && is_same(index, other, definition);
		});
		if (found != indexes.end()) {
			name = qualified_name(found->rival.id);
		} else {
			text += format("CREATE %sINDEX %s%s ON %s%s %s;\n", index.rival.is_unique ? "UNIQUE " : "",
			               is_partitioned ? "" : "CONCURRENTLY ", quoted_identifier(free_name).c_str(),
			               is_partitioned ? "ONLY " : "", qualified_name(table).c_str(), definition.c_str());
		}
		text += format("ALTER INDEX %s ATTACH PARTITION %s;\n", parent.c_str(), name.c_str());
	}
	return text;
}

/// With the operator class that CREATE INDEX would choose; no keys if there is none for a column.
IndexShape shape_for(const ForeignKey &key) {
	IndexShape shape{.table = key.child, .method = BTREE_AM_OID};
	for (const ForeignKey::Column &column : key.columns) {
		IndexKey part{.column = column.number};
		const bool is_complete = call([&] {
			part.opclass = GetDefaultOpClass(column.type, BTREE_AM_OID);
			if (!OidIsValid(part.opclass)) {
				return false;
			}
			part.family = get_opclass_family(part.opclass);
			part.input_type = get_opclass_input_type(part.opclass);
			part.collation = column.collation;
			return true;
		});
		if (!is_complete) {
			return {};
		}
		shape.columns.push_back(column.number);
		shape.keys.push_back(std::move(part));
	}
	std::sort(shape.columns.begin(), shape.columns.end());
	return shape;
}

} // namespace

Commands drop_commands(const IndexFacts &index) {
	const std::string name = qualified_name(index.rival.id);
	if (index.is_partitioned()) {
		return {.text = format("DROP INDEX %s;", name.c_str()), .lock = strong_lock};
	}
	return {.text = format("DROP INDEX CONCURRENTLY %s;", name.c_str()), .lock = weak_lock};
}

std::vector<std::string> drop_caveats(const IndexFacts &index, bool is_covered) {
	std::vector<std::string> caveats;
	if (index.is_clustered) {
		caveats.emplace_back("CLUSTER orders the table by it");
	}
	if (index.is_partitioned()) {
		caveats.emplace_back(
			"DROP INDEX locks the table and all of its partitions for a moment: set lock_timeout before");
	}
	if (index.is_subscribed) {
		caveats.emplace_back("a subscription writes to its table: from PostgreSQL 16 on it may find rows by it if the "
		                     "publisher has REPLICA IDENTITY FULL");
	}
	if (!index.has_expressions || is_covered) {
		return caveats;
	}
	const std::string table = qualified_name(index.table);
	const auto error = try_out([&] { // the expressions are read from the table, which may be locked
		const AsExtension owner;
		Spi spi;
		for (const auto &[expression] : spi.query_latest<std::string_view>(select_expressions, index.rival.id)) {
			caveats.push_back(format("estimates use its statistics; CREATE STATISTICS ON (%s) FROM %s keeps them",
			                         std::string(expression).c_str(), table.c_str()));
		}
	});
	if (error) {
		caveats.emplace_back("estimates use the statistics of its expressions");
	}
	return caveats;
}

Commands repair_commands(const IndexFacts &index, const std::vector<IndexFacts> &indexes, Repair repair) {
	const std::string name = qualified_name(index.rival.id);
	switch (repair) {
	case Repair::Drop:
		return {.text = format("DROP INDEX CONCURRENTLY %s;", name.c_str()), .lock = weak_lock};
	case Repair::Reindex:
		// An exclusion constraint cannot be rebuilt in any other way.
		return index.is_exclusion
		           ? Commands{.text = format("REINDEX INDEX %s;", name.c_str()), .lock = strong_lock}
		           : Commands{.text = format("REINDEX INDEX CONCURRENTLY %s;", name.c_str()),
		                      .lock = weak_lock,
		                      .caveats = {format("if it is not wanted: DROP INDEX CONCURRENTLY %s;", name.c_str())}};
	case Repair::Attach: {
		std::string text;
		if (const auto error = try_out([&] { text = attach_commands(index, indexes); })) {
			return {.caveats = {format("what is to be attached could not be found out: %s", error->what())}};
		}
		if (text.empty()) {
			return {.caveats = {"an index is attached for each partition, but one of them is not valid"}};
		}
		text.pop_back();
		return {.text = text, .lock = weak_lock};
	}
	default:
		return {};
	}
}

Commands create_commands(const ForeignKey &key, bool with_size) {
	Commands commands;
	const auto error = try_out([&] {
		if (!lock_if_free(key.child, AccessShareLock)) {
			throw Error(ERRCODE_LOCK_NOT_AVAILABLE, "another session has locked the table");
		}
		const IndexShape shape = shape_for(key);
		if (shape.keys.empty()) {
			throw Error(ERRCODE_UNDEFINED_OBJECT, "a column has a type that no B-tree is of");
		}
		const IndexSize size = with_size ? estimate_size(shape) : IndexSize{};
		const IndexCommand command = command_for(shape, size);
		commands = {.text = command.command, .lock = command.lock, .caveats = command.caveats};
		if (with_size && size.pages > 0 && !size.obstacle) {
			commands.bytes = size.bytes();
		}
	});
	if (error) {
		return {.caveats = {format("no command could be made: %s", error->what())}};
	}
	return commands;
}

} // namespace warden::advice
