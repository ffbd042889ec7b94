#include "audit/undo_events.hpp"

#include "audit/history.hpp"
#include "audit/incarnation.hpp"
#include "audit/past_table.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "access/commit_ts.h"
}

namespace warden::audit {

using namespace pg;

namespace {

// A row for each column that an event is about, under its name of today.  What a row is known by: its key, else all of
// it; said once, with the columns of the key: none if some are not there any more.  Planned each time: for this
// condition, and these partitions.
constexpr const char *select_events = R"(
WITH events AS MATERIALIZED (SELECT * FROM warden.audit_log e WHERE e.operation <> 'K' AND %s),
versions AS MATERIALIZED (
    SELECT v.id, v.key_column, warden.audit_columns_here(v.columns, v.transaction, v.relation, r.relation::oid) AS columns
    FROM warden.audit_versions v JOIN warden.audit_relations r ON r.id = v.relation
    WHERE v.id IN (SELECT e.version FROM events e))
SELECT e.id, e.operation::text, r.relation::oid, e.key_number IS NOT NULL, e.flags & 16 = 16,
       CASE WHEN coalesce(c.n, 1) = 1 THEN warden.audit_today(i.before, v.columns, r.relation::oid)::text END,
       CASE WHEN coalesce(c.n, 1) = 1 THEN warden.audit_today(i.after, v.columns, r.relation::oid)::text END, c.name, c.old::text, c.new::text,
       CASE WHEN coalesce(c.n, 1) = 1 AND e.key_number IS NOT NULL THEN
           (SELECT CASE WHEN count(*) = count(t.attname) THEN string_agg(t.attname, ', ' ORDER BY t.attnum) ELSE '' END
            FROM jsonb_array_elements(v.columns) p
            LEFT JOIN pg_attribute t ON t.attrelid = r.relation::oid AND t.attnum = (p->>'number')::int2 AND NOT t.attisdropped
            WHERE p ? 'key') END
FROM events e
JOIN warden.audit_relations r ON r.id = e.relation
JOIN versions v ON v.id = e.version
CROSS JOIN LATERAL (SELECT coalesce(e.key, CASE WHEN e.key_number IS NOT NULL
                                                THEN jsonb_build_object(v.key_column, e.key_number) END) OFFSET 0) k (key)
LEFT JOIN LATERAL (SELECT jsonb_object_agg(n.key, coalesce(e.after->n.key, n.value)) FROM jsonb_each(k.key) n
                   WHERE e.operation = 'U' AND e.flags & 1 = 1) a (key) ON true
CROSS JOIN LATERAL (SELECT CASE WHEN e.key_number IS NOT NULL THEN k.key ELSE coalesce(e.before, e.after) END,
                           CASE WHEN e.key_number IS NOT NULL THEN coalesce(a.key, k.key)
                                ELSE coalesce(e.before || e.after, e.before, e.after) END OFFSET 0) i (before, after)
LEFT JOIN LATERAL (SELECT coalesce(o.key, n.key) AS name, o.value AS old, n.value AS new, row_number() OVER () AS n
                   FROM jsonb_each(warden.audit_today(e.before, v.columns, r.relation::oid)) o
                   FULL JOIN jsonb_each(warden.audit_today(e.after, v.columns, r.relation::oid)) n ON n.key = o.key
                   WHERE e.operation <> 'U' OR n.key IS NOT NULL) c ON true
ORDER BY e.id, c.n)";

// $1 the transaction, $2 the moment, $3 the incarnation whose transactions have a time of commit, or 0.
constinit Statement ask_later{R"(
SELECT EXISTS (SELECT FROM warden.audit_log WHERE at > $2 AND transaction = $1)
       OR CASE WHEN $3 > 0 AND $1 >> 52 = $3
               THEN coalesce(pg_xact_commit_timestamp(($1 & 4503599627370495)::text::xid8::xid) > $2, false)
               ELSE false END)"};

RowEvent::Kind kind_of(std::string_view operation) {
	return operation == "I"   ? RowEvent::Kind::Insert
	       : operation == "U" ? RowEvent::Kind::Update
	                          : RowEvent::Kind::Delete;
}

template <class... Args>
UndoEvents read_events(const char *condition, const Args &...args) {
	const AsExtension owner;
	PinnedSettings::set("enable_seqscan", "off"); // a partition that nobody has analyzed is not known to be in order
	UndoEvents events;
	std::int64_t last = 0;
	Spi spi;
	using Text = std::optional<std::string_view>;
	const std::string query = format(select_events, condition);
	// By the transaction's snapshot if it keeps one, as the rows are found: what that does not see is not gone.
	for (const auto &[id, operation, table, has_key, is_emptied, key, key_after, column, before, after, key_columns] :
	     spi.query<int64, std::string_view, Oid, bool, bool, Text, Text, Text, Text, Text, Text>(query.c_str(),
	                                                                                             args...)) {
		TableEvents &of_table = events[table];
		if (id != last) {
			last = id;
			if (!key || !key_after) {
				of_table.is_emptied = of_table.is_emptied || is_emptied; // the TRUNCATE itself
				continue;
			}
			const std::string columns(key_columns.value_or(""));
			of_table.is_key_lost = of_table.is_key_lost || (has_key && columns.empty());
			of_table.is_key_changed =
				of_table.is_key_changed || (!of_table.events.empty() && of_table.key_columns != columns);
			of_table.key_columns = columns;
			of_table.events.push_back({kind_of(operation), std::string(*key), std::string(*key_after), {}, {}});
			of_table.has_key = has_key;
			if (operation == "U" && !column) {
				of_table.events.back().before.emplace("", ""); // columns that are gone, which no name of today is of
			}
		}
		if (column && before) {
			of_table.events.back().before.emplace(*column, *before);
		}
		if (column && after) {
			of_table.events.back().after.emplace(*column, *after);
		}
	}
	return events;
}

/// He who undoes changes is told all of them, also in columns that are left out since.
void check(const UndoEvents &events, const std::string &what, const char *hint) {
	if (events.empty()) {
		throw Error(ERRCODE_NO_DATA_FOUND, format("there is nothing of %s in the audit log", what.c_str()))
			.with_hint(hint);
	}
	for (const auto &[table, of_table] : events) {
		if (!relation_exists(table)) {
			throw Error(ERRCODE_UNDEFINED_TABLE, format("a table that %s changed was dropped", what.c_str()))
				.with_detail("Its rows are in warden.audit_events.");
		}
		const Readable rights = readable(table);
		if (!rights.is_whole) {
			throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
			            format("permission denied for what was logged of table %s", qualified_name(table).c_str()))
				.with_detail("To undo changes takes the right to read all columns.");
		}
		check_whole(rights);
		if (of_table.is_key_lost) {
			throw Error(ERRCODE_UNDEFINED_COLUMN,
			            format("rows of table %s were known by columns that it does not have any more",
			                   qualified_name(table).c_str()))
				.with_detail("They are in warden.audit_events.");
		}
		if (of_table.is_key_changed) {
			throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, format("the key of table %s was changed within %s",
			                                                  qualified_name(table).c_str(), what.c_str()))
				.with_detail("Which events are of one row cannot be told.")
				.with_hint("Undo its events one by one, the last one first: event => audit_events.id.");
		}
	}
}

