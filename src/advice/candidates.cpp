#include "advice/candidates.hpp"

#include "advice/existing_indexes.hpp"
#include "advice/index_size.hpp"
#include "advice/wish_reader.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "catalog/pg_am_d.h"
#include "storage/lmgr.h"
}

namespace warden::advice {

using namespace pg;

namespace {

constexpr std::size_t most_candidates = 60;

int popularity(const KnownIndexes &indexes, ObjectId table, const WishKey &key) {
	int count = 0;
	for (IndexSet::Number i = 0; i < indexes.size(); ++i) {
		const IndexShape &shape = indexes[i].shape;
		count += shape.table == table && !shape.keys.empty() && shape.keys.front().column == key.key.column &&
		                 shape.keys.front().expression == key.key.expression
		             ? 1
		             : 0;
	}
	return count;
}

void count_popularity(const KnownIndexes &indexes, RelationWishes &relation) {
	for (Wish &wish : relation.wishes) {
		for (WishKey &key : wish.keys) {
			key.popularity = popularity(indexes, relation.table, key);
		}
	}
}

bool is_known(const KnownIndexes &indexes, ObjectId existing) {
	for (IndexSet::Number i = 0; i < indexes.size(); ++i) {
		if (indexes[i].existing == existing) {
			return true;
		}
	}
	return false;
}

bool has_existing(const KnownIndexes &indexes, ObjectId table) {
	for (IndexSet::Number i = 0; i < indexes.size(); ++i) {
		if (indexes[i].existing != 0 && indexes[i].shape.table == table) {
			return true;
		}
	}
	return false;
}

/// Once for each table, whichever statements name it.
void learn_existing(KnownIndexes &indexes, ObjectId table) {
	if (has_existing(indexes, table)) {
		return;
	}
	KnownIndexes found; // of partitions too, of which some may be known already
	add_existing(found, table);
	for (IndexSet::Number i = 0; i < found.size(); ++i) {
		if (!is_known(indexes, found[i].existing)) {
			indexes.add(found[i]);
		}
	}
}

/// The table may be gone since the statement was planned.
bool lock(ObjectId table) {
	call([&] { LockRelationOid(table, AccessShareLock); });
	return relation_exists(table);
}

/// The number of an index that could be built, if it does not exist already.
std::optional<IndexSet::Number> number_of(const IndexShape &shape, KnownIndexes &indexes,
                                          std::vector<Silence> &silence) {
	std::optional<IndexSet::Number> index = indexes.find(shape);
	if (!index && lock(shape.table)) {
		const IndexSize size = quick_size(shape);
		index = indexes.add({.shape = shape, .size = size});
	}
	if (!index || indexes[*index].existing != 0) {
		return std::nullopt;
	}
	if (const auto &obstacle = indexes[*index].size.obstacle) {
		silence.push_back({shape.table, "an index could not be built: " + *obstacle});
		return std::nullopt;
	}
	return index;
}

/// The most general ones first, as long as there are not too many.
std::vector<Candidate> number_all(std::vector<Proposal> &proposals, KnownIndexes &indexes,
                                  std::vector<Silence> &silence) {
	std::vector<Candidate> candidates;
	for (int rank = 0; rank <= last_rank; ++rank) {
		for (Proposal &proposal : proposals) {
			if (proposal.rank != rank || candidates.size() >= most_candidates) {
				continue;
			}
			const auto index = number_of(proposal.shape, indexes, silence);
			const auto is_it = [&](const Candidate &other) { return other.index == index; };
			if (index && std::ranges::none_of(candidates, is_it)) {
				candidates.push_back({*index, std::move(proposal.reason)});
			}
		}
	}
	return candidates;
}

} // namespace

std::vector<Candidate> find_candidates(WhatIf &what_if, std::size_t number, const Statement &statement,
                                       KnownIndexes &indexes, std::vector<Silence> *silence) {
	ObservedStatement observation{.text = statement.text.c_str(),
	                              .has_parameters = statement.has_values && !statement.parameters.empty()};
	what_if.observe(number, indexes.existing(), observe_wishes, &observation);

	// If there are too many, those of large tables matter more.
	std::ranges::sort(observation.relations, [](const Observed &left, const Observed &right) {
		return std::pair(right.wishes.pages, left.wishes.table) < std::pair(left.wishes.pages, right.wishes.table);
	});
	std::vector<Silence> silent;
	std::vector<Proposal> proposals;
	for (Observed &observed : observation.relations) {
		for (std::string &reason : observed.silence) {
			silent.push_back({observed.relation, std::move(reason)});
		}
		if (observed.wishes.table == 0) {
			continue;
		}
		learn_existing(indexes, observed.wishes.table);
		count_popularity(indexes, observed.wishes);
		const std::vector<Proposal> more = propose(observed.wishes, {.btree = BTREE_AM_OID, .brin = BRIN_AM_OID});
		proposals.insert(proposals.end(), more.begin(), more.end());
	}

	std::vector<Candidate> candidates;
	// The planner's locks are gone; these last as long as it is looked how large indexes would be.
	if (const auto error = try_out([&] {
			const PinnedSettings settings;
			candidates = number_all(proposals, indexes, silent);
		})) {
		throw Error(*error);
	}
	if (silence != nullptr) {
		silence->insert(silence->end(), silent.begin(), silent.end());
	}
	return candidates;
}

} // namespace warden::advice
