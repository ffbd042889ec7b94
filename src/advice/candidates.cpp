#include "advice/candidates.hpp"

#include "advice/existing_indexes.hpp"
#include "advice/index_size.hpp"
#include "advice/wish_reader.hpp"

#include <algorithm>

extern "C" {
#include "catalog/pg_am_d.h"
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

bool has_existing(const KnownIndexes &indexes, ObjectId table) {
	for (IndexSet::Number i = 0; i < indexes.size(); ++i) {
		if (indexes[i].existing != 0 && indexes[i].shape.table == table) {
			return true;
		}
	}
	return false;
}

} // namespace

std::vector<Candidate> find_candidates(WhatIf &what_if, std::size_t number, const Statement &statement,
                                       KnownIndexes &indexes, std::vector<Silence> *silence) {
	Observation observation{.text = statement.text.c_str(),
	                        .has_parameters = statement.has_values && !statement.parameters.empty()};
	what_if.observe(number, indexes.existing(), observe_wishes, &observation);

	std::vector<Proposal> proposals;
	for (Observed &observed : observation.relations) {
		if (silence != nullptr) {
			for (std::string &reason : observed.silence) {
				silence->push_back({observed.relation, std::move(reason)});
			}
		}
		if (observed.wishes.table == 0) {
			continue;
		}
		if (!has_existing(indexes, observed.wishes.table)) {
			add_existing(indexes, observed.wishes.table);
		}
		count_popularity(indexes, observed.wishes);
		const Methods methods{.btree = BTREE_AM_OID, .brin = BRIN_AM_OID};
		const std::vector<Proposal> more = propose(observed.wishes, methods);
		proposals.insert(proposals.end(), more.begin(), more.end());
	}

	std::vector<Candidate> candidates;
	for (int rank = 0; rank <= last_rank; ++rank) {
		for (Proposal &proposal : proposals) {
			if (proposal.rank != rank || candidates.size() >= most_candidates) {
				continue;
			}
			const auto known = indexes.find(proposal.shape);
			if (known && indexes[*known].existing != 0) {
				continue;
			}
			const IndexSet::Number index =
				known ? *known : indexes.add({.shape = proposal.shape, .size = quick_size(proposal.shape)});
			const auto is_it = [&](const Candidate &other) { return other.index == index; };
			if (std::none_of(candidates.begin(), candidates.end(), is_it)) {
				candidates.push_back({index, std::move(proposal.reason)});
			}
		}
	}
	return candidates;
}

} // namespace warden::advice