/// Whether a transaction, which has had events until the moment, was not committed by then.
bool is_later(std::int64_t transaction, Timestamptz moment) {
	const std::int32_t incarnation = track_commit_timestamp ? call(known_incarnation) : 0;
	const AsExtension owner;
	PinnedSettings::set("enable_seqscan", "off");
	return std::get<0>(Spi().query_latest<bool>(ask_later, int64{transaction}, moment, incarnation).front());
}

/// As arrays, in text.
struct Numbers {
	std::string text = "{";
	void add(std::int64_t number) { text += format("%s%ld", text.size() == 1 ? "" : ",", number); }
};

} // namespace

UndoEvents events_of_transaction(std::int64_t transaction) {
	UndoEvents events = read_events("e.transaction = $1", int64{transaction});
	check(events, format("transaction %ld", transaction),
	      "Transactions are in warden.audit_events, in the column transaction_id.");
	return events;
}

UndoEvents event_of_id(std::int64_t id) {
	UndoEvents events = read_events("e.id = $1", int64{id});
	check(events, format("event %ld", id), "Events are in warden.audit_events, in the column id.");
	return events;
}

UndoEvents events_of_row(Oid table, Json key, Timestamptz moment) {
	const Readable rights = readable(table);
	check_whole(rights);
	const std::int32_t relation = relation_at(rights.table, moment);
	std::vector<HistoryEvent> history = history_of(rights, key);
	if (history.empty()) {
		throw Error(ERRCODE_NO_DATA_FOUND, format("there is nothing of this row of table %s in the audit log",
		                                          qualified_name(rights.table).c_str()))
			.with_hint("Its keys are in warden.audit_events, in the column key.");
	}
	// Of those before the moment, none but the last can be of a transaction that was not committed: others who change
	// the row wait for it.
	const auto since = std::ranges::find_if(history, [&](const auto &e) { return e.at.value > moment.value; });
	auto first = since;
	if (since != history.begin() && is_later(std::prev(since)->transaction, moment)) {
		first = std::ranges::find(history, std::prev(since)->transaction, &HistoryEvent::transaction);
	}
	if (first == history.end()) {
		return {};
	}
	Numbers ids;
	Numbers keys;
	for (auto event = first; event != history.end(); ++event) {
		ids.add(event->id);
		keys.add(event->key_number);
	}
	UndoEvents events = read_events("e.relation = $1 AND e.key_number = ANY ($2::text::bigint[]) "
	                                "AND e.id IN (SELECT unnest($3::text::bigint[]))",
	                                int32{relation}, keys.text + "}", ids.text + "}");
	check(events, "what became of the row", "");
	return events;
}

} // namespace warden::audit
