// partition_flip.hpp - A plain table made partitioned, and back, with its identity kept: its pg_class row, and those of
// its indexes.
//
// The invariant: afterwards the catalogue is as if the table had been created that way (sql/move_catalog compares it
// with one that was): so everything that refers to the table, a column or an index of it, is right as it is.
#pragma once

#include "move/move_job.hpp"

namespace warden::move {

struct Removed {
	std::optional<std::string> storage_parameters = {}; ///< a text[], written out, with "toast." before those of TOAST
	std::vector<std::string> statements = {};           ///< what gives back others: actions of ALTER TABLE
};

/// Makes a table a partitioned one without partitions, by range of a column.  It is locked; its indexes all have the
/// key if they are unique.  Its storage goes to `heir`, a table that has the same columns and pairs of the same indexes
/// (target, heir), or is dropped.  What a partitioned table cannot have is taken away and returned.  Nobody in this
/// process has the table open.
Removed make_partitioned(Oid table, const std::string &key, Oid heir = InvalidOid,
                         const std::vector<std::pair<Oid, Oid>> &indexes = {});

/// Makes a partitioned table that has no partitions any more a plain one, with the storage of a side that stands for it
/// and that of the pairs of indexes that are registered.  The side is an empty shell afterwards.
void make_plain(const Job &job, const Side &side);

/// Gives a plain table and its indexes the form of a partitioned one, and back, in the catalogue; storage that is new
/// and empty in the latter case.  For those above; server code.
void flip_to_partitioned(Oid table, AttrNumber key);
void flip_to_plain(Oid table, Oid tablespace, Oid method, char persistence);

} // namespace warden::move
