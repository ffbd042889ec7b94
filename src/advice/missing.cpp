// missing.cpp - advice_missing(): which indexes to build for a workload.
//
// The invariants: a statement that cannot be planned stops nothing and is told; the budget and the time are kept; what
// is said of an index holds if those of lower rank are built.
#include "advice/candidates.hpp"
#include "advice/column_changes.hpp"
#include "advice/given_advice.hpp"
#include "advice/index_command.hpp"
#include "advice/index_market.hpp"
#include "advice/selection.hpp"
#include "advice/served_queries.hpp"
#include "advice/workload.hpp"

#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <ranges>

extern "C" {
#include "utils/fmgrprotos.h"
}

namespace warden::advice {

using namespace pg;

namespace {

using Number = IndexSet::Number;
using Double = std::optional<double>;
using Text = std::optional<std::string>;
using Rows = ResultSet<std::optional<int32>, std::optional<Oid>, Text, std::optional<int64>, Double, Double, Double,
                       Double, Json, std::string, std::vector<std::string>, Double>;

// A statement that costs less is fast, whatever its plan is.
constexpr double least_cost = 100;
// Costs that differ by less are equal.
constexpr double noise = 1.015;
// Of a cost unit, where no statement tells how long one takes: a page from memory.
constexpr double usual_milliseconds = 0.01;
constexpr int most_indexes = 8;
// Where there is no budget, an index as large as all the tables has to be worth that share of the workload: what a
// column more saves may not be worth its room.
constexpr double rent_share = 0.05;

class TimeLimit final : public Deadline {
public:
	explicit TimeLimit(std::int64_t milliseconds)
		: end_(WhatIf::Clock::now() + std::chrono::milliseconds(milliseconds)) {}
	bool is_over() override { return WhatIf::Clock::now() >= end_; }

private:
	const WhatIf::Clock::time_point end_;
};

/// The planner; of a statement that fails meanwhile its last plan goes on to hold.
class Planner final : public CostSource {
public:
	Planner(WhatIf &what_if, std::vector<Statement> &statements)
		: what_if_(what_if), statements_(statements), last_(statements.size()) {}

	Plan plan(std::size_t statement, const IndexSet &present) override {
		check_for_interrupts();
		Statement &of = statements_[statement];
		if (!of.skipped.empty()) {
			return last_[statement];
		}
		if (const auto error = error_of([&] { last_[statement] = what_if_.plan(statement, present); })) {
			skip(of, *error);
		}
		return last_[statement];
	}

	static void skip(Statement &statement, const Error &error) {
		const char *const state = call([&] { return const_cast<const char *>(unpack_sql_state(error.sqlstate)); });
		statement.skipped = format("%s: %s", state, error.message.c_str());
	}

private:
	WhatIf &what_if_;
	std::vector<Statement> &statements_;
	std::vector<Plan> last_;
};

struct Options {
	double budget = std::numeric_limits<double>::max();
	std::int64_t milliseconds = 0;
	bool is_given = false; ///< the statements are; otherwise they are the workload
};

class Run {
public:
	Run(std::vector<Statement> statements, const Options &options)
		: options_(options), statements_(std::move(statements)), time_(options.milliseconds),
		  what_if_(statements_, indexes_), planner_(what_if_, statements_), costs_(planner_), market_(indexes_) {}

	void add_rows(Rows &rows);

private:
	void find_all_candidates();
	void find_candidates_of(std::size_t statement);
	void keep_common_conditions();
	bool is_of_tables(std::size_t statement);
	void weigh();
	void add_skipped(Rows &rows) const;
	void add_unknown(Rows &rows) const;
	void add_choice(Rows &rows, const Choice &choice);
	std::vector<std::size_t> served_by(const Choice &choice);
	std::vector<ServedCost> costs_of(const std::vector<std::size_t> &served, const IndexSet &without,
	                                 const IndexSet &with);
	Json queries_json(const std::vector<ServedCost> &queries) const;
	std::string reason_of(const Choice &choice, std::size_t count);
	std::vector<std::string> caveats_of(Number index, const IndexCommand &command);
	std::vector<ServedQuery> remembered(const std::vector<std::size_t> &served, Number index);
	double cost(std::size_t statement, const IndexSet &present) { return costs_.plan(statement, present).cost; }
	bool is_planned(std::size_t statement) const { return statements_[statement].skipped.empty(); }

