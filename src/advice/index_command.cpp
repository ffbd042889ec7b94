#include "advice/index_command.hpp"

#include "advice/existing_indexes.hpp"
#include "advice/index_names.hpp"
#include "advice/index_size.hpp"
#include "advice/index_text.hpp"
#include "advice/table_tree.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"

#include <algorithm>
#include <cmath>

extern "C" {
#include "access/genam.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
}

namespace warden::advice {

using namespace pg;

namespace {

std::size_t clip(std::string_view text, std::size_t bytes) {
	if (text.empty()) {
		return 0;
	}
	const char *const begin = &text.front();
	const auto size = static_cast<int>(text.size());
	return static_cast<std::size_t>(
		call([&] { return pg_mbcliplen(begin, size, static_cast<int>(std::min(text.size(), bytes))); }));
}

std::string quoted(const std::string &name) {
	return call([&] { return quote_identifier(name.c_str()); });
}

std::string name_of_table(Oid table) {
	return call([&] { return static_cast<const char *>(get_rel_name(table)); });
}

/// The statements of one index, table by table.
class Builder {
public:
	Builder(const IndexShape &shape, const std::vector<std::string> &taken) : shape_(shape), taken_(taken) {
		definition_ = definition_of(shape);
		for (std::size_t i = 0; i < shape.keys.size(); ++i) {
			wish_.parts.emplace_back(call([&] { return key_words(shape, i); }));
		}
		const std::string method = call([&] { return get_am_name(shape.method); });
		wish_.label = std::string(shape.method == BTREE_AM_OID ? "" : method.substr(0, 20) + "_") +
		              (shape.predicate.empty() ? "" : "partial_") + "idx";
	}

	/// Its qualified name.  That of the whole index is the first.
	std::string build(Oid table) {
		const auto kind = call(get_rel_relkind, table);
		if (kind == RELKIND_PARTITIONED_TABLE) {
			return build_parent(table);
		}
		if (is_partition_of_it(table)) {
			if (const auto existing = find_equal(table); OidIsValid(existing)) {
				return qualified_name(existing);
			}
		}
		const std::string name = choose(table);
		add("CREATE INDEX CONCURRENTLY " + quoted(name) + " ON " + qualified_name(table) + " " + definition_);
		return qualified(table, name);
	}

	const std::string &first_name() const { return names_.front(); }
	const std::string &commands() const { return commands_; }
	bool has_foreign_partition() const { return has_foreign_partition_; }

private:
	bool is_partition_of_it(Oid table) const { return table != shape_.table; }

	/// First the tables above, so that partitions that are added meanwhile get it by themselves.
	std::string build_parent(Oid table) {
		const std::string name = choose(table);
		const std::string whole = qualified(table, name);
		add("CREATE INDEX " + quoted(name) + " ON ONLY " + qualified_name(table) + " " + definition_);
		const List *const partitions = call([&] { return find_inheritance_children(table, AccessShareLock); });
		for (int i = 0; i < call(list_length, partitions); ++i) {
			check_for_interrupts();
			const Oid partition = call(list_nth_oid, partitions, i);
			if (call(get_rel_relkind, partition) == RELKIND_FOREIGN_TABLE) {
				has_foreign_partition_ = true;
				continue;
			}
			const std::string part = build(partition);
			add("ALTER INDEX " + whole + " ATTACH PARTITION " + part);
		}
		return whole;
	}

	/// An index that the partition has already, and that can become part of this one.
	Oid find_equal(Oid partition) const {
		const IndexShape wanted = shape_in(shape_, partition);
		const OpenRelation table(partition, AccessShareLock);
		const List *const indexes = call([&] { return RelationGetIndexList(table.get()); });
		for (int i = 0; i < call(list_length, indexes); ++i) {
			const Oid id = call(list_nth_oid, indexes, i);
			const OpenRelation index(id, AccessShareLock);
			const bool is_free = index->rd_index->indisvalid && !index->rd_index->indisunique &&
			                     !index->rd_rel->relispartition && !index->rd_index->indisexclusion;
			if (is_free && shape_of(id) == wanted) {
				return id;
			}
		}
		return InvalidOid;
	}

	std::string choose(Oid table) {
		wish_.table = name_of_table(table);
		const Oid schema = call(get_rel_namespace, table);
		const auto is_taken = [&](const std::string &wanted) {
			check_for_interrupts();
			return std::ranges::find(taken_, wanted) != taken_.end() ||
			       std::ranges::find(names_, wanted) != names_.end() ||
			       OidIsValid(call([&] { return get_relname_relid(wanted.c_str(), schema); }));
		};
		// Those of partitions go with that of the whole, so that two such indexes that are asked for differ in all.
		const std::size_t attempt = choose_attempt(wish_, clip, is_taken, first_attempt_);
		first_attempt_ = names_.empty() ? attempt : first_attempt_;
		const std::string name = name_of(wish_, clip, attempt);
		names_.push_back(name);
		return name;
	}

