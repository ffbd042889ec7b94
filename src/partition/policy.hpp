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

/// When partitions leave, and how.  They go when one of the limits says so.
struct Retention {
	enum class Way { Drop, Detach, Archive };
	/// What if a foreign key of another table refers to the partition.
	enum class References { Skip, Detach, Pair };

	std::optional<Span> keep;
	std::optional<std::int64_t> partitions; ///< how many of those before the current one stay
	std::optional<std::int64_t> bytes;      ///< of all partitions
	Way way = Way::Drop;
	References references = References::Skip;
	std::optional<std::string> schema; ///< of the archive
	std::optional<std::string> tablespace;
	std::optional<std::string> access_method;

	bool operator==(const Retention &) const = default;
};

/// As they are written: on_expiry, on_reference.
std::optional<Retention::Way> way_of(std::string_view on_expiry);
const char *name_of(Retention::Way way);
std::optional<Retention::References> references_of(std::string_view on_reference);
const char *name_of(Retention::References policy);

/// Lengths of a set of numbers are in `microseconds`, its anchor is a number, and its time zone is of no concern.
struct Policy {
	Oid parent;
	std::optional<Notation> notation; ///< of a key that needs a word about it
	Span every;
	Span ahead;
	Retention retention;
	std::string timezone;
	Moment anchor;
	std::optional<std::string> storage_parameters; ///< a text[], written out
	bool failed;                                   ///< its last maintenance left something to tell
	Kind kind{};                                   ///< of what is not partitioned by range, the rest is of no concern

	bool is_of_numbers() const { return notation == Notation::Number; }

	/// Whether both were declared alike.
	bool operator==(const Policy &other) const {
		return parent == other.parent && notation == other.notation && every == other.every && ahead == other.ahead &&
		       retention == other.retention && timezone == other.timezone && anchor == other.anchor &&
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

/// Whether a job is moving the rows of a set, or of the one above it, into a plain table: then its partitions stay as
/// they are.  Asked of the job itself, so that no flag is left behind when it is gone, or is not in a dump.
bool is_suspended(const Policy &policy);

/// Deletes what was logged longer ago than warden.partition_history.
void trim_log();

/// How the maintenance of a set ended.
struct State {
	bool did_something = false;
	std::int64_t colliding = 0;            ///< ranges whose rows are in the default partition
	std::int64_t skipped = 0;              ///< ranges for which that would have to be scanned
	std::int64_t postponed = 0;            ///< ranges for which it has not been looked at
	std::optional<std::string> error;      ///< SQLSTATE: message
	std::optional<std::string> blocked_by; ///< who held the lock, if that was the error
};

/// How many ranges had rows in the default partition when it was last looked at.
std::int64_t known_collisions(Oid parent);

/// Records it, unless nothing was done and nothing has changed.
void write_state(const Policy &policy, const State &state);

} // namespace warden::partition
