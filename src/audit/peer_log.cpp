#include "audit/peer_log.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

namespace warden::audit {

using namespace pg;

constinit const Peer supa_audit{
	.name = "supa_audit",
	.function = "warden.audit_import_supa_audit()",
	.table = "audit.record_version",
	.trigger = "insert_update_delete_trigger",
	.triggers = {"audit_i_u_d", "audit_t"},
	.number = 1,
	.has_texts = false,
	.has_changes = false,
	.columns = "{id,op,ts,table_oid,table_schema,table_name,record,old_record}",
	.optional = "{auth_uid,auth_role}",
	.rows = "id::bigint AS id, table_oid::oid AS source, table_schema::text AS schema, table_name::text AS name,"
			" left(op::text, 1) AS op, false AS is_statement, ts AS at, ts AS began, old_record::jsonb AS old,"
			" record::jsonb AS new, null::text AS role, null::text AS application, null::inet AS client,"
			" jsonb_strip_nulls(jsonb_build_object('imported_from', 'supa_audit', 'id', id$1)) AS context"};

constinit const Peer audit_trigger{
	.name = "audit-trigger",
	.function = "warden.audit_import_audit_trigger()",
	.table = "audit.logged_actions",
	.trigger = "if_modified_func",
	.triggers = {"audit_trigger_row", "audit_trigger_stm"},
	.number = 0,
	.has_texts = true,
	.has_changes = true,
	.columns = "{event_id,schema_name,table_name,relid,session_user_name,action_tstamp_tx,action_tstamp_clk,"
			   "application_name,client_addr,action,row_data,changed_fields,statement_only}",
	.optional = "{transaction_id,client_query}",
	.rows = "event_id::bigint AS id, relid::oid AS source, schema_name::text AS schema, table_name::text AS name,"
			" action::text AS op, statement_only AS is_statement, action_tstamp_clk AS at, action_tstamp_tx AS began,"
			" row_data::jsonb AS old, changed_fields::jsonb AS new, session_user_name::text AS role,"
			" application_name::text AS application, client_addr::inet AS client,"
			" jsonb_strip_nulls(jsonb_build_object('imported_from', 'audit-trigger', 'id', event_id$1)) AS context"};

namespace {

// A regclass that is not there is null.
constinit Statement find_table{"SELECT to_regclass($1)::oid"};

// $1 the table, $2 the columns that it must have: those that it has not; its kind; whether the caller may read it.
constinit Statement look_at{R"(
SELECT c.relkind::text, n.nspname::text, has_table_privilege(c.oid, 'SELECT'),
       (SELECT string_agg(w.name, ', ' ORDER BY w.place) FROM unnest($2::text[]) WITH ORDINALITY w (name, place)
        WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = w.name AND NOT attisdropped))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1)"};

// What the optional columns add to the context. Of a query, the beginning.
constinit Statement select_additions{R"(
SELECT coalesce(string_agg(CASE attname WHEN 'client_query' THEN ', ''query'', left(client_query, 10000)'
                                        ELSE format(', %L, %I', attname, attname) END, '' ORDER BY attname), '')
FROM pg_attribute WHERE attrelid = $1 AND NOT attisdropped AND attname = ANY ($2::name[]))"};

// $1 the OID that a table had there, $2 and $3 its name, $4 and $5 the function of the peer's triggers: which table has
// that OID, if it is that one; which has the name; and whether one of them, or what is below it, has the trigger.
constinit Statement find_todays{R"(
WITH logging AS (
    SELECT g.tgrelid FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proname = $5::name AND n.nspname = $4::name),
tables AS (
    SELECT c.oid, n.nspname = $2::name AND c.relname = $3::name AS has_name, coalesce(pg_partition_root(c.oid), c.oid)::oid AS root
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND (c.oid = $1 OR c.relname = $3::name))
SELECT coalesce((SELECT root FROM tables WHERE oid = $1 AND (has_name OR oid IN (SELECT tgrelid FROM logging))), 0),
       coalesce((SELECT root FROM tables WHERE has_name), 0),
       coalesce((SELECT root FROM tables WHERE oid = $1), 0))"};

constinit Statement find_logging{R"(
SELECT EXISTS (SELECT FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
               WHERE p.proname = $3::name AND n.nspname = $2::name AND g.tgenabled <> 'D'
                 AND g.tgrelid IN (SELECT warden.audit_tree($1))))"};

std::string with_additions(const char *list, const std::string &additions) {
	std::string text = list;
	const auto at = text.find("$1");
	return text.replace(at, 2, additions);
}

/// The rows of these sources that come after these numbers.
std::string condition(const std::vector<std::pair<Oid, std::int64_t>> &after) {
	std::string sources;
	for (const auto &[source, last] : after) {
		sources +=
			format("%s(%u::oid, '%lld'::bigint)", sources.empty() ? "" : ", ", source, static_cast<long long>(last));
	}
	return " JOIN (VALUES " + sources + ") taken (source, last) ON taken.source = l.source AND l.id > taken.last";
}

} // namespace

