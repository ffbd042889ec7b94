// undo.cpp - Takes back what a transaction has changed, or an event, or what became of a row since a moment.
//
// The invariants: it is done as the caller, with his rights, by statements that he could have typed, so that triggers
// fire and the undo is audited and can be undone itself; nothing that has changed since is overwritten unless he says
// so; it is done as a whole or not at all, but for what he has it skip.
#include "audit/audit.hpp"

#include "audit/context.hpp"
#include "audit/undo_plan.hpp"

#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"

#include <algorithm>

namespace warden::audit {

using namespace pg;

namespace {

/// How it is to be done.
struct Options {
	OnConflict on_conflict;
	bool dry_run;
};

/// What is to be undone.
struct Subject {
	std::string name;
	const char *context; ///< the undo is known by, there
	std::string value;
	UndoEvents events;
};

using Result = ResultSet<Oid, std::optional<std::string>, std::string, std::string, std::optional<std::string>,
                         std::optional<std::string>>;

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

Options read_options(FunctionCallInfo fcinfo, int n) {
	const Options options{.on_conflict = read_on_conflict(fcinfo, n),
	                      .dry_run = required_argument<bool>(fcinfo, n + 1, "dry_run")};
	if (!options.dry_run) {
		call(PreventCommandIfReadOnly, "warden.audit_undo()");
	}
	return options;
}

std::string known_as(const Undo &undo) {
	return undo.change.existed ? undo.change.key : undo.change.key_after;
}

[[noreturn]] void refuse(const std::string &subject, const Undo &obstacle) {
	const char *const reason = obstacle.status == "cascade"   ? "rows of others would go with a row"
	                           : obstacle.status == "lost"    ? "the log does not have all of a row"
	                           : obstacle.status == "skipped" ? "something else kept a row as it is"
	                                                          : "a row has changed since";
	const std::string row = known_as(obstacle).empty() ? "" : "Row " + known_as(obstacle) + ": ";
	const std::string message =
		"cannot undo " + subject + ": " + reason + " of table " + qualified_name(obstacle.table->oid());
	throw Error(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION, message)
		.with_detail(row + obstacle.detail.value_or(""))
		.with_hint("See all with dry_run => true; then use on_conflict => 'skip' or 'force'.");
}

void perform(UndoPlan &plan, const std::string &subject, OnConflict on_conflict) {
	const std::vector<Undo *> due = plan.due();
	std::vector<const RowStatement *> statements;
	statements.reserve(due.size());
	for (const Undo *const undo : due) {
		if (undo->statement) { // what is due has one
			statements.push_back(&*undo->statement);
		}
	}
	const std::vector<std::uint64_t> counts = run_as_one(statements);
	for (std::size_t i = 0; i < due.size(); ++i) {
		due[i]->status = "done";
		if (counts[i] == 0) {
			due[i]->status = "skipped";
			due[i]->detail = "A trigger or a rule of the table has kept it from being done.";
			if (on_conflict == OnConflict::Abort) {
				refuse(subject, *due[i]);
			}
		}
	}
}

Datum undo(FunctionCallInfo fcinfo, const Subject &subject, const Options &options) {
	Result result(fcinfo);
	UndoPlan plan(subject.events, options.on_conflict, !options.dry_run);
	const auto obstacle = std::ranges::find_if(plan.rows(), is_in_the_way);
	if (!options.dry_run && options.on_conflict == OnConflict::Abort && obstacle != plan.rows().end()) {
		refuse(subject.name, *obstacle);
	}
	if (!options.dry_run) {
		add_to_context(subject.context, subject.value);
		perform(plan, subject.name, options.on_conflict);
	}
	for (const Undo &row : plan.rows()) {
		const bool is_skipped =
			!options.dry_run && !row.is_due && (row.status == "conflict" || row.status == "cascade");
		const auto command = row.statement ? std::optional(row.statement->text) : std::nullopt;
		const auto key = known_as(row).empty() ? std::nullopt : std::optional(known_as(row));
		result.add(row.table->oid(), key, row.action, is_skipped ? "skipped" : row.status, command, row.detail);
	}
	PG_RETURN_NULL();
}

} // namespace

/// audit_undo(transaction_id bigint, on_conflict text, dry_run boolean, event bigint) returns table (relation, key,
/// action, status, command, detail)
PG_FUNCTION(audit_undo) {
	const auto transaction = argument<std::optional<int64>>(fcinfo, 0);
	const auto event = argument<std::optional<int64>>(fcinfo, 3);
	const Options options = read_options(fcinfo, 1);
	if (transaction.has_value() == event.has_value()) {
		throw Error(ERRCODE_NULL_VALUE_NOT_ALLOWED, "there must be either a transaction or an event to undo")
			.with_hint("Type transaction_id => or event => with a number of warden.audit_events.");
	}
	if (event) {
		return undo(fcinfo, {format("event %ld", *event), "undoes_event", format("%ld", *event), event_of_id(*event)},
		            options);
	}
	return undo(fcinfo,
	            {format("transaction %ld", *transaction), "undoes", format("%ld", *transaction),
	             events_of_transaction(*transaction)},
	            options);
}

/// audit_undo(target regclass, row_key jsonb, moment timestamptz, on_conflict text, dry_run boolean) returns the same
PG_FUNCTION(audit_undo_row) {
	const auto table = required_argument<Oid>(fcinfo, 0, "target");
	const auto key = required_argument<Json>(fcinfo, 1, "row_key");
	const auto moment = required_argument<Timestamptz>(fcinfo, 2, "moment");
	const Options options = read_options(fcinfo, 3);
	constexpr const char *describe = "SELECT jsonb_build_object('table', $1::regclass, 'key', $2, 'moment', $3)::text";
	const std::string what(std::get<0>(Spi().query<std::string_view>(describe, table, key, moment).front()));
	return undo(fcinfo, {"what became of the row", "undoes_since", what, events_of_row(table, key, moment)}, options);
}

} // namespace warden::audit
