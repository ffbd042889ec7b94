#include "advice/workload.hpp"

#include "advice/column_changes.hpp"
#include "advice/pg_stat_statements.hpp"
#include "advice/samples.hpp"
#include "advice/statement_text.hpp"
#include "advice/statement_times.hpp"
#include "advice/what_if.hpp"

#include "pg/result_set.hpp"

#include <algorithm>

extern "C" {
#include "catalog/pg_authid_d.h"
#include "commands/dbcommands.h"
#include "utils/acl.h"
#include "utils/timestamp.h"
}

namespace warden::advice {

using namespace pg;

namespace {

constexpr std::size_t most_statements = 500;
constexpr std::size_t most_variants = 3;
constexpr double enough_of_the_time = 0.99;
constexpr double microseconds_per_day = 86400.0 * 1000 * 1000;
constexpr double shortest_observation = 3600.0 * 1000 * 1000; ///< what is extrapolated to a day is at least an hour

bool by_cost(const Recorded &a, const Recorded &b) {
	return std::pair(-a.milliseconds, a.statement.id) < std::pair(-b.milliseconds, b.statement.id);
}

bool may_read(Oid role) {
	return call([&] {
		const Oid reader = GetUserId();
		return has_privs_of_role(reader, role) || has_privs_of_role(reader, ROLE_PG_READ_ALL_STATS);
	});
}

bool comes_before(const Recorded &a, const Recorded &b) {
	return std::pair(a.statement.id, a.statement.role) < std::pair(b.statement.id, b.statement.role);
}

bool has_same_values(const Statement &a, const Statement &b) {
	return a.text == b.text && a.has_values == b.has_values &&
	       std::ranges::equal(a.parameters, b.parameters, {}, &Parameter::value, &Parameter::value);
}

/// What was sampled of one statement; of its samples those that are not the same.
struct Sampled {
	Recorded sum = {};
	std::vector<Statement> variants = {};

