// wishes.hpp - What a statement asks of a relation, and which indexes would answer it.
//
// Plain C++: what the planner knew was read by wish_reader.  The rules are those of a B-tree: what is compared for
// equality comes first, in any order; then one range, or the order of the result; then nothing that could narrow the
// scan, but what need not be fetched from the table.
#pragma once

#include "advice/index_shape.hpp"

#include <optional>

namespace warden::advice {

/// Tables of fewer pages are read faster than an index is thought of.
inline constexpr double smallest_table = 1000;

struct WishKey {
	IndexKey key = {};
	std::vector<std::int16_t> columns = {}; ///< that it is made of
	std::string name = {};                  ///< for people
	double width = 0;                       ///< bytes
	int popularity = 0;                     ///< how many known indexes of the table begin with it
};

enum class WishKind {
	Equal,     ///< to something that does not depend on other relations
	Join,      ///< equal to something of other relations
	Range,     ///< of a row comparison on several keys
	Search,    ///< by an operator that only another method than a B-tree has
	Condition, ///< which an index could only have as its predicate
};

/// One of the clauses that all have to hold.
struct Wish {
	WishKind kind = WishKind::Equal;
	std::vector<WishKey> keys = {};
	ObjectId method = 0;
	bool keeps_order = true; ///< the rows that are found are in the order of the next key
	bool is_guess = false;   ///< how many rows it keeps depends on a value that nobody knows
	double selectivity = 1;
	std::uint64_t partners = 0;                       ///< of a join: the same number for the same other relations
	std::string predicate = {};                       ///< if rows could be chosen by it: the node tree of a list of it
	std::string condition = {};                       ///< the same for people
	std::vector<std::int16_t> predicate_columns = {}; ///< of the predicate
	std::optional<WishKey> block_range = {};          ///< if the table has the order of the key: as BRIN would have it
};

struct Order {
	std::vector<WishKey> keys = {};
	bool is_limited = false; ///< only the first rows are wanted
};

struct NeededColumn {
	std::int16_t column = 0;
	double width = 0;
	std::optional<WishKey> key = {}; ///< if it can be a key of a B-tree
	bool only_in_condition = false;  ///< not needed where an index's predicate answers for its clause
};

struct RelationWishes {
	ObjectId table = 0;
	double pages = 0;
	double row_width = 0; ///< bytes that the table takes for a row
	std::vector<Wish> wishes = {};
	std::vector<std::vector<Wish>> arms = {}; ///< of ORs: in each, clauses that all have to hold
	std::vector<Order> orders = {};
	std::vector<NeededColumn> needed = {}; ///< in their order in the table
	bool may_be_index_only = false;        ///< if the index has all of them
	bool is_judged_late = false;           ///< by a condition that needs rows of others, and that no index serves
};

/// The access methods, as the server numbers them.
struct Methods {
	ObjectId btree = 0;
	ObjectId brin = 0;
};

/// Ranks of proposals: the lower the more general.
inline constexpr int last_rank = 3;

struct Proposal {
	IndexShape shape = {};
	std::string reason = {};
	int rank = 0;
};

/// Indexes for a relation, each once, in a fixed order.
std::vector<Proposal> propose(const RelationWishes &relation, const Methods &methods);

} // namespace warden::advice
