// redundancy_test.cpp - Of indexes that do the same one is left, and of those that do not, all.
#include "advice/redundancy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace warden::advice {

namespace {

IndexKey key(std::int16_t column) {
	return {.column = column, .opclass = 10, .family = 20, .input_type = 23};
}

IndexKey descending(std::int16_t column) {
	IndexKey turned = key(column);
	turned.is_descending = true;
	turned.is_nulls_first = true;
	return turned;
}

IndexKey expression(const char *tree) {
	IndexKey made = key(0);
	made.expression = tree;
	return made;
}

Rival rival(std::vector<IndexKey> keys, std::vector<std::int16_t> included = {}) {
	return {.shape = {.table = 1, .method = 403, .keys = std::move(keys), .included = std::move(included)}};
}

Rival unique(Rival index) {
	index.is_unique = true;
	return index;
}

Rival staying(Rival index) {
	index.must_stay = true;
	return index;
}

Rival where(Rival index, const char *predicate) {
	index.shape.predicate = predicate;
	return index;
}

/// The covers, of indexes without a predicate, or whose predicates imply what all with the same text say.
std::vector<std::optional<Cover>> covers_of(std::vector<Rival> rivals) {
	for (std::size_t i = 0; i < rivals.size(); ++i) {
		rivals[i].id = rivals[i].id != 0 ? rivals[i].id : static_cast<ObjectId>(100 + i);
		for (std::size_t j = 0; j < rivals.size(); ++j) {
			if (rivals[i].shape.predicate.empty() || rivals[i].shape.predicate == rivals[j].shape.predicate) {
				rivals[i].within.insert(j);
			}
		}
	}
	return find_covers(rivals);
}

/// Which goes because of which: "1<0" is the second because of the first.
std::string told(std::vector<Rival> rivals) {
	const auto covers = covers_of(std::move(rivals));
	std::string text;
	for (std::size_t i = 0; i < covers.size(); ++i) {
		if (covers[i]) {
			text += (text.empty() ? "" : " ") + std::string(1, static_cast<char>('0' + i)) + '<' +
			        static_cast<char>('0' + covers[i]->by) + (covers[i]->is_same ? "=" : "");
		}
	}
	return text;
}

} // namespace

TEST(Redundancy, APrefixIsCovered) {
	EXPECT_EQ(told({rival({key(1)}), rival({key(1), key(2)})}), "0<1");
	EXPECT_EQ(told({rival({key(2)}), rival({key(1), key(2)})}), "");
	EXPECT_EQ(told({rival({key(1), key(2)}), rival({key(2), key(1)})}), "");
}

TEST(Redundancy, OfDuplicatesOneIsLeft) {
	EXPECT_EQ(told({rival({key(1)}), rival({key(1)})}), "1<0=");
	EXPECT_EQ(told({rival({key(1)}), rival({key(1)}), rival({key(1)})}), "1<0= 2<0=");
}

TEST(Redundancy, TheOneLeftIsTheOneThatIsNeededMost) {
	Rival scanned = rival({key(1)});
	scanned.scans = 5;
	Rival identity = rival({key(1)});
	identity.rank = 1;
	Rival large = rival({key(1)});
	large.bytes = 100;
	Rival older = rival({key(1)});
	older.id = 7;
	EXPECT_EQ(told({rival({key(1)}), scanned}), "0<1=");
	EXPECT_EQ(told({scanned, identity}), "0<1=");
	EXPECT_EQ(told({large, rival({key(1)})}), "0<1=");
	EXPECT_EQ(told({rival({key(1)}), older}), "0<1=");
	EXPECT_EQ(told({scanned, staying(rival({key(1)}))}), "0<1=");
}

TEST(Redundancy, AChainHasOneSurvivor) {
	EXPECT_EQ(told({rival({key(1)}), rival({key(1), key(2)}), rival({key(1), key(2), key(3)})}), "0<2 1<2");
	EXPECT_EQ(told({rival({key(1)}), staying(rival({key(1), key(2)})), rival({key(1), key(2), key(3)})}), "0<1");
}

TEST(Redundancy, WhatMustStayStays) {
	EXPECT_EQ(told({staying(rival({key(1)})), staying(rival({key(1)}))}), "");
	EXPECT_EQ(told({staying(rival({key(1)})), rival({key(1), key(2)})}), "");
}

TEST(Redundancy, DirectionsAreTheSameOrAllTurnedRound) {
	EXPECT_EQ(told({rival({key(1)}), rival({descending(1)})}), "1<0=");
	EXPECT_EQ(told({rival({descending(1), key(2)}), rival({key(1), descending(2)})}), "1<0=");
	EXPECT_EQ(told({rival({key(1), key(2)}), rival({key(1), descending(2)})}), "");
	Rival nulls_first = rival({key(1)});
	nulls_first.shape.keys[0].is_nulls_first = true;
	EXPECT_EQ(told({rival({key(1)}), nulls_first}), "");
}

TEST(Redundancy, KeysAreTheSameValuesInTheSameOrder) {
	Rival pattern = rival({key(1)});
	pattern.shape.keys[0].family = 21;
	Rival collated = rival({key(1)});
	collated.shape.keys[0].collation = 950;
	EXPECT_EQ(told({rival({key(1)}), pattern, collated}), "");
	EXPECT_EQ(told({rival({expression("lower")}), rival({expression("upper")})}), "");
	EXPECT_EQ(told({rival({expression("lower")}), rival({expression("lower"), key(1)})}), "0<1");
}

