// statistics_basis.hpp - What an estimate from statistics stands on: how many rows there are, and what is in doubt.
//
// The invariant: an estimate is within five points of the file's size, as far as anybody can know without a look at the
// file, or there is none and the reason says what is missing.
#pragma once

#include "bloat/measurement.hpp"

#include "pg/call.hpp"

namespace warden::bloat {

struct RowCount {
	double rows;
	double unsure; ///< by how many two counts of them differ that nobody has changed
	double dead;   ///< rows that a rewrite may have to keep, because somebody may see them still
};

/// The rows of a table, or (in withheld of the measurement) why they are not known well enough.
RowCount count_rows(Relation table, Measurement &measurement);

/// What may be wrong about an estimate, and by how many pages to each side.
struct Doubt {
	double below;
	double above;
	std::string reason;
};

/// Those that come from the number of rows.
std::vector<Doubt> doubts_of(const RowCount &count, double pages);

/// Puts the size into the measurement with an interval, or the reason why there is too much doubt.
void conclude(double pages, const std::vector<Doubt> &doubts, Measurement &measurement);

/// A measurement of a file of which no page is read.
Measurement begin_statistics(Relation relation);

Measurement measure_heap_by_statistics(Relation relation);
Measurement measure_btree_by_statistics(Relation relation, Relation heap);

} // namespace warden::bloat
