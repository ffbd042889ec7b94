// clause_wishes.hpp - What the clauses of a statement ask of a relation, read from the planner's own form of them.
//
// Server code: plain structures in the current memory context, which wish_reader turns into wishes.
#pragma once

#include "advice/index_keys.hpp"
#include "advice/wishes.hpp"

namespace warden::advice {

struct PlainWish {
	WishKind kind;
	List *keys; ///< of PlainKey
	bool keeps_order;
	bool is_guess;
	double selectivity;
	Relids partners;                 ///< other relations that it compares with
	const PlainPredicate *predicate; ///< nullptr: an index should not have it as such
	const PlainKey *block_range;     ///< or nullptr
};

struct PlainWishes {
	List *wishes;  ///< of PlainWish
	List *arms;    ///< of ORs: lists of PlainWish
	List *silence; ///< why there are none for a clause: char *
	bool is_judged_late;
};

/// Adds what RestrictInfos ask for: restrictions, or what joins are by.
void read_clauses(const Place &place, List *clauses, PlainWishes &found);

/// Adds a join on equality with something that partners have.
void add_join(const Place &place, PlainKey *key, Node *own, Relids partners, PlainWishes &found);

} // namespace warden::advice
