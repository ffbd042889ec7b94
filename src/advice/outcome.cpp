#include "advice/outcome.hpp"

#include "pg/error.hpp"

#include <algorithm>
#include <cmath>

namespace warden::advice {

namespace {

constexpr double errors = 2;            // standard errors that are noise
constexpr double drift = 0.05;          // of the time: what changes by itself from week to week
constexpr double least_calls = 5;       // of a statement, before and after, for a comparison
constexpr double without_times = 5;     // times as long until an index that is not scanned is useless, if nothing else
                                        // is known: with the default a month end is in it
constexpr double milliseconds = 86.4e6; // in a day

/// A sum of differences, each of a statement's mean time, times its calls since.
struct Difference {
	double saved = 0;
	double variance = 0;
	double total = 0; ///< the time that there would be without the change
	double calls = 0;

	void add(const Times &before, const Times &after) {
		const double error = std::hypot(before.error(), after.error()) * after.calls;
		saved += (before.mean() - after.mean()) * after.calls;
		variance += error * error;
		total += before.mean() * after.calls;
		calls += after.calls;
	}
	double noise() const { return std::max(errors * std::sqrt(variance), drift * total); }
	bool is_gain() const { return saved > noise(); }
	bool is_loss() const { return -saved > noise(); }
};

bool is_comparable(const ComparedStatement &statement) {
	return statement.before.calls >= least_calls && statement.after.calls >= least_calls;
}

double calls_since(const Observation &observation) {
	double calls = 0;
	for (const ComparedStatement &statement : observation.statements) {
		calls += statement.writes ? 0 : statement.after.calls;
	}
	return calls;
}

std::string of_time(const Difference &difference) {
	return format("%.3g %% of the time of the queries that it was built for, in %.0f calls",
	              difference.total > 0 ? 100 * std::abs(difference.saved) / difference.total : 0, difference.calls);
}

/// Of one whose statements' times are not known.
Outcome judge_by_scans(const Observation &observation, const Patience &patience) {
	const double days = patience.days * without_times;
	if (observation.scans > 0) {
		return {.verdict = "used",
		        .reason = format("It was scanned %.0f times in %.1f days; what that saved is not known, because there "
		                         "are no times of its queries from before and after it was built.",
		                         observation.scans, observation.days)};
	}
	if (observation.days < days) {
		return {.verdict = "waiting",
		        .reason =
		            format("It was not scanned yet, %.1f of %.1f days after it was built.", observation.days, days)};
	}
	return {.verdict = "no_effect", .reason = format("It was not scanned in %.1f days.", observation.days)};
}

Outcome compare(const Observation &observation, const Difference &reads, const Difference &writes) {
	const double days = std::max(observation.days, 1 / milliseconds);
	const bool is_scanned = observation.scans > 0; // what is not, has made no query faster, nor slower
	Outcome outcome{.is_compared = true, .saved_ms = reads.saved / days};
	if (writes.is_loss()) {
		outcome.write_ms = -writes.saved / days;
	}
	if (is_scanned && reads.is_loss()) {
		outcome.verdict = "harmful";
		outcome.reason = format("It has added %s.", of_time(reads).c_str());
	} else if (writes.is_loss() && (!is_scanned || outcome.write_ms > outcome.saved_ms)) {
		outcome.verdict = "harmful";
		outcome.reason = is_scanned ? format("Writing to the table takes %.3g ms a day more since then, and its "
		                                     "queries %.3g ms less.",
		                                     outcome.write_ms, outcome.saved_ms)
		                            : format("Writing to the table takes %.3g ms a day more since then, and it was "
		                                     "not scanned in %.0f calls of the queries that it was built for.",
		                                     outcome.write_ms, reads.calls);
	} else if (!is_scanned) {
		outcome.verdict = "no_effect";
		outcome.reason = format("It was not scanned in %.0f calls of the queries that it was built for.", reads.calls);
	} else if (!reads.is_gain()) {
		outcome.verdict = "no_effect";
		outcome.reason = format("The difference may be noise: %s.", of_time(reads).c_str());
	} else {
		outcome.verdict = "helped";
		outcome.reason = format("It has saved %s.", of_time(reads).c_str());
	}
	return outcome;
}

} // namespace

double Times::error() const {
	if (calls < 2) {
		return mean();
	}
	const double variance = std::max(squares / calls - mean() * mean(), 0.0);
	return std::sqrt(variance / calls);
}

Outcome judge(const Observation &observation, const Patience &patience) {
	if (observation.is_dropped) {
		return {.verdict = "dropped", .reason = "It was built, and is gone."};
	}
	if (!observation.is_built) {
		return {.verdict = "not_built", .reason = "There is no valid index that is the same."};
	}
	if (observation.days < patience.days) {
		return {.verdict = "waiting",
		        .reason = format("%.1f of %.1f days since it was built.", observation.days, patience.days)};
	}
	if (!observation.has_times) {
		return judge_by_scans(observation, patience);
	}
	const double calls = calls_since(observation);
	if (calls < patience.calls) {
		return {.verdict = "waiting",
		        .reason = format("%.0f of %.0f calls of the queries that it was built for.", calls, patience.calls)};
	}
	Difference reads;
	Difference writes;
	for (const ComparedStatement &statement : observation.statements) {
		if (is_comparable(statement)) {
			(statement.writes ? writes : reads).add(statement.before, statement.after);
		}
	}
	if (reads.calls > 0) {
		return compare(observation, reads, writes);
	}
	if (observation.scans > 0) {
		return judge_by_scans(observation, patience);
	}
	return {.verdict = "no_effect",
	        .reason = format("It was not scanned in %.0f calls of the queries that it was built for.", calls)};
}

} // namespace warden::advice
