// storage_exchange.hpp - Storage that changes hands: heap, TOAST and indexes, without a row being touched.
//
// The invariant: only pg_class (and, for TOAST, pg_depend) is written, in one transaction, under ACCESS EXCLUSIVE; the
// two tables have the same columns in the same order, dropped ones included.
#pragma once

#include "move/move_job.hpp"

namespace warden::move {

/// Gives a side's storage to the table it stands for, and that table's to the side, likewise for each pair of indexes
/// that was registered.  Both are tables.  Statistics (relpages, reltuples, relallvisible, horizons) go with it.
void exchange_storage(const Job &job, const Side &side);

/// The same for two tables and pairs of indexes (of one, of the other).
void exchange_storage(Oid one, Oid other, const std::vector<std::pair<Oid, Oid>> &indexes);

/// The indexes of a side that are built: the target's, and its own.
std::vector<std::pair<Oid, Oid>> index_pairs(const Job &job, const Side &side);

/// Takes ACCESS EXCLUSIVE on a table and on its TOAST table, which autovacuum locks by itself.
void lock_with_toast(Oid table);

/// Marks a constraint as valid that was added NOT VALID: for who knows that each row keeps it.
void trust_constraint(Oid constraint);

} // namespace warden::move
