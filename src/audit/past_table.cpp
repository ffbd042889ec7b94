#include "audit/past_table.hpp"

#include "pg/error.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

namespace warden::audit {

using namespace pg;

namespace {

// $1 the relation, $2 the table: its columns today.
constinit Statement select_today{R"(
SELECT a.attnum::integer, a.attname::text, format_type(a.atttypid, a.atttypmod), a.atttypid, a.atttypmod,
       k.name IS NOT NULL,
       a.attgenerated IN ('', 's') AND (r.columns IS NULL OR a.attname = ANY (r.columns) OR k.name IS NOT NULL)
       AND a.attname <> ALL (coalesce(r.except_columns, '{}'))
FROM warden.audit_relations r
JOIN pg_attribute a ON a.attrelid = $2 AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN warden.audit_key($2) k (name) ON k.name = a.attname
WHERE r.id = $1 ORDER BY a.attnum)"};

// $2 the table.
constinit Statement select_versions{R"(
SELECT v.id, coalesce(c->>'name', ''), coalesce((c->>'number')::integer, 0), coalesce(c->>'type', ''), coalesce(c ? 'key', false)
FROM warden.audit_versions v
LEFT JOIN jsonb_array_elements(warden.audit_columns_here(v.columns, v.transaction, v.relation, $2)) c ON true WHERE v.relation = $1)"};

// The columns before each change of the definition.
constinit Statement select_changes{R"(
SELECT d.id, d.transaction, d.at, c->>'name', (c->>'number')::integer
FROM warden.audit_changes d
CROSS JOIN LATERAL (SELECT coalesce(max(v.transaction), d.transaction) FROM warden.audit_versions v
                    WHERE v.relation = d.relation AND v.transaction <= d.transaction AND v.columns = d.before) v (transaction)
CROSS JOIN jsonb_array_elements(warden.audit_columns_here(d.before, v.transaction, d.relation, $2)) c WHERE d.relation = $1 ORDER BY d.id)"};

constinit Statement select_beginning{
	"SELECT transaction FROM warden.audit_versions WHERE relation = $1 ORDER BY id LIMIT 1"};

constinit Statement select_declared{R"(
SELECT r.id, r.since, r.since > $2, coalesce(clock_timestamp() - c.keep > $2, false)
FROM warden.audit_relations r JOIN warden.audit_classes c ON c.id = r.class
WHERE r.relation = $1 AND r.until IS NULL)"};

bool can_fail(const Decoder &decoder) {
	return decoder.form == Encoder::Form::Output ||
	       (decoder.form == Encoder::Form::Array && decoder.element->form == Encoder::Form::Output);
}

void read_today(Spi &spi, PastTable &past, std::int32_t relation, Oid table) {
	for (const auto &[number, name, type, type_oid, modifier, is_key, is_audited] :
	     spi.query_latest<int32, std::string_view, std::string_view, Oid, int32, bool, bool>(select_today, relation,
	                                                                                         table)) {
		TodaysColumn column{.number = static_cast<AttrNumber>(number),
		                    .name = std::string(name),
		                    .type = std::string(type),
		                    .is_key = is_key,
		                    .is_shown = is_audited};
		column.encoder = call(encoder_for, Oid{type_oid});
		column.decoder = call(decoder_for, Oid{type_oid}, int32{modifier});
		column.can_fail = can_fail(column.decoder);
		if (is_audited) {
			past.sorted.push_back(past.columns.size());
		} else {
			past.not_logged.emplace_back(name);
		}
		past.columns.push_back(std::move(column));
	}
	std::ranges::sort(past.sorted, comes_before, [&](std::size_t i) { return std::string_view(past.columns[i].name); });
	std::ranges::copy_if(past.sorted, std::back_inserter(past.key),
	                     [&](std::size_t i) { return past.columns[i].is_key; });
	if (past.key.size() == 1) {
		past.has_number_key = is_whole_number(past.columns[past.key.front()].encoder);
	}
}

int find_column(const PastTable &past, int32 number) {
	const auto found = std::ranges::find(past.columns, number, &TodaysColumn::number);
	return found == past.columns.end() ? -1 : static_cast<int>(found - past.columns.begin());
}

void read_versions(Spi &spi, PastTable &past, std::int32_t relation, Oid table) {
	for (const auto &[id, name, number, type, is_key] :
	     spi.query_latest<int32, std::string_view, int32, std::string_view, bool>(select_versions, relation, table)) {
		PastVersion &version = past.versions[id];
		if (name.empty()) {
			continue; // a table without columns
		}
		const int today = find_column(past, number);
		const bool is_same_type = today >= 0 && past.columns[static_cast<std::size_t>(today)].type == type;
		const bool is_same = is_same_type && past.columns[static_cast<std::size_t>(today)].name == name &&
		                     past.columns[static_cast<std::size_t>(today)].is_key == is_key;
		version.is_current = version.is_current && is_same;
		version.has_current_key = version.has_current_key && (!is_key || is_same);
		version.columns.push_back({std::string(name), today, is_same_type, is_key});
	}
	for (auto &[id, version] : past.versions) {
		std::ranges::sort(version.columns, comes_before,
		                  [](const PastColumn &column) { return std::string_view(column.name); });
		std::size_t keys = 0;
		bool are_todays = true;
		for (const PastColumn &column : version.columns) {
			keys += column.is_key ? 1 : 0;
			are_todays =
				are_todays &&
				(!column.is_key || (column.today >= 0 && past.columns[static_cast<std::size_t>(column.today)].is_key));
		}
		version.has_current_key = version.has_current_key && keys == past.key.size();
		version.has_all_keys = are_todays && keys == past.key.size();
		version.is_current = version.is_current && version.columns.size() == past.columns.size();
	}
}

// What a mark did not see begin was not logged from the mark on, however long ago it was made.
void check_beginning(Spi &spi, std::int32_t relation, Oid table, const LaterEvents &later) {
	for (const auto &[transaction] : spi.query_latest<int64>(select_beginning, relation)) {
		if (later.mark && later.has(transaction, 0, later.moment)) {
			throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			            format("the audit log of table %s does not reach back so far", qualified_name(table).c_str()))
				.with_detail("The mark's snapshot is older than its audit.");
		}
	}
}

// The columns of then, if they have changed since: those before the first change that is later.
std::vector<std::pair<std::string, int32>> columns_before(Spi &spi, std::int32_t relation, Oid table,
                                                          const LaterEvents &later) {
	std::vector<std::pair<std::string, int32>> columns;
	std::optional<std::int64_t> first;
	for (const auto &[id, transaction, at, name, number] :
	     spi.query_latest<int64, int64, Timestamptz, std::string_view, int32>(select_changes, relation, table)) {
		if (!first && later.has(transaction, id, at.value)) {
			first = id;
		}
		if (first == id) {
			columns.emplace_back(name, number);
		}
	}
	return columns;
}

void leave_out_later_columns(Spi &spi, PastTable &past, std::int32_t relation, Oid table, const LaterEvents &later) {
	const auto then = columns_before(spi, relation, table, later);
	for (const auto &[name, number] : then) {
		if (find_column(past, number) < 0) {
			past.dropped.emplace_back(name);
		}
	}
	for (TodaysColumn &column : past.columns) {
		const bool was_there =
			then.empty() || std::ranges::any_of(then, [&](const auto &old) { return old.second == column.number; });
		column.is_shown = column.is_shown && was_there;
	}
}

} // namespace

PastTable past_table(std::int32_t relation, Oid table, const LaterEvents &later) {
	PastTable past;
	const AsExtension owner;
	Spi spi;
	check_beginning(spi, relation, table, later);
	read_today(spi, past, relation, table);
	read_versions(spi, past, relation, table);
	leave_out_later_columns(spi, past, relation, table, later);
	return past;
}

std::int32_t relation_at(Oid table, Timestamptz moment) {
	const AsExtension owner;
	Spi spi;
	const auto declared = spi.query<int32, Timestamptz, bool, bool>(select_declared, table, moment);
	if (declared.empty()) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("table %s is not audited any more", qualified_name(table).c_str()))
			.with_hint("Read warden.audit_events.");
	}
	const auto [relation, since, is_before, is_deleted] = declared.front();
	if (is_before || is_deleted) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("the audit log of table %s does not reach back so far", qualified_name(table).c_str()))
			.with_detail(is_before ? "It has been audited only since later." : "Its events are not kept that long.");
	}
	return relation;
}

} // namespace warden::audit
