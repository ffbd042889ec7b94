#include "audit/capture_plan.hpp"

#include "audit/relations.hpp"
#include "audit/version.hpp"
#include "audit/written.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_trigger.h"
#include "common/string.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

namespace warden::audit {

using namespace pg;

namespace {

struct Entry {
	Oid table; ///< the key
	bool is_stale;
	std::uint64_t invalidations; ///< so many
	MemoryContext memory;        ///< of the plan
	CapturePlan plan;
	Written version;               ///< of the plan, if this session has written it
	FullTransactionId no_audit_in; ///< the transaction that found out that there is no audit
	Oid warned_of;                 ///< the table, or the root above it, that the user has been told so of
};

HTAB *entries = nullptr;
Entry *last = nullptr; // that was asked for: as a rule, it is for many rows

// $1 the number of the relation, $2 the table: the relation itself, or a partition of it.  One that is being detached
// concurrently has the trigger still, and by the server's own functions no parent any more.
constinit Statement select_relation{R"(
WITH RECURSIVE above (oid) AS (
    SELECT $2
    UNION ALL
    SELECT i.inhparent FROM above JOIN pg_class t ON t.oid = above.oid AND t.relispartition JOIN pg_inherits i ON i.inhrelid = t.oid)
SELECT r.relation::oid, r.require_context, c.id::integer, c.log::oid, r.on_truncate, r.keep_dropped
FROM warden.audit_relations r JOIN warden.audit_classes c ON c.id = r.class
WHERE r.id = $1 AND until IS NULL AND relation::oid IN (SELECT oid FROM above))"};

// The same.  Columns are those of the relation by name: their numbers may be others in a partition.
constinit Statement select_columns{R"(
SELECT a.attnum::integer, a.attname::text, a.atttypid, k.name IS NOT NULL
FROM warden.audit_relations r
JOIN pg_attribute a ON a.attrelid = $2 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated IN ('', 's')
LEFT JOIN warden.audit_key(r.relation::oid) k (name) ON k.name = a.attname
WHERE r.id = $1
  AND (k.name IS NOT NULL
       OR (r.columns IS NULL OR a.attname = ANY (r.columns)) AND a.attname <> ALL (coalesce(r.except_columns, '{}')))
ORDER BY a.attnum)"};

// $3 the version, which has the key.
constinit Statement select_dropping_columns{R"(
SELECT a.attnum::integer, a.attname::text, a.atttypid, c.value ? 'key'
FROM warden.audit_relations r
JOIN warden.audit_versions v ON v.id = $3
CROSS JOIN LATERAL jsonb_array_elements(v.columns) c (value)
JOIN pg_attribute a ON a.attrelid = $2 AND a.attname = c.value ->> 'name' AND a.attnum > 0 AND NOT a.attisdropped
                       AND a.attgenerated IN ('', 's')
WHERE r.id = $1
  AND (c.value ? 'key'
       OR (r.columns IS NULL OR a.attname = ANY (r.columns)) AND a.attname <> ALL (coalesce(r.except_columns, '{}'))))"};

constinit Statement count_keys{R"(
SELECT count(*)::integer FROM warden.audit_versions v, jsonb_array_elements(v.columns) c WHERE v.id = $1 AND c ? 'key')"};

/// A column as the catalogue has it.
struct Found {
	AttrNumber number;
	std::string_view name;
	Oid type;
	bool is_key;
};

// Server code.
Column column_of(const Found &found) {
	Column column{};
	column.number = found.number;
	char *const name = static_cast<char *>(palloc(found.name.size() + 1));
	memcpy(name, found.name.data(), found.name.size());
	column.name = {name, found.name.size()};
	column.encoder = encoder_for(found.type);
	get_typlenbyval(found.type, &column.length, &column.by_value);
	return column;
}

// Server code.  In the current memory context.
void add_columns(CapturePlan &plan, const Found *found, std::size_t count) {
	plan.count = count;
	plan.columns = static_cast<Column *>(palloc(sizeof(Column) * (count + 1)));
	plan.key = static_cast<std::size_t *>(palloc(sizeof(std::size_t) * (count + 1)));
	for (std::size_t i = 0; i < count; ++i) {
		plan.columns[i] = column_of(found[i]);
		plan.last = Max(plan.last, found[i].number);
		if (found[i].is_key) {
			plan.key[plan.keys++] = i;
		}
	}
	if (plan.keys == 1) {
		plan.has_number_key = is_whole_number(plan.columns[plan.key[0]].encoder);
	}
}

struct Made {
	bool is_audited;
	CapturePlan plan;
	bool has_new_version; ///< which may be rolled back
};

/// What is said of a relation.
struct Declared {
	Oid root;
	bool keep_dropped;
	CapturePlan plan; ///< but for its columns
};

std::optional<Declared> read_declared(Spi &spi, std::int32_t relation, Oid table) {
	for (const auto &[root, requires_context, log_class, log, on_truncate, keep_dropped] :
	     spi.query_latest<Oid, bool, int32, Oid, std::string_view, bool>(select_relation, relation, table)) {
		Declared declared{root, keep_dropped, {}};
		declared.plan.relation = relation;
		declared.plan.requires_context = requires_context;
		declared.plan.on_truncate = on_truncate == "refuse"  ? OnTruncate::Refuse
		                            : on_truncate == "event" ? OnTruncate::Event
		                                                     : OnTruncate::Rows;
		declared.plan.log_class = static_cast<std::int16_t>(log_class);
		declared.plan.log = log;
		return declared;
	}
	return std::nullopt;
}

template <class... Arguments>
void read_columns(Spi &spi, CapturePlan &plan, MemoryContext memory, Statement &select, const Arguments &...arguments) {
	std::vector<Found> columns;
	for (const auto &[number, name, type, is_key] :
	     spi.query_latest<int32, std::string_view, Oid, bool>(select, arguments...)) {
		columns.push_back({static_cast<AttrNumber>(number), name, type, is_key});
	}
	std::ranges::sort(columns, comes_before, &Found::name);
	const MemoryScope scope(memory);
	const Found *const data = columns.data();
	call([&] { add_columns(plan, data, columns.size()); });
}

/// Makes the plan in a memory context.
Made read_plan(std::int32_t relation, Oid table, MemoryContext memory) {
	const AsExtension owner;
	Spi spi;
	auto declared = read_declared(spi, relation, table);
	if (!declared) {
		return {};
	}
	read_columns(spi, declared->plan, memory, select_columns, relation, table);
	const Version version = current_version(relation, declared->root, "unknown");
	declared->plan.version = version.id;
	return {true, declared->plan, version.is_new};
}

bool read_dropping_plan(std::int32_t relation, Oid table, MemoryContext memory, CapturePlan &plan) {
	const AsExtension owner;
	Spi spi;
	auto declared = read_declared(spi, relation, table);
	if (!declared || !declared->keep_dropped) {
		return false;
	}
	plan = declared->plan;
	plan.version = covering_version(relation, declared->root);
	read_columns(spi, plan, memory, select_dropping_columns, relation, table, plan.version);
	if (plan.keys < static_cast<std::size_t>(std::get<0>(spi.query_latest<int32>(count_keys, plan.version).front()))) {
		plan.keys = 0; // a part of it is gone
		plan.has_number_key = false;
	}
	return true;
}

// The rest is server code.

void mark_stale(Datum /*unused*/, Oid table) {
	const auto mark = [](Entry *entry) {
		entry->is_stale = true;
		entry->no_audit_in = InvalidFullTransactionId;
		++entry->invalidations;
	};
	if (OidIsValid(table)) {
		if (auto *const entry = static_cast<Entry *>(hash_search(entries, &table, HASH_FIND, nullptr))) {
			mark(entry);
		}
		return;
	}
	HASH_SEQ_STATUS all;
	hash_seq_init(&all, entries);
	while (auto *const entry = static_cast<Entry *>(hash_seq_search(&all))) {
		mark(entry);
	}
}

void make_entries() {
	HASHCTL control{};
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(Entry);
	entries = hash_create("pg_warden audited tables", 64, &control, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(mark_stale, 0);
}

std::int32_t relation_of(Relation table, const Trigger *trigger) {
	char *end = nullptr;
	const int relation = trigger->tgnargs == 1 ? strtoint(trigger->tgargs[0], &end, 10) : 0;
	if (relation <= 0 || *end != '\0') {
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		        errmsg("trigger \"%s\" of table \"%s\" was not made by warden.audit_enable()", trigger->tgname,
		               RelationGetRelationName(table)),
		        errhint("Drop the trigger, and use warden.audit_enable()."));
	}
	return relation;
}

// Whoever owns a table can make triggers of our functions.  There is one by our name, so nothing is logged twice.
bool is_by_our_name(const Trigger *trigger) {
	return strcmp(trigger->tgname, TRIGGER_FOR_ROW(trigger->tgtype) ? row_trigger : truncate_trigger) == 0;
}

bool is_warned_of(Oid root) {
	HASH_SEQ_STATUS all;
	hash_seq_init(&all, entries);
	while (const auto *const entry = static_cast<const Entry *>(hash_seq_search(&all))) {
		if (entry->warned_of == root) {
			hash_seq_term(&all);
			return true;
		}
	}
	return false;
}

// The log does not keep a table from being changed: a dump without data has triggers and nothing of what they are for.
void warn_of_no_audit(Entry *entry, Relation table) {
	const List *const above = table->rd_rel->relispartition ? get_partition_ancestors(entry->table) : NIL;
	const Oid root = above == NIL ? entry->table : llast_oid(above); // none above what is being detached concurrently
	if (is_warned_of(root)) {
		return;
	}
	entry->warned_of = root;
	const char *const name =
		quote_qualified_identifier(get_namespace_name(get_rel_namespace(root)), get_rel_name(root));
	ereport(WARNING, errmsg("changes of table %s are not audited", name),
	        errdetail("It has a trigger of an audit that is not known in this database."),
	        errhint("Use SELECT * FROM warden.audit_enable(%s), or SELECT warden.audit_disable(%s) to be rid of it.",
	                quote_literal_cstr(name), quote_literal_cstr(name)));
}

// DROP and CREATE EXTENSION have made other tables of the same names.
void forget_former_extension() {
	static Oid schema = InvalidOid;
	const Oid now = get_namespace_oid("warden", true);
	if (now != schema) {
		schema = now;
		forget_written();
	}
}

// What is in use is freed with the transaction.  Whether the table is audited.
bool replace_plan(Entry *entry, Relation table, const Trigger *trigger) {
	const std::uint64_t invalidations = entry->invalidations;
	const std::int32_t relation = relation_of(table, trigger);
	forget_former_extension();
	const MemoryContext memory =
		AllocSetContextCreate(TopTransactionContext, "pg_warden audited table", ALLOCSET_SMALL_SIZES);
	const Made made = pg::entry([&] { return read_plan(relation, RelationGetRelid(table), memory); });
	if (!made.is_audited) {
		MemoryContextDelete(memory);
		entry->no_audit_in = GetTopFullTransactionId();
		warn_of_no_audit(entry, table);
		return false;
	}
	MemoryContextSetParent(memory, CacheMemoryContext);
	if (entry->memory != nullptr) {
		MemoryContextSetParent(entry->memory, TopTransactionContext);
	}
	entry->memory = memory;
	entry->plan = made.plan;
	if (made.has_new_version) {
		note_written(entry->version);
	} else {
		entry->version.is_gone = false;
	}
	entry->is_stale = entry->invalidations != invalidations;
	return true;
}

} // namespace

const CapturePlan *plan_for(Relation table, const Trigger *trigger) {
	const Oid oid = RelationGetRelid(table);
	if (!is_by_our_name(trigger)) {
		std::ignore = relation_of(table, trigger);
		return nullptr;
	}
	if (last != nullptr && last->table == oid && !last->is_stale && is_there(last->version)) {
		return &last->plan;
	}
	if (entries == nullptr) {
		make_entries();
	}
	bool found = false;
	auto *const entry = static_cast<Entry *>(hash_search(entries, &oid, HASH_ENTER, &found));
	if (!found) {
		*entry = {};
		entry->table = oid;
		entry->is_stale = true;
	}
	if (entry->is_stale || !is_there(entry->version)) {
		const bool is_known = FullTransactionIdEquals(entry->no_audit_in, GetTopFullTransactionId());
		if (is_known || !replace_plan(entry, table, trigger)) {
			return nullptr;
		}
	}
	last = entry;
	return &entry->plan;
}

const Trigger *capture_trigger(Relation table) {
	for (int i = 0; table->trigdesc != nullptr && i < table->trigdesc->numtriggers; ++i) {
		const Trigger &trigger = table->trigdesc->triggers[i];
		if (strcmp(trigger.tgname, row_trigger) == 0) {
			const char *const function = get_func_name(trigger.tgfoid);
			const bool is_ours = function != nullptr && strcmp(function, "audit_capture") == 0 &&
			                     get_func_namespace(trigger.tgfoid) == get_namespace_oid("warden", true);
			return is_ours ? &trigger : nullptr;
		}
	}
	return nullptr;
}

bool plan_for_dropping(Relation table, const Trigger *trigger, CapturePlan &plan) {
	const std::int32_t relation = relation_of(table, trigger);
	const MemoryContext memory = CurrentMemoryContext;
	return pg::entry([&] { return read_dropping_plan(relation, RelationGetRelid(table), memory, plan); });
}

} // namespace warden::audit
