// default_check.hpp - The CHECK that tells the server, for as long as partitions are created, that a default partition
// has no rows of theirs: it is validated while everybody works, and then no ATTACH reads that partition.
//
// While it exists it refuses rows of those ranges that have no partition yet.  So it is for ranges of the future only;
// and the transaction that adds it notes it down in warden.partition_checks, from which whoever maintains next takes it
// away if we are stopped before we can.
#pragma once

#include "partition/default_survey.hpp"
#include "pg/lock.hpp"

namespace warden::partition {

/// Adds the check to what is unproven, for the ranges that are to be prepared.  The set is locked.  Errors:
/// errcode_left_out if it would be of no use, errcode_prepare_first if the default partition has changed meanwhile.
void add_checks(const Policy &policy, const Set &set, const Survey &survey);

/// Validates it: error 23514 if there are rows of the ranges.
void validate_checks(const Survey &survey);

/// The tables of a set, or of all, that have a check of a maintenance which is over or is ours, and whose owner's
/// rights the caller has.  Forgets those that are gone.
std::vector<Oid> find_checks(std::optional<Oid> parent = std::nullopt);

/// Takes the check of a table away, if it is still there.
void drop_check(Oid table);

} // namespace warden::partition