	const Options options_;
	std::vector<Statement> statements_;
	KnownIndexes indexes_;
	TimeLimit time_;
	WhatIf what_if_;
	Planner planner_;
	CostCache costs_;
	IndexMarket market_;
	Task task_;
	Prices prices_;
	std::vector<std::string> reasons_;                      ///< by index
	std::vector<std::pair<ObjectId, std::size_t>> unknown_; ///< tables that were never analyzed, and statements
	Selection selection_;
	IndexSet chosen_;
	IndexSet built_; ///< those that are there, and those of the rows so far
	std::vector<std::string> names_;
	std::vector<GivenAdvice> given_;
};

void Run::find_candidates_of(std::size_t s) {
	std::vector<Candidate> candidates;
	std::vector<Silence> silence;
	if (const auto error =
	        error_of([&] { candidates = find_candidates(what_if_, s, statements_[s], indexes_, &silence); })) {
		Planner::skip(statements_[s], *error);
		return;
	}
	for (const Silence &one : silence) {
		if (one.reason == never_analyzed) {
			unknown_.emplace_back(one.relation, s);
		}
	}
	std::vector<ObjectId> tables;
	reasons_.resize(indexes_.size());
	for (Candidate &candidate : candidates) {
		const ObjectId table = market_.table_of(candidate.index);
		if (market_.is_small(table) || indexes_[candidate.index].existing != 0) {
			continue;
		}
		tables.push_back(table);
		task_.candidates[s].insert(candidate.index);
		if (reasons_[candidate.index].empty()) {
			reasons_[candidate.index] = std::move(candidate.reason);
		}
	}
	market_.set_tables(s, std::move(tables));
}

/// Of a statement that was sampled with several constants a partial index serves only what all of them have in common.
void Run::keep_common_conditions() {
	for (std::size_t s = 0; s < statements_.size(); ++s) {
		for (const Number index : IndexSet(task_.candidates[s]).members()) {
			const auto is_other = [&](std::size_t other) {
				return statements_[other].id == statements_[s].id && is_planned(other) &&
				       !task_.candidates[other].contains(index);
			};
			if (!indexes_[index].shape.predicate.empty() &&
			    std::ranges::any_of(std::views::iota(std::size_t{0}, statements_.size()), is_other)) {
				task_.candidates[s].erase(index);
			}
		}
	}
}

void Run::find_all_candidates() {
	task_.candidates.resize(statements_.size());
	for (std::size_t s = 0; s < statements_.size(); ++s) {
		if (is_planned(s) && time_.is_over()) {
			statements_[s].skipped = "max_time ended before";
		} else if (is_planned(s)) {
			check_for_interrupts();
			find_candidates_of(s);
		}
	}
	keep_common_conditions();
	task_.present = indexes_.existing();
	for (const Number index : task_.present.members()) {
		if (indexes_[index].may_go) {
			task_.replaceable.insert(index);
		}
	}
}

/// Otherwise all that it takes is the time of statements that its functions run, which are there themselves.
bool Run::is_of_tables(std::size_t statement) {
	std::size_t tables = 0;
	return error_of([&] { tables = what_if_.relations(statement).size(); }) || tables > 0;
}

/// What a unit of each statement's cost is worth: milliseconds a day, by the time that it takes now.
void Run::weigh() {
	double worth = 0; // of all statements
	double milliseconds = 0;
	double cost_of_calls = 0;
	task_.weights.resize(statements_.size());
	for (std::size_t s = 0; s < statements_.size(); ++s) {
		if (!is_planned(s)) {
			task_.candidates[s] = {};
			continue;
		}
		costs_.add_relevant(s, task_.present);
		const double now = cost(s, task_.present);
		const auto &time = statements_[s].milliseconds_per_day;
		if (now < least_cost) {
			task_.candidates[s] = {};
			if (!is_of_tables(s)) {
				continue;
			}
		} else if (time) { // the time of cheaper ones is that of writing, or waiting, of which their costs know nothing
			milliseconds += *time;
			cost_of_calls += statements_[s].calls_per_day * now;
		}
		task_.weights[s] = options_.is_given || !time ? 1 : *time / std::max(now, 1.0);
		worth += task_.weights[s] * now;
	}
	prices_ = read_prices(cost_of_calls > 0 ? milliseconds / cost_of_calls : usual_milliseconds);
	market_.add_changes(find_column_changes(what_if_, statements_, task_.present));
	if (!options_.is_given) {
		market_.weigh_upkeep(prices_);
	}
	if (options_.budget == Options().budget) {
		market_.set_rent(rent_share * worth / std::max(market_.bytes_of_tables(), 1.0));
	}
}

/// Those that use it when all is built, and those that become cheaper when it is.
std::vector<std::size_t> Run::served_by(const Choice &choice) {
	IndexSet with = built_;
	with.insert(choice.index);
	std::vector<std::size_t> served;
	for (std::size_t s = 0; s < statements_.size(); ++s) {
		if (is_planned(s) && (costs_.plan(s, task_.present | chosen_).used.contains(choice.index) ||
		                      cost(s, built_) > cost(s, with) * noise)) {
			served.push_back(s);
		}
	}
	return served;
}

std::vector<ServedCost> Run::costs_of(const std::vector<std::size_t> &served, const IndexSet &without,
                                      const IndexSet &with) {
	std::vector<ServedCost> queries;
	for (const std::size_t s : served) {
		const double before = cost(s, without);
		const double after = cost(s, with);
		add_sample(queries, {.id = statements_[s].id,
		                     .cost_before = before,
		                     .cost_after = after,
		                     .calls_per_day = statements_[s].calls_per_day,
		                     .saved_ms = task_.weights[s] * (before - after)});
	}
	return queries;
}

Json Run::queries_json(const std::vector<ServedCost> &queries) const {
	const std::string text = json_of(queries, !options_.is_given);
	return {call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.c_str())); })};
}

