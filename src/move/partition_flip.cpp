#include "move/partition_flip.hpp"

#include "move/catalog_rows.hpp"
#include "move/storage_exchange.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

// What a table has that a partitioned one, with the key $2, cannot have.
constinit Statement obstacle_query{R"(
SELECT what FROM (
    SELECT 1, '', format('%s is not a plain table', t.oid::regclass)
    FROM pg_class t
    WHERE t.oid = $1 AND (t.relkind <> 'r' OR t.relispartition OR t.relpersistence = 't')
    UNION ALL
    SELECT 2, '', format('table %s inherits or is inherited from', $1::regclass)
    WHERE EXISTS (SELECT FROM pg_inherits WHERE $1 IN (inhrelid, inhparent))
    UNION ALL
    SELECT 3, c.relname::text, format('index %s is not valid', c.oid::regclass)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = $1 AND NOT (i.indisvalid AND i.indisready AND i.indislive)
    UNION ALL
    SELECT 4, c.relname::text, format('unique index %s does not have the column %I', c.oid::regclass, $2)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = $1 AND i.indisunique
      AND NOT (SELECT k.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
               FROM pg_attribute k WHERE k.attrelid = $1 AND k.attname = $2::name)
    UNION ALL
    SELECT 5, conname::text, format('constraint %I of table %s is an exclusion constraint', conname, $1::regclass)
    FROM pg_constraint WHERE conrelid = $1 AND contype = 'x' AND current_setting('server_version_num')::int < 170000
    UNION ALL
    SELECT 6, conname::text, format('constraint %I of table %s is not inherited', conname, $1::regclass)
    FROM pg_constraint WHERE conrelid = $1 AND contype IN ('c', 'n') AND connoinherit
    UNION ALL
    SELECT 7, tgname::text, format('trigger %I of table %s has transition tables', tgname, $1::regclass)
    FROM pg_trigger WHERE tgrelid = $1 AND tgtype & 1 = 1 AND (tgoldtable IS NOT NULL OR tgnewtable IS NOT NULL)
) obstacle (step, name, what)
ORDER BY step, name
LIMIT 1)"};

constinit Statement removed_query{R"(
SELECT (SELECT array_agg(option)
        FROM (SELECT unnest(t.reloptions) UNION ALL
              SELECT 'toast.' || unnest(s.reloptions) FROM pg_class s WHERE s.oid = t.reltoastrelid) o (option))::text,
       (SELECT format('CLUSTER ON %I', c.relname)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = t.oid AND i.indisclustered)
FROM pg_class t
WHERE t.oid = $1)"};

constinit Statement unready_query{R"(
SELECT what FROM (
    SELECT 1, format('%s is not a partitioned table', t.oid::regclass) FROM pg_class t WHERE t.oid = $1 AND t.relkind <> 'p'
    UNION ALL
    SELECT 2, format('table %s has partitions', $1::regclass)
    WHERE EXISTS (SELECT FROM pg_inherits WHERE inhparent = $1)
    UNION ALL
    SELECT 3, format('table %s is a partition', t.oid::regclass) FROM pg_class t WHERE t.oid = $1 AND t.relispartition
    UNION ALL
    SELECT 4, format('index %s has no storage to take', c.oid::regclass)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = $1 AND NOT i.indexrelid = ANY ($2::oid[])
) obstacle (step, what)
ORDER BY step, what
LIMIT 1)"};

AttrNumber column_number(Oid table, const std::string &column) {
	const AttrNumber number = call(get_attnum, table, column.c_str());
	if (number <= 0) {
		throw Error(ERRCODE_UNDEFINED_COLUMN,
		            format("column \"%s\" of table %s does not exist", column.c_str(), qualified_name(table).c_str()));
	}
	return number;
}

void check_obstacles(Oid table, const std::string &key) {
	const AsExtension scope;
	Spi spi;
	const auto obstacles = spi.query_latest<std::string_view>(obstacle_query, table, key);
	if (!obstacles.empty()) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, std::string(std::get<0>(obstacles.front())));
	}
}

Removed find_removed(Oid table) {
	const AsExtension scope;
	Spi spi;
	Removed removed;
	for (const auto &[options, cluster] :
	     spi.query_latest<std::optional<std::string_view>, std::optional<std::string_view>>(removed_query, table)) {
		removed.storage_parameters = options;
		if (cluster) {
			removed.statements.emplace_back(*cluster);
		}
	}
	return removed;
}

void check_ready(Oid table, const std::vector<std::pair<Oid, Oid>> &indexes) {
	std::string list = "{";
	for (const auto &[index, its] : indexes) {
		list += format("%s%u", list.size() > 1 ? "," : "", index);
	}
	const AsExtension scope;
	Spi spi;
	const auto unready = spi.query_latest<std::string_view>(unready_query, table, list + "}");
	if (!unready.empty()) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, std::string(std::get<0>(unready.front())));
	}
}

} // namespace

Removed make_partitioned(Oid table, const std::string &key, Oid heir, const std::vector<std::pair<Oid, Oid>> &indexes) {
	lock_with_toast(table);
	const AttrNumber number = column_number(table, key);
	check_obstacles(table, key);
	Removed removed = find_removed(table);
	if (OidIsValid(heir)) {
		exchange_storage(table, heir, indexes);
	}
	call(flip_to_partitioned, table, number);
	return removed;
}

void make_plain(const Job &job, const Side &side) {
	const Oid table = side.stands_for;
	lock_with_toast(table);
	lock_with_toast(side.relation);
	const std::vector<std::pair<Oid, Oid>> indexes = index_pairs(job, side);
	check_ready(table, indexes);
	call([&] {
		const Form_pg_class form = class_form(class_row(side.relation));
		flip_to_plain(table, form->reltablespace, form->relam, form->relpersistence);
	});
	exchange_storage(table, side.relation, indexes);
	// What they have got is no index, only a file: nobody may look at it.
	for (const auto &[index, its] : indexes) {
		call(drop_object, RelationRelationId, its);
	}
}

} // namespace warden::move
