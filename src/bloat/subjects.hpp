// subjects.hpp - Which relations are measured.
//
// The invariant: what is asked for is answered for: each table, index and TOAST table has a row, and so has what was
// asked for by name and has no file.
#pragma once

#include "bloat/subject.hpp"

#include <optional>
#include <vector>

namespace warden::bloat {

/// A table with its TOAST table and indexes; an index; all partitions of a table or of an index; or, without a name,
/// all of the database.  Those that belong to the same table are together, the table first.  Error 42P01 if there is no
/// such relation.
std::vector<Subject> find_subjects(std::optional<Oid> relation);

/// Its kind as SQL names it.
const char *kind_of(const Subject &subject);

/// Why it has nothing to measure, or null.
const char *obstacle_in(const Subject &subject);

/// How it is measured, or null if it is not.
Measure *measure_of(const Subject &subject);

} // namespace warden::bloat
