// undo.cpp - Takes back what a transaction has changed.
//
// The invariants: it is done as the caller, with his rights, by statements that he could have typed, so that triggers
// fire and the undo is audited and can be undone itself; nothing that has changed since is overwritten unless he says
// so; it is done as a whole or not at all, but for what he has it skip.
#include "audit/audit.hpp"

#include "audit/context.hpp"
#include "audit/live_table.hpp"
#include "audit/readable.hpp"

#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <map>

extern "C" {
#include "access/xlog.h"
}

namespace warden::audit {

using namespace pg;

namespace {

// $1 the transaction.  A row for each column that an event is about, under its name of today.
constinit Statement select_events{R"(
SELECT e.id, e.operation::text, r.relation::oid, warden.audit_today(k.key, v.columns, r.relation::oid)::text,
       warden.audit_today(coalesce(a.key, k.key), v.columns, r.relation::oid)::text, c.name, c.old::text, c.new::text
FROM warden.audit_log e
JOIN warden.audit_relations r ON r.id = e.relation
JOIN warden.audit_versions v ON v.id = e.version
CROSS JOIN LATERAL (SELECT coalesce(e.key, CASE WHEN e.key_number IS NOT NULL
                                                THEN jsonb_build_object(v.key_column, e.key_number) END) OFFSET 0) k (key)
LEFT JOIN LATERAL (SELECT jsonb_object_agg(n.key, coalesce(e.after->n.key, n.value)) FROM jsonb_each(k.key) n
                   WHERE e.operation = 'U' AND e.flags & 1 = 1) a (key) ON true
LEFT JOIN LATERAL (SELECT coalesce(o.key, n.key) AS name, o.value AS old, n.value AS new
                   FROM jsonb_each(warden.audit_today(e.before, v.columns, r.relation::oid)) o
                   FULL JOIN jsonb_each(warden.audit_today(e.after, v.columns, r.relation::oid)) n ON n.key = o.key) c ON true
WHERE e.transaction = $1 AND e.operation <> 'K'
ORDER BY e.id)"};

constinit Statement select_members{"SELECT key, value::text FROM jsonb_each($1::jsonb)"};

constinit Statement select_relations{R"(
SELECT DISTINCT r.relation::oid FROM warden.audit_relations r
WHERE EXISTS (SELECT FROM warden.audit_log e WHERE e.transaction = $1 AND e.relation = r.id))"};

enum class OnConflict { Abort, Skip, Force };

/// What is to be done to one row.
struct Undo {
	const LiveTable *table;
	NetChange change;
	std::string action;
	std::string status;
	std::optional<std::string> command;
	std::optional<std::string> detail;
	bool is_due; ///< it is to be done
};

RowEvent::Kind kind_of(std::string_view operation) {
	return operation == "I"   ? RowEvent::Kind::Insert
	       : operation == "U" ? RowEvent::Kind::Update
	                          : RowEvent::Kind::Delete;
}

Values members_of(Spi &spi, const std::string &json) {
	Values values;
	for (const auto &[name, value] : spi.query<std::string_view, std::string_view>(select_members, json)) {
		values.emplace(name, value);
	}
	return values;
}

/// The events of each table.
std::map<Oid, std::vector<RowEvent>> read_events(std::int64_t transaction) {
	const AsExtension owner;
	std::map<Oid, std::vector<RowEvent>> events;
	std::int64_t last = 0;
	Spi spi;
	using Text = std::optional<std::string_view>;
	for (const auto &[id, operation, table, key, key_after, column, before, after] :
	     spi.query_latest<int64, std::string_view, Oid, Text, Text, Text, Text, Text>(select_events, transaction)) {
		if (!key || !key_after) {
			if (operation == "T" && !before) {
				continue; // the statement itself
			}
			throw Error(ERRCODE_FEATURE_NOT_SUPPORTED,
			            format("cannot undo changes of table %s, which has no key", qualified_name(table).c_str()))
				.with_detail("Its rows cannot be told from each other.");
		}
		std::vector<RowEvent> &of_table = events[table];
		if (id != last) {
			of_table.push_back({kind_of(operation), std::string(*key), std::string(*key_after), {}, {}});
			last = id;
		}
		if (column && before) {
			of_table.back().before.emplace(*column, *before);
		}
		if (column && after) {
			of_table.back().after.emplace(*column, *after);
		}
	}
	return events;
}

/// Those that are told from what the log says of them.
std::vector<std::string> differing(const Values &live, const Values &logged) {
	std::vector<std::string> names;
	for (const auto &[name, value] : logged) {
		const auto found = live.find(name);
		if (found != live.end() && found->second != value) {
			names.push_back(name);
		}
	}
	return names;
}

std::string list(const std::vector<std::string> &names) {
	std::string text;
	for (const std::string &name : names) {
		text += (text.empty() ? "" : ", ") + name;
	}
	return text;
}

/// The planner of the rows of one table.
class Planner {
public:
	Planner(const LiveTable &table, OnConflict on_conflict, bool locks)
		: table_(table), on_conflict_(on_conflict), locks_(locks) {}