std::string Run::reason_of(const Choice &choice, std::size_t count) {
	std::string reason = choice.index < reasons_.size() ? reasons_[choice.index] : std::string();
	if (reason.empty()) {
		reason = "it does what several indexes would";
	}
	reason += format("; %zu %s would use it", count, count == 1 ? "query" : "queries");
	if (choice.gain <= 0) {
		reason += ", together with one of higher rank";
	}
	for (const Number old : choice.supersedes.members()) {
		reason += format("; then index %s is of no more use: it is in this one",
		                 qualified_name(indexes_[old].existing).c_str());
	}
	return reason;
}

std::vector<std::string> Run::caveats_of(Number index, const IndexCommand &command) {
	std::vector<std::string> caveats = indexes_[index].caveats;
	caveats.insert(caveats.end(), command.caveats.begin(), command.caveats.end());
	const ObjectId table = market_.table_of(index);
	const WriteActivity &activity = market_.activity_of(table);
	const WriteCost cost = market_.write_cost_of(index, prices_);
	if (cost.lost_hot_updates >= 1) {
		caveats.push_back(format("about %.0f of %.0f HOT updates a day would no longer be HOT: they change its columns",
		                         cost.lost_hot_updates, activity.rates.hot_updates));
	}
	int indexes = activity.rates.indexes;
	double bytes = activity.index_bytes;
	for (const Number other : chosen_.members()) {
		if (market_.table_of(other) == table) {
			++indexes;
			bytes += market_.bytes_of(other);
		}
	}
	if (indexes > most_indexes) {
		caveats.push_back(format("the table would have %d indexes: look whether others can go", indexes));
	}
	if (bytes > activity.bytes) {
		caveats.emplace_back("the table's indexes would be larger than the table");
	}
	return caveats;
}

/// Each statement once, with the mean of what it was sampled with.
std::vector<ServedQuery> Run::remembered(const std::vector<std::size_t> &served, Number index) {
	std::vector<ServedQuery> queries;
	if (options_.is_given) {
		return queries;
	}
	const IndexSet all = task_.present | chosen_;
	IndexSet others = all;
	others.erase(index);
	for (const ServedCost &query : costs_of(served, others, all)) {
		queries.push_back({.id = query.id, .cost_before = query.cost_before, .cost_after = query.cost_after});
	}
	return queries;
}

void Run::add_choice(Rows &rows, const Choice &choice) {
	const KnownIndex &known = indexes_[choice.index];
	const IndexCommand command = command_for(known.shape, known.size, names_);
	names_.push_back(command.name);
	const auto served = served_by(choice);
	IndexSet with = built_;
	with.insert(choice.index);
	double before = 0;
	double after = 0;
	const std::vector<ServedCost> queries = costs_of(served, built_, with);
	for (const ServedCost &query : queries) {
		before += query.cost_before;
		after += query.cost_after;
	}
	const double write_ms = market_.write_cost_of(choice.index, prices_).milliseconds;
	const Double saved = options_.is_given ? Double() : choice.gain + market_.upkeep_of(choice.index);
	rows.add(
		static_cast<int32>(given_.size() + 1), known.shape.table, command.command, known.size.bytes(), saved, before,
		after, write_ms, queries_json(queries), reason_of(choice, queries.size()), caveats_of(choice.index, command),
		selection_.total_before > 0 ? (choice.contribution + market_.upkeep_of(choice.index)) / selection_.total_before
									: 0);
	given_.push_back({.shape = known.shape,
	                  .command = command.command,
	                  .bytes = known.size.bytes(),
	                  .saved_ms = saved,
	                  .write_ms = write_ms,
	                  .queries = remembered(served, choice.index)});
	built_ = with;
}

