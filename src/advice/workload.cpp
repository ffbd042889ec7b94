#include "advice/workload.hpp"

#include "advice/pg_stat_statements.hpp"
#include "advice/statement_text.hpp"

#include "pg/call.hpp"

#include <algorithm>
#include <map>

extern "C" {
#include "catalog/pg_authid_d.h"
#include "utils/acl.h"
#include "utils/timestamp.h"
}

namespace warden::advice {

using namespace pg;

namespace {

constexpr std::size_t most_statements = 500;
constexpr double enough_of_the_time = 0.99;
constexpr double microseconds_per_day = 86400.0 * 1000 * 1000;
constexpr double shortest_observation = 3600.0 * 1000 * 1000; ///< what is extrapolated to a day is at least an hour

bool by_cost(const Recorded &a, const Recorded &b) {
	return std::pair(-a.milliseconds, a.statement.id) < std::pair(-b.milliseconds, b.statement.id);
}

/// Whose plan it is decides whether the current user may have it made.
std::string reason_of_role(Oid role) {
	if (!call([&] { return GetUserNameFromId(role, true) != nullptr; })) {
		return "its role does not exist any more";
	}
	if (!call([&] { return may_act_as(GetUserId(), role); })) {
		const std::string name = call([&] { return GetUserNameFromId(role, false); });
		return "it is planned as role \"" + name + "\", which the current user may not become";
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
	}
	if (statement.skipped.empty()) {
		statement.text = repair(statement.text);
		statement.skipped = reason_of_role(statement.role);
	}
}

} // namespace

std::vector<Recorded> read_recorded() {
	std::vector<Recorded> all = read_pg_stat_statements();
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
		if (is_planned ? sum <= enough_of_the_time * total && planned < most_statements : skipped < most_statements) {
			statements.push_back(recorded.statement);
			sum += is_planned ? recorded.milliseconds : 0;
			++(is_planned ? planned : skipped);
		}
	}
	return statements;
}

} // namespace warden::advice