	Undo plan(NetChange change) {
		Undo undo{&table_, std::move(change), "", "planned", {}, {}, true};
		if (!undo.change.existed) {
			plan_deletion(undo);
		} else if (undo.change.exists) {
			plan_update(undo);
		} else {
			plan_insertion(undo);
		}
		return undo;
	}

private:
	void plan_deletion(Undo &undo) {
		undo.action = "delete";
		const Values key = members_of(spi_, undo.change.key_after);
		const auto live = table_.find(key, locks_);
		if (!live) {
			give_up(undo, "gone", "The row is not there any more.");
			return;
		}
		undo.command = table_.deletion(key);
		compare(undo, *live, undo.change.after);
	}

	void plan_update(Undo &undo) {
		undo.action = "update";
		const Values key = members_of(spi_, undo.change.key_after);
		const auto live = table_.find(key, locks_);
		if (!live) {
			give_up(undo, "gone", "The row is not there any more.");
			return;
		}
		std::erase_if(undo.change.before, [&](const auto &value) { return !table_.has(value.first); });
		if (undo.change.before.empty()) {
			give_up(undo, "gone", "The columns that were changed are not there any more.");
			return;
		}
		undo.command = table_.update(key, undo.change.before);
		compare(undo, *live, undo.change.after);
	}

	void plan_insertion(Undo &undo) {
		undo.action = "insert";
		const Values key = members_of(spi_, undo.change.key);
		const auto live = table_.find(key, locks_);
		if (!live) {
			undo.command = table_.insertion(undo.change.before);
			return;
		}
		Values changes = undo.change.before;
		std::erase_if(changes, [&](const auto &value) { return !table_.has(value.first); });
		undo.command = table_.update(key, changes);
		conflict(undo, "Another row has its key now.");
	}

	void compare(Undo &undo, const Values &live, const Values &logged) {
		const std::vector<std::string> names = differing(live, logged);
		if (!names.empty()) {
			conflict(undo, "Changed since: " + list(names) + ".");
		}
	}

	void conflict(Undo &undo, const std::string &detail) {
		undo.detail = detail;
		undo.status = "conflict";
		undo.is_due = on_conflict_ == OnConflict::Force;
	}

	// What is not there cannot be changed, whatever the caller says; that what was inserted is not there is as it
	// should be.
	void give_up(Undo &undo, const char *status, const std::string &detail) {
		undo.status = status;
		undo.detail = detail;
		undo.is_due = false;
	}

