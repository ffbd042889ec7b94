// maintenance.hpp - What is due of a set, done in order: create first, then retire.
#pragma once

#include "partition/partition.hpp"
#include "partition/progress.hpp"
#include "pg/result_set.hpp"

namespace warden::partition {

enum class Mode {
	Maintain,
	Declare, ///< create, but only say what would be retired
	DryRun,
};

/// The sets whose owner's rights the caller has.
std::vector<Policy> own_policies();

/// How functions return outcomes to SQL.
using OutcomeRows = pg::ResultSet<Oid, std::optional<std::string>, std::string, std::string, std::optional<std::string>,
                                  std::optional<std::string>>;
void add_outcomes(OutcomeRows &rows, Oid parent, const std::vector<Outcome> &outcomes);

/// Does what is due of a set in the current transaction, which holds the locks until it ends.  A step that fails is
/// rolled back alone.
///
/// `locks` is what is left of what the transaction may hold: for all that take part in it, half of what the server has.
std::vector<Outcome> maintain_in_transaction(const Policy &policy, Mode mode, std::size_t &locks);
std::size_t locks_of_a_transaction();

/// How many locks the server has room for, whoever takes them.
std::size_t locks_of_the_server();

/// The same of a set and of those below it: what its partitions are partitioned in.
void maintain_tree(OutcomeRows &rows, const Policy &policy, Mode mode, std::size_t &locks);

/// Whether this server can maintain anything: a standby cannot, and gets a NOTICE.
bool can_maintain();

} // namespace warden::partition