void Run::add_skipped(Rows &rows) const {
	std::size_t count = 0;
	for (const Statement &statement : statements_) {
		if (statement.skipped.empty()) {
			continue;
		}
		++count;
		if (options_.is_given) {
			const std::string text = format("[{\"id\": %lld}]", static_cast<long long>(statement.id));
			const Json id{call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.c_str())); })};
			rows.add({}, {}, {}, {}, {}, {}, {}, {}, id,
			         format("query %lld cannot be planned: %s", static_cast<long long>(statement.id),
			                statement.skipped.c_str()),
			         {}, {});
		}
	}
	if (count > 0 && !options_.is_given) {
		report(NOTICE,
		       format("%zu statements of the workload could not be planned, see warden.advice_workload", count));
	}
}

/// A row for each table of which nothing is known.
void Run::add_unknown(Rows &rows) const {
	std::vector<ObjectId> tables;
	for (const auto &[table, statement] : unknown_) {
		if (std::ranges::find(tables, table) == tables.end()) {
			tables.push_back(table);
		}
	}
	for (const ObjectId of : options_.is_given ? tables : std::vector<ObjectId>()) {
		std::string text;
		for (const auto &[table, statement] : unknown_) {
			if (table == of) {
				text += format("%s{\"id\": %lld}", text.empty() ? "[" : ", ",
				               static_cast<long long>(statements_[statement].id));
			}
		}
		text += "]";
		const Json json{call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.c_str())); })};
		rows.add({}, of, {}, {}, {}, {}, {}, {}, json, never_analyzed, {}, {});
	}
	if (!tables.empty() && !options_.is_given) {
		report(NOTICE, format("%zu tables of the workload were never analyzed, so that nothing is advised for them",
		                      tables.size()));
	}
}

void Run::add_rows(Rows &rows) {
	find_all_candidates();
	weigh();
	task_.budget = options_.budget;
	selection_ = select(task_, costs_, market_, time_);
	for (const Choice &choice : selection_.choices) {
		chosen_.insert(choice.index);
	}
	built_ = task_.present;
	for (const Choice &choice : selection_.choices) {
		add_choice(rows, choice);
	}
	add_skipped(rows);
	add_unknown(rows);
	if (!selection_.is_complete) {
		report(NOTICE, "max_time ended before everything was tried: this is the best found so far");
	}
	remember(given_);
	report(DEBUG1, format("advice: %lld plans, %zu indexes considered, the workload costs %.4f of what it did",
	                      static_cast<long long>(what_if_.calls()), indexes_.size(),
	                      selection_.total_before > 0 ? selection_.total_after / selection_.total_before : 1));
}

std::vector<Statement> given_queries(TextArray array) {
	Datum *elements = nullptr;
	bool *nulls = nullptr;
	int count = 0;
	call([&] {
		deconstruct_array(DatumGetArrayTypeP(array.datum), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	});
	std::vector<Statement> statements;
	for (int i = 0; i < count; ++i) {
		if (nulls[i]) {
			throw Error(ERRCODE_NULL_VALUE_NOT_ALLOWED, "\"queries\" must not contain nulls");
		}
		Statement statement;
		statement.id = i + 1;
		statement.text = call([&] { return SqlType<std::string_view>::from_datum(elements[i]); });
		statements.push_back(std::move(statement));
	}
	return statements;
}

std::int64_t time_argument(FunctionCallInfo fcinfo, int n) {
	required_argument<Value<INTERVALOID>>(fcinfo, n, "max_time");
	const double milliseconds = call([&] {
		// As the server turns an interval into seconds: 30 days are a month.
		const Interval *const interval = DatumGetIntervalP(fcinfo->args[n].value);
		const double days = interval->day + 30.0 * interval->month;
		return days * SECS_PER_DAY * 1000.0 + static_cast<double>(interval->time) / 1000.0;
	});
	if (milliseconds < 1) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "max_time must be at least a millisecond");
	}
	return static_cast<std::int64_t>(std::min(milliseconds, 1e9));
}

} // namespace

/// advice_missing(budget_bytes, queries, max_time)
PG_FUNCTION(advice_missing) {
	Options options{.milliseconds = time_argument(fcinfo, 2)};
	if (const auto budget = argument<std::optional<int64>>(fcinfo, 0)) {
		if (*budget <= 0) {
			throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "budget_bytes must be positive")
				.with_hint("Leave it out for no limit.");
		}
		options.budget = static_cast<double>(*budget);
	}
	const auto given = argument<std::optional<TextArray>>(fcinfo, 1);
	options.is_given = given.has_value();
	Rows rows(fcinfo);
	Run run(given ? given_queries(*given) : read_workload(), options);
	run.add_rows(rows);
	PG_RETURN_NULL();
}

} // namespace warden::advice
