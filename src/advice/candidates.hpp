// candidates.hpp - Indexes that might help a statement, from what the planner itself could use.
//
// C++ code.  The planner is shown the statement once; what it knows of each relation by then (restrictions, joins,
// orders, needed columns) becomes wishes (wish_reader), and wishes become indexes (wishes).  Nothing is judged here:
// whether an index is worth it, the planner says when it is asked with it.
#pragma once

#include "advice/known_indexes.hpp"
#include "advice/what_if.hpp"

namespace warden::advice {

/// A reason for silence that somebody can do something about.
inline constexpr char never_analyzed[] =
	"it was never analyzed, so that nothing is known of its rows: ANALYZE it first";

struct Candidate {
	IndexSet::Number index = 0;
	std::string reason = {}; ///< what it is made for
};

/// Why no index is proposed for a relation, or for a clause of the statement about it.
struct Silence {
	ObjectId relation = 0;
	std::string reason = {};
};

/// Adds to the known indexes those that might help the statement, with their sizes, and the existing ones of all of its
/// tables.  Deterministic, at most 60, the most general first; none that exists already.  Throws Error if the statement
/// cannot be planned.  what_if asks with the same known indexes, and its statement of that number is `statement`.
std::vector<Candidate> find_candidates(WhatIf &what_if, std::size_t number, const Statement &statement,
                                       KnownIndexes &indexes, std::vector<Silence> *silence = nullptr);

} // namespace warden::advice
