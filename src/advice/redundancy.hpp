// redundancy.hpp - Which indexes of a table another one of it makes superfluous, so that one of each kind is left.
//
// Plain C++.  The invariants: whatever an index could do for a plan or a constraint, the one that is said to cover it
// can do; that one stays, and so does what must stay.  Of a chain and of indexes that cover each other one is left.
#pragma once

#include "advice/index_set.hpp"
#include "advice/index_shape.hpp"

#include <optional>

namespace warden::advice {

/// An index among those of its table.
struct Rival {
	IndexShape shape = {};
	ObjectId id = 0;
	bool is_usable = true; ///< valid, ready and live
	bool is_btree = true;
	bool must_stay = false; ///< whatever covers it
	bool is_unique = false;
	bool is_immediate = true;
	bool are_nulls_equal = false; ///< NULLS NOT DISTINCT
	int rank = 0;                 ///< of what else it is for: 2 a constraint, 1 the replica identity
	std::string parameters = {};  ///< of its access method and operator classes
	IndexSet within = {};         ///< rivals whose rows are all in it, by their numbers
	std::int64_t scans = 0;
	std::int64_t bytes = 0;
};

struct Cover {
	std::size_t by = 0;       ///< the number of one that stays
	bool is_same = false;     ///< that one is no more than this one
	bool is_narrower = false; ///< it has fewer rows: a plan may well be cheaper by it
};

/// For each of a table's indexes the one that covers it and will be there without it; none: it is needed.
std::vector<std::optional<Cover>> find_covers(const std::vector<Rival> &rivals);

} // namespace warden::advice
