// side.hpp - The tables of a job that rows are copied into.
//
// The invariant: until the swap they are members of the extension, so that no dump has them; marked as temporary heaps
// (pg_class.relrewrite), so that logical decoding passes over what is written in them; and in the schema warden
// whenever a transaction commits, as DROP SCHEMA ... CASCADE of a schema with a member drops the extension without a
// word.
#pragma once

#include "move/move_job.hpp"
#include "partition/blueprint.hpp"

namespace warden::move {

/// Makes what a draft builds, as the owner of the target, with a CHECK (name: bound_check) of `condition` if there is
/// one, without indexes; registers it.  `side` says what it takes; relation and attach are set here.
inline constexpr char bound_check[] = "warden_move_bound";
Side create_partition_side(const Job &job, const partition::Draft &draft, const std::string &condition, Side side);

/// Makes a table whose storage is fit for the target: the same columns, dropped ones included, the same owner;
/// persistence, access method, tablespace, parameters of `like` (the target itself, or a partition of it).  Registers
/// it.
Side create_storage_side(const Job &job, Oid stands_for, Oid like, Side side);

/// The schema that the target is in, to which a side belongs that is to be a partition.  errcode_begin_anew if the
/// target is gone.
Oid home_of(const Job &job);

/// Brings a side to its home, where its owner may change it; and back into the schema warden, in the same transaction.
/// It has the same name in both, its indexes may get others.  Error 42P07 if that name was taken meanwhile.
void unpark_side(const Job &job, const Side &side);
void park_side(const Side &side);

/// Takes a side out of the job: from now on it is a table like any other, at its home unless it is storage.  For the
/// swap, after the last replay.
void release_side(const Job &job, const Side &side);

/// Drops a side that is still one, its storage with it.  Nothing if it is gone.
void drop_side(const Side &side);

/// Drops the log and the map.
void drop_tables(const Job &job);

/// Drops the side's bound_check: what the partition's own bound says now.
void drop_bound_check(const Side &side);

/// Makes a table, that nobody can log in to write, a member of the extension; and not.
void add_member(Oid relation);
void remove_member(Oid relation);

} // namespace warden::move