	void add(Recorded &&sample) {
		sum.calls += sample.calls;
		sum.milliseconds += sample.milliseconds;
		sum.rows += sample.rows;
		sum.since = std::min(sum.since, sample.since);
		sum.planning_ms = sample.planning_ms ? sample.planning_ms : sum.planning_ms;
		const bool is_known = std::ranges::any_of(
			variants, [&](const Statement &variant) { return has_same_values(variant, sample.statement); });
		if (!sample.statement.text.empty() && !is_known && variants.size() < most_variants) {
			variants.push_back(std::move(sample.statement));
		}
	}
};

/// One for each of the variants, with its part of the figures.
void add_variants(std::vector<Recorded> &all, const Sampled &sampled, const Recorded &figures) {
	for (const Statement &variant : sampled.variants) {
		const auto parts = static_cast<double>(sampled.variants.size());
		all.push_back({.statement = variant,
		               .source = figures.source,
		               .is_sampled = true,
		               .calls = figures.calls / parts,
		               .milliseconds = figures.milliseconds / parts,
		               .rows = figures.rows / parts,
		               .planning_ms = sampled.sum.planning_ms,
		               .since = figures.since});
	}
}

/// The text of a sample for that of the same statement with $1; the figures of pg_stat_statements for those of samples.
void add_samples(std::vector<Recorded> &counted) {
	std::vector<Recorded> samples = read_samples();
	std::ranges::sort(counted, comes_before);
	std::vector<Recorded> sampled_only;
	for (std::size_t i = 0; i < samples.size();) {
		check_for_interrupts();
		Sampled sampled{.sum = {.since = samples[i].since}};
		sampled.sum.statement.id = samples[i].statement.id;
		sampled.sum.statement.role = samples[i].statement.role;
		while (i < samples.size() && !comes_before(sampled.sum, samples[i])) {
			sampled.add(std::move(samples[i++]));
		}
		const auto [same, end] = std::ranges::equal_range(counted, sampled.sum, comes_before);
		if (same != end) {
			if (!sampled.variants.empty()) {
				add_variants(sampled_only, sampled, *same);
				counted.erase(same);
			}
		} else if (!may_read(sampled.sum.statement.role)) {
			continue;
		} else if (!sampled.variants.empty()) {
			add_variants(sampled_only, sampled, sampled.sum);
		} else {
			sampled.sum.statement.skipped = "its text is too long to be sampled, or it has variables of a function";
			sampled_only.push_back(std::move(sampled.sum));
		}
	}
	std::ranges::move(sampled_only, std::back_inserter(counted));
}

/// The counters have what was before an index was built as well: a query that one was advised for, and built, takes
/// what it takes since then.
void forget_slow_times(std::vector<Recorded> &counted) {
	const std::vector<TimeSince> times = times_since_built();
	for (Recorded &recorded : counted) {
		const auto since = std::ranges::lower_bound(times, recorded.statement.id, {}, &TimeSince::query);
		if (since != times.end() && since->query == recorded.statement.id) {
			recorded.milliseconds = recorded.calls * since->mean_ms;
		}
	}
}

/// Whose plan it is decides whether the current user may have it made.
std::string reason_of_role(Oid role) {
	const char *const name = call([&] { return GetUserNameFromId(role, true); });
	if (name == nullptr) {
		return "its role does not exist any more";
	}
	if (!call([&] { return may_act_as(GetUserId(), role); })) {
		return format("it is planned as role \"%s\", which the current user may not become", name);
	}
	return {};
}

void complete(Recorded &recorded, TimestampTz now) {
	Statement &statement = recorded.statement;
	const double days =
		std::max(static_cast<double>(now - recorded.since), shortest_observation) / microseconds_per_day;
	statement.calls_per_day = recorded.calls / days;
	statement.milliseconds_per_day = recorded.milliseconds / days;
	if (statement.skipped.empty()) {
		statement.skipped = reason_to_skip(statement.text);
		if (!statement.skipped.empty()) { // ALTER ROLE ... PASSWORD
			statement.text = without_constants(statement.text);
		}
	}
	if (statement.skipped.empty()) {
		statement.text = repair(statement.text);
		statement.skipped = reason_of_role(statement.role);
	}
}

/// Statements that fail before they have a plan.
void find_failing(std::vector<Recorded> &all) {
	std::vector<Statement> statements;
	statements.reserve(all.size());
	for (const Recorded &recorded : all) {
		statements.push_back(recorded.statement);
	}
	const KnownIndexes none;
	WhatIf what_if(statements, none);
	for (std::size_t i = 0; i < all.size(); ++i) {
		check_for_interrupts();
		if (all[i].statement.skipped.empty()) {
			if (const auto error = error_of([&] { what_if.plan(i, {}); })) {
				all[i].statement.skipped = error->message;
			}
		}
	}
}

/// The values of the parameters, if they are known, in the current memory context.
std::optional<TextArray> values_of(const Statement &statement) {
	if (!statement.has_values || statement.parameters.empty()) {
		return std::nullopt;
	}
	return call([&] {
		ArrayBuildState *const values = initArrayResult(TEXTOID, CurrentMemoryContext, false);
		for (const Parameter &parameter : statement.parameters) {
			const NullableDatum value = detail::to_nullable(parameter.value);
			accumArrayResult(values, value.value, value.isnull, TEXTOID, CurrentMemoryContext);
		}
		return TextArray{makeArrayResult(values, CurrentMemoryContext)};
	});
}

} // namespace

std::vector<Recorded> read_recorded() {
	std::vector<Recorded> all = read_pg_stat_statements();
	forget_slow_times(all);
	add_samples(all);
	std::erase_if(all, [](const Recorded &recorded) { return is_about_ourselves(recorded.statement.text); });
	const TimestampTz now = call(GetCurrentTimestamp);
	for (Recorded &recorded : all) {
		check_for_interrupts();
		complete(recorded, now);
	}
	std::ranges::sort(all, by_cost);
	return all;
}

std::vector<Statement> read_workload() {
	const std::vector<Recorded> all = read_recorded();
	double total = 0;
	for (const Recorded &recorded : all) {
		total += recorded.statement.skipped.empty() ? recorded.milliseconds : 0;
	}
	double sum = 0;
	std::size_t planned = 0;
	std::size_t skipped = 0;
	std::vector<Statement> statements;
	for (const Recorded &recorded : all) {
		const bool is_planned = recorded.statement.skipped.empty();
		const bool is_wanted = sum <= enough_of_the_time * total || may_set_columns(recorded.statement.text);
		if (is_planned ? is_wanted && planned < most_statements : skipped < most_statements) {
			statements.push_back(recorded.statement);
			sum += is_planned ? recorded.milliseconds : 0;
			++(is_planned ? planned : skipped);
		}
	}
	return statements;
}

/// advice_statements() returns table: the view advice_workload.
PG_FUNCTION(advice_statements) {
	std::vector<Recorded> all = read_recorded();
	find_failing(all);
	using Text = std::optional<std::string>;
	ResultSet<int64, Oid, Value<NAMEOID>, std::string, double, double, std::optional<double>, std::optional<double>,
	          double, std::optional<double>, std::optional<TextArray>, Text, std::string_view, Timestamptz, Text>
		rows(fcinfo);
	const Value<NAMEOID> database{
		call([] { return DirectFunctionCall1(namein, CStringGetDatum(get_database_name(MyDatabaseId))); })};
	for (const Recorded &recorded : all) {
		const Statement &statement = recorded.statement;
		rows.add(int64{statement.id}, statement.role, database, statement.text, recorded.calls, recorded.milliseconds,
		         statement.calls_per_day, statement.milliseconds_per_day, recorded.rows, recorded.planning_ms,
		         values_of(statement), statement.search_path,
		         recorded.source == Source::Sample ? "sample" : "pg_stat_statements", Timestamptz{recorded.since},
		         statement.skipped.empty() ? Text() : Text(statement.skipped));
	}
	PG_RETURN_NULL();
}

} // namespace warden::advice