PeerLog::PeerLog(const Peer &peer, std::optional<Oid> table) : peer_(peer), owner_(InvalidOid) {
	Spi spi;
	const Oid log = table ? *table
	                      : std::get<0>(spi.query<std::optional<Oid>>(find_table, std::string(peer.table)).front())
	                            .value_or(InvalidOid);
	const auto found = spi.query<std::string_view, std::string_view, bool, std::optional<std::string_view>>(
		look_at, log, std::string(peer.columns));
	if (found.empty()) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, format("there is no table %s", peer.table))
			.with_hint(format("Name the log of %s as \"log\", or connect to the database that it is in.", peer.name));
	}
	const auto &[kind, schema, is_readable, missing] = found.front();
	const std::string name = qualified_name(log);
	if (kind != "r" && kind != "p") {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, format("%s is not a table", name.c_str()))
			.with_detail("What is not a table itself could run code of others.");
	}
	if (!is_readable) {
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE, format("permission denied for table %s", name.c_str()));
	}
	if (missing) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("table %s is not a log of %s", name.c_str(), peer.name))
			.with_detail(format("It has no column %s.", std::string(*missing).c_str()));
	}
	schema_ = schema;
	owner_ = owner_of(log);
	const std::string additions(
		std::get<0>(spi.query<std::string_view>(select_additions, log, std::string(peer.optional)).front()));
	rows_ = "SELECT " + with_additions(peer.rows, additions) + ", xmin::text::bigint AS xid FROM " + name;
}

std::vector<Source> PeerLog::read_sources(std::optional<Oid> target) const {
	std::vector<Source> sources;
	std::vector<Oid> by_name;
	const std::string sql = "SELECT l.source, l.id, l.schema, l.name FROM (" + rows_ +
	                        ") l JOIN (SELECT source, max(id) AS id FROM (" + rows_ +
	                        ") l GROUP BY source) last ON last.id = l.id ORDER BY l.id DESC";
	Spi spi;
	std::vector<std::tuple<Oid, int64, std::string_view, std::string_view>> found;
	{
		const AsOwner owner(owner_);
		PinnedSettings::set("row_security", "off");
		found = spi.query<Oid, int64, std::string_view, std::string_view>(sql.c_str());
	}
	for (const auto &[number, last, schema, name] : found) {
		const auto [known, named, numbered] =
			spi.query<Oid, Oid, Oid>(find_todays, number, schema, name, schema_, std::string(peer_.trigger)).front();
		const bool is_target = target && (numbered == *target || named == *target);
		sources.push_back({.number = number,
		                   .name = qualified_name(std::string(schema), std::string(name)),
		                   .last = last,
		                   .table = is_target ? *target : known,
		                   .candidate = numbered,
		                   .is_logging = false});
		by_name.push_back(named);
	}
	// Where the OID says nothing: after a restore, the table of that name. Before one that was dropped and made again,
	// another one had its name.
	for (std::size_t i = 0; i < sources.size(); ++i) {
		if (!OidIsValid(sources[i].table) && std::ranges::find(sources, by_name[i], &Source::table) == sources.end()) {
			sources[i].table = by_name[i];
		}
	}
	std::erase_if(sources, [&](const Source &source) { return target && source.table != *target; });
	for (Source &source : sources) {
		source.is_logging =
			OidIsValid(source.table) &&
			std::get<0>(spi.query<bool>(find_logging, source.table, schema_, std::string(peer_.trigger)).front());
	}
	std::ranges::reverse(sources);
	return sources;
}

std::string PeerLog::select_rows(const std::vector<std::pair<Oid, std::int64_t>> &after) const {
	return "SELECT l.id, l.op, l.is_statement, l.at, l.began, l.old, l.new, l.role, l.application, l.client::text, "
	       "l.context"
	       " FROM (" +
	       rows_ + ") l" + condition(after) + " ORDER BY l.id";
}

std::optional<std::int64_t> PeerLog::first_since(const std::vector<std::pair<Oid, std::int64_t>> &after,
                                                 TimestampTz moment, const std::string &xids) const {
	const std::string sql = "SELECT min(l.id) FROM (" + rows_ + ") l" + condition(after) +
	                        " WHERE l.at >= $1 AND l.at <= clock_timestamp() OR l.xid = ANY ($2::bigint[])";
	const AsOwner owner(owner_);
	PinnedSettings::set("row_security", "off");
	Spi spi;
	const auto found = std::get<0>(spi.query<std::optional<int64>>(sql.c_str(), Timestamptz{moment}, xids).front());
	return found ? std::optional(std::int64_t{*found}) : std::nullopt;
}

} // namespace warden::audit