	static std::string qualified(Oid table, const std::string &name) {
		const std::string schema = call([&] { return get_namespace_name(get_rel_namespace(table)); });
		return qualified_name(schema, name);
	}

	void add(const std::string &statement) { commands_ += (commands_.empty() ? "" : "\n") + statement + ";"; }

	const IndexShape &shape_;
	const std::vector<std::string> &taken_;
	NameWish wish_;
	std::string definition_;
	std::vector<std::string> names_; ///< that were chosen here
	std::size_t first_attempt_ = 0;
	std::string commands_;
	bool has_foreign_partition_ = false;
};

double table_bytes(Oid table) {
	double bytes = 0;
	for (const Oid leaf : leaves_of(table)) {
		const OpenRelation relation(leaf, AccessShareLock);
		bytes += static_cast<double>(call([&] { return RelationGetNumberOfBlocks(relation.get()); })) * BLCKSZ;
	}
	return bytes;
}

// As a build on an ordinary machine goes: the table is read twice, entries are sorted, the index is written.  GIN
// inserts them key by key.
double estimate_seconds(const IndexShape &shape, const IndexSize &size) {
	constexpr double read = 300e6;   // bytes a second
	constexpr double written = 80e6; // with WAL
	constexpr double inserted = 15e6;
	constexpr double comparison = 12e-9; // seconds
	constexpr double entry = 300e-9;
	const auto bytes = static_cast<double>(size.bytes());
	const bool sorts = shape.method == BTREE_AM_OID || shape.method == HASH_AM_OID;
	const double comparisons = sorts && size.entries > 1 ? std::log2(size.entries) : 0;
	const double rows = shape.method == BRIN_AM_OID ? 0 : size.entries;
	return 2 * table_bytes(shape.table) / read + rows * (entry + comparisons * comparison) +
	       bytes / (sorts || shape.method == BRIN_AM_OID ? written : inserted);
}

} // namespace

std::string definition_of(const IndexShape &shape) {
	const ScratchMemory memory;
	const PinnedSettings settings;
	return call([&] { return index_definition(shape); });
}

IndexCommand command_for(const IndexShape &shape, const IndexSize &size, const std::vector<std::string> &taken) {
	const ScratchMemory memory;
	const PinnedSettings settings;
	Builder builder(shape, taken);
	const std::string whole = builder.build(shape.table);
	const bool is_partitioned = call(get_rel_relkind, shape.table) == RELKIND_PARTITIONED_TABLE;
	const std::int64_t sorted =
		shape.method == BTREE_AM_OID && size.bytes() > std::int64_t{maintenance_work_mem} * 1024 ? size.bytes() : 0;
	IndexCommand result{.name = builder.first_name(),
	                    .command = builder.commands(),
	                    .undo = (is_partitioned ? "DROP INDEX " : "DROP INDEX CONCURRENTLY ") + whole + ";",
	                    .lock = "SHARE UPDATE EXCLUSIVE",
	                    .seconds = estimate_seconds(shape, size),
	                    .disk_bytes = size.bytes() + sorted};
	result.caveats.emplace_back("CREATE INDEX CONCURRENTLY cannot run inside a transaction block, and waits for every "
	                            "transaction that is older than it");
	if (is_partitioned) {
		result.caveats.emplace_back("the first statement makes an index that is not valid until one of each partition "
		                            "is attached; partitions that are added meanwhile get theirs by themselves");
		result.caveats.emplace_back("an index of a partitioned table cannot be dropped concurrently: that locks the "
		                            "table and all of its partitions for a moment");
	} else {
		result.caveats.emplace_back("if it fails, the index stays behind and is not valid: " + result.undo +
		                            " or REINDEX INDEX CONCURRENTLY " + whole + ";");
	}
	if (size.may_be_too_long) {
		result.caveats.emplace_back(
			"the table has long values, and not all of them were looked at: a row whose entry is "
			"longer than 2704 bytes cannot be in the index, and building it would fail");
	}
	if (builder.has_foreign_partition()) {
		result.caveats.emplace_back("foreign partitions get no index, so that the one of the partitioned table stays "
		                            "not valid; those of the other partitions are used all the same");
	}
	return result;
}

IndexCommand command_for(const IndexShape &shape) {
	return command_for(shape, estimate_size(shape));
}

} // namespace warden::advice
