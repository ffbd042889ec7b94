// policy.hpp - What was declared of the sets, and the record of what was done: the tables of partition.sql.
//
// Our own tables are read and written as the extension's owner, by these functions only.
#pragma once

#include "partition/kind.hpp"
#include "partition/plan.hpp"
#include "pg/datum.hpp"

#include <optional>
#include <string>
#include <vector>

/// An interval.
template <>
struct warden::pg::SqlType<warden::partition::Span> {
	static constexpr Oid oid = INTERVALOID;
	static warden::partition::Span from_datum(Datum datum) {
		const Interval *const interval = DatumGetIntervalP(datum);
		return {interval->month, interval->day, interval->time};
	}
	static Datum to_datum(const warden::partition::Span &span) {
		auto *const interval = static_cast<Interval *>(palloc0(sizeof(Interval)));
		interval->month = static_cast<int32>(span.months);
		interval->day = static_cast<int32>(span.days);
		interval->time = span.microseconds;
		return IntervalPGetDatum(interval);
	}
};

namespace warden::partition {

/// Lengths of a set of numbers are in `microseconds`, its anchor is a number, and its time zone is of no concern.
struct Policy {
	Oid parent;
	std::optional<Notation> notation; ///< of a key that needs a word about it
	Span every;
	Span ahead;
	std::optional<Span> keep;
	bool detach; ///< on_expiry: detach instead of drop
	std::string timezone;
	Moment anchor;
	std::optional<std::string> storage_parameters; ///< a text[], written out
	bool failed;                                   ///< its last maintenance ended with an error
	Kind kind{};                                   ///< of what is not partitioned by range, the rest is of no concern

	bool is_of_numbers() const { return notation == Notation::Number; }

	/// Whether both were declared alike.
	bool operator==(const Policy &other) const {
		return parent == other.parent && notation == other.notation && every == other.every && ahead == other.ahead &&
		       keep == other.keep && detach == other.detach && timezone == other.timezone && anchor == other.anchor &&
		       storage_parameters == other.storage_parameters && kind == other.kind;
	}
};

/// One without lengths of time or numbers.
Policy policy_of_kind(Oid parent, Method method);

/// The policies of all sets that were declared, or of one, as of this moment.  Takes no lock but ACCESS SHARE on our
/// table.
std::vector<Policy> read_policies(std::optional<Oid> parent = std::nullopt);

/// Declares a set, or declares it anew.
void write_policy(const Policy &policy);

/// Forgets a set.  Returns whether it was known.
bool delete_policy(Oid parent);

/// Forgets the sets whose table has been dropped.
void delete_orphans();

/// Records what was done, in the transaction that does it.
void log_step(Oid parent, const std::string &partition, const char *action, const std::string &command);

/// Deletes what was logged longer ago than warden.partition_history.
void trim_log();

/// How the maintenance of a set ended.
struct State {
	bool did_something = false;
	std::optional<std::string> error;      ///< SQLSTATE: message
	std::optional<std::string> blocked_by; ///< who held the lock, if that was the error
};

/// Records it, unless nothing was done and nothing has changed.
void write_state(const Policy &policy, const State &state);

} // namespace warden::partition