TEST(Redundancy, IncludedColumnsAreThere) {
	EXPECT_EQ(told({rival({key(1)}, {2}), rival({key(1), key(3)})}), "");
	EXPECT_EQ(told({rival({key(1)}, {2}), rival({key(1), key(2)})}), "0<1");
	EXPECT_EQ(told({rival({key(1)}, {2}), rival({key(1)}, {2, 3})}), "0<1");
	EXPECT_EQ(told({rival({key(1)}, {2}), rival({key(1)})}), "1<0");
	EXPECT_EQ(told({rival({key(1)}, {2, 3}), rival({key(1)}, {3, 2})}), "1<0=");
}

TEST(Redundancy, UniquenessIsLeftToTheSameColumns) {
	EXPECT_EQ(told({unique(rival({key(1)})), rival({key(1)})}), "1<0=");
	EXPECT_EQ(told({rival({key(1)}), unique(rival({key(1)}))}), "0<1=");
	EXPECT_EQ(told({unique(rival({key(1)})), unique(rival({key(1), key(2)}))}), "");
	EXPECT_EQ(told({unique(rival({key(1)})), rival({key(1), key(2)})}), "");
	EXPECT_EQ(told({unique(rival({key(1)})), unique(rival({key(1)}, {2}))}), "0<1");
	EXPECT_EQ(told({unique(rival({key(1)})), unique(rival({key(1)}))}), "1<0=");
	Rival deferrable = staying(unique(rival({key(1)})));
	deferrable.is_immediate = false;
	EXPECT_EQ(told({unique(rival({key(1)})), deferrable}), "");
	Rival nulls = unique(rival({key(1)}));
	nulls.are_nulls_equal = true;
	EXPECT_EQ(told({unique(rival({key(1)})), nulls}), "");
	EXPECT_EQ(told({unique(where(rival({key(1)}), "p")), unique(rival({key(1)}))}), "");
}

TEST(Redundancy, RowsAreAllThere) {
	EXPECT_EQ(told({where(rival({key(1)}), "p"), where(rival({key(1), key(2)}), "p")}), "0<1");
	EXPECT_EQ(told({where(rival({key(1)}), "p"), where(rival({key(1)}), "q")}), "");
	EXPECT_EQ(told({rival({key(1)}), where(rival({key(1), key(2)}), "p")}), "");
	const auto covers = covers_of({where(rival({key(1)}), "p"), rival({key(1)})});
	ASSERT_TRUE(covers[0]);
	EXPECT_TRUE(covers[0]->is_narrower);
	EXPECT_FALSE(covers[0]->is_same);
	EXPECT_FALSE(covers[1]);
}

TEST(Redundancy, OfOtherMethodsOnlyTheSame) {
	const auto gin = [](std::vector<IndexKey> keys) {
		Rival index = rival(std::move(keys));
		index.shape.method = 2742;
		index.is_btree = false;
		return index;
	};
	EXPECT_EQ(told({gin({key(1)}), gin({key(1)})}), "1<0=");
	EXPECT_EQ(told({gin({key(1)}), gin({key(1), key(2)})}), "");
	EXPECT_EQ(told({gin({key(1)}), rival({key(1)})}), "");
	Rival tuned = gin({key(1)});
	tuned.parameters = "siglen=64";
	EXPECT_EQ(told({gin({key(1)}), tuned}), "");
	EXPECT_EQ(told({gin({key(1)}), where(gin({key(1)}), "p")}), "");
}

TEST(Redundancy, WhatIsNotUsableNeitherCoversNorIsCovered) {
	Rival invalid = rival({key(1), key(2)});
	invalid.is_usable = false;
	EXPECT_EQ(told({rival({key(1)}), invalid}), "");
	EXPECT_EQ(told({invalid, rival({key(1), key(2), key(3)})}), "");
}

// Whatever implication says: nothing goes because of what goes too, and nothing that is covered is left without.
TEST(Redundancy, NothingIsLeftToOneThatGoes) {
	std::uint32_t random = 12345;
	const auto below = [&](std::uint32_t limit) {
		random = random * 1664525U + 1013904223U;
		return (random >> 16U) % limit;
	};
	for (int round = 0; round < 2000; ++round) {
		std::vector<Rival> rivals;
		for (std::size_t i = 0; i < 2 + below(5); ++i) {
			Rival index = rival({key(1)});
			if (below(2) == 0) {
				index.shape.keys.push_back(key(2));
			}
			index.id = static_cast<ObjectId>(i + 1);
			index.scans = below(2);
			index.must_stay = below(5) == 0;
			index.is_unique = below(5) == 0;
			for (std::size_t j = 0; j < 7; ++j) {
				if (below(3) != 0) {
					index.within.insert(j);
				}
			}
			rivals.push_back(index);
		}
		const auto covers = find_covers(rivals);
		for (std::size_t i = 0; i < covers.size(); ++i) {
			if (covers[i]) {
				EXPECT_FALSE(covers[covers[i]->by].has_value());
				EXPECT_FALSE(rivals[i].must_stay);
			}
		}
		EXPECT_TRUE(std::any_of(covers.begin(), covers.end(), [](const auto &cover) { return !cover; }));
	}
}

} // namespace warden::advice