	const LiveTable &table_;
	OnConflict on_conflict_;
	bool locks_;
	Spi spi_;
};

bool is_in_the_way(const Undo &undo) {
	return undo.status == "conflict" || (undo.status == "gone" && undo.action != "delete");
}

/// Deletions, changes, insertions; what a constraint does not allow yet is tried again when the others are done.
void perform(std::vector<Undo> &plan) {
	std::vector<Undo *> due;
	for (const char *const action : {"delete", "update", "insert"}) {
		for (Undo &undo : plan) {
			if (undo.is_due && undo.action == action) {
				due.push_back(&undo);
			}
		}
	}
	while (!due.empty()) {
		std::optional<Error> first;
		const std::size_t before = due.size();
		std::erase_if(due, [&](Undo *undo) {
			check_for_interrupts();
			const auto error = attempt([&] { Spi().execute(undo->command.value_or("").c_str()); });
			first = first ? first : error;
			undo->status = error ? undo->status : "done";
			return !error;
		});
		if (first && due.size() == before) {
			throw Error(*first);
		}
	}
}

OnConflict read_on_conflict(FunctionCallInfo fcinfo, int n) {
	const auto text = required_argument<std::string_view>(fcinfo, n, "on_conflict");
	if (text == "abort") {
		return OnConflict::Abort;
	}
	if (text == "skip") {
		return OnConflict::Skip;
	}
	if (text == "force") {
		return OnConflict::Force;
	}
	throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("\"on_conflict\" cannot be \"%s\"", std::string(text).c_str()))
		.with_hint("Use abort, skip or force.");
}

/// He who undoes a change is told all of it.
void check_readable(std::int64_t transaction) {
	std::vector<Oid> tables;
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[table] : spi.query_latest<Oid>(select_relations, transaction)) {
			tables.push_back(table);
		}
	}
	if (tables.empty()) {
		throw Error(ERRCODE_NO_DATA_FOUND, format("there is nothing of transaction %ld in the audit log", transaction))
			.with_hint("Transactions are in warden.audit_events, in the column transaction_id.");
	}
	for (const Oid table : tables) {
		if (!relation_exists(table)) {
			throw Error(ERRCODE_UNDEFINED_TABLE, "a table that the transaction changed was dropped")
				.with_detail("Its rows are in warden.audit_events.");
		}
		if (!readable(table).is_whole) {
			throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE,
			            format("permission denied for what was logged of table %s", qualified_name(table).c_str()))
				.with_detail("To undo changes takes the right to read all columns.");
		}
	}
}

} // namespace

/// audit_undo(transaction_id bigint, on_conflict text, dry_run boolean) returns table (relation, key, action, status,
/// command, detail)
PG_FUNCTION(audit_undo) {
	const auto transaction = required_argument<int64>(fcinfo, 0, "transaction_id");
	const OnConflict on_conflict = read_on_conflict(fcinfo, 1);
	const auto dry_run = required_argument<bool>(fcinfo, 2, "dry_run");
	ResultSet<Oid, std::string, std::string, std::string, std::optional<std::string>, std::optional<std::string>> rows(
		fcinfo);
	if (!dry_run) {
		call(PreventCommandIfReadOnly, "warden.audit_undo()");
	}
	check_readable(transaction);
	std::vector<LiveTable> tables;
	std::vector<Undo> plan;
	const auto events = read_events(transaction);
	tables.reserve(events.size());
	for (const auto &[table, of_table] : events) {
		const LiveTable &live = tables.emplace_back(table);
		Planner planner(live, on_conflict, !dry_run);
		for (NetChange &change : net_changes(of_table)) {
			plan.push_back(planner.plan(std::move(change)));
		}
	}
	const auto obstacle = std::ranges::find_if(plan, is_in_the_way);
	if (!dry_run && on_conflict == OnConflict::Abort && obstacle != plan.end()) {
		throw Error(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION,
		            format("cannot undo transaction %ld: a row of table %s has changed since", transaction,
		                   qualified_name(obstacle->table->oid()).c_str()))
			.with_detail("Row " + obstacle->change.key_after + ": " + obstacle->detail.value_or(""))
			.with_hint("See all with dry_run => true; then use on_conflict => 'skip' or 'force'.");
	}
	if (!dry_run) {
		add_to_context("undoes", transaction);
		perform(plan);
	}
	for (const Undo &undo : plan) {
		const bool is_skipped = !dry_run && !undo.is_due;
		rows.add(undo.table->oid(), undo.change.existed ? undo.change.key : undo.change.key_after, undo.action,
		         is_skipped && undo.status == "conflict" ? "skipped" : undo.status, undo.command, undo.detail);
	}
	PG_RETURN_NULL();
}

} // namespace warden::audit
