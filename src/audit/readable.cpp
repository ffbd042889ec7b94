#include "audit/readable.hpp"

#include "pg/error.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

namespace warden::audit {

using namespace pg;

namespace {

constinit Statement select_root{"SELECT coalesce(pg_partition_root($1::regclass)::oid, $1)"};

constinit Statement select_relations{R"(
SELECT id, columns::text[], except_columns::text[] FROM warden.audit_relations
WHERE relation = $1 AND $1 <> 0::oid ORDER BY id)"}; // which all tables have that were dropped

// As the reader himself.
constinit Statement ask_whole{"SELECT coalesce(warden.audit_is_visible($1, $2::name[], $3::name[]), false)"};

// Columns that are gone, or are logged no more, are for who may read the table by itself.
constinit Statement ask_all{R"(
SELECT CASE WHEN EXISTS (SELECT FROM pg_class WHERE oid = $1) THEN has_table_privilege($1, 'SELECT') ELSE true END)"};

constinit Statement ask_some{R"(
SELECT EXISTS (SELECT FROM pg_class WHERE oid = $1) AND NOT row_security_active($1)
       AND has_any_column_privilege($1, 'SELECT'))"};

std::string name_of(Oid table) {
	return relation_exists(table) ? qualified_name(table) : format("%u", table);
}

} // namespace

Readable readable(Oid table) {
	Readable found{.table = table, .reader = call(GetUserId), .is_whole = true, .has_all = true, .relations = {}};
	const PinnedSettings settings;
	Spi spi;
	if (relation_exists(table)) {
		found.table = std::get<0>(spi.query<Oid>(select_root, table).front());
	}
	using Names = std::optional<TextArray>;
	std::vector<std::tuple<int32, Names, Names>> relations;
	{
		const AsExtension owner;
		relations = spi.query<int32, Names, Names>(select_relations, found.table);
	}
	if (relations.empty()) {
		throw Error(ERRCODE_UNDEFINED_OBJECT, format("table %s is not audited", name_of(table).c_str()))
			.with_hint("The tables that are audited are in warden.audit_tables.");
	}
	for (const auto &[id, columns, except_columns] : relations) {
		found.relations.push_back(id);
		found.is_whole =
			found.is_whole && std::get<0>(spi.query<bool>(ask_whole, found.table, columns, except_columns).front());
	}
	found.has_all = found.is_whole && std::get<0>(spi.query<bool>(ask_all, found.table).front());
	if (!found.is_whole &&
	    (!relation_exists(found.table) || !std::get<0>(spi.query<bool>(ask_some, found.table).front()))) {
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
		            format("permission denied for what was logged of table %s", name_of(table).c_str()))
			.with_detail("It is for those who may read the table, and from whom no row-level security hides rows.");
	}
	return found;
}

void check_whole(const Readable &table) {
	const PinnedSettings settings;
	const std::optional<TextArray> all;
	if (!table.is_whole || !std::get<0>(Spi().query<bool>(ask_whole, table.table, all, all).front())) {
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
		            format("permission denied for some columns of table %s", name_of(table.table).c_str()))
			.with_hint("Who may read all of its columns can see it as it was.");
	}
}

} // namespace warden::audit
