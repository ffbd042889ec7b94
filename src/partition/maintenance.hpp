// maintenance.hpp - What is due of a set, done in order: create first, then retire.
#pragma once

#include "partition/partition.hpp"
#include "partition/steps.hpp"
#include "pg/result_set.hpp"

namespace warden::partition {

/// What became of one step, or of a set that could not even be looked at.
struct Outcome {
	std::optional<std::string> partition;
	const char *action; ///< create, detach, drop, align; maintain: the set as a whole
	const char *status; ///< done, planned, blocked, failed, skipped
	std::optional<std::string> command;
	std::optional<std::string> detail;
};

/// What becomes of a step that an error ended: blocked or failed.
Outcome failure(const Error &error, const char *action);

enum class Mode {
	Maintain,
	Declare, ///< create, but only say what would be retired
	DryRun,
};

/// Does what is due of a set in the current transaction, which holds the locks until it ends.  A step that fails is
/// rolled back alone.
///
/// `locks` is what is left of what the transaction may hold: for all that take part in it, half of what the server has.
std::vector<Outcome> maintain_in_transaction(const Policy &policy, Mode mode, std::size_t &locks);
std::size_t locks_of_a_transaction();

/// The locks that a partition keeps until the transaction ends: on itself, its TOAST table and that one's index, its
/// indexes; and some more for what is beside them.  The parent is locked.
std::size_t locks_per_partition(Oid parent);

/// How functions return outcomes to SQL.
using OutcomeRows = pg::ResultSet<Oid, std::optional<std::string>, std::string, std::string, std::optional<std::string>,
                                  std::optional<std::string>>;
void add_outcomes(OutcomeRows &rows, Oid parent, const std::vector<Outcome> &outcomes);

/// Whether this server can maintain anything: a standby cannot, and gets a NOTICE.
bool can_maintain();

} // namespace warden::partition
