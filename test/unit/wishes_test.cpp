#include "advice/wishes.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace warden::advice {
namespace {

constexpr ObjectId btree = 403;
constexpr ObjectId brin = 3580;
constexpr ObjectId gin = 2742;

WishKey key(std::int16_t column, double width = 4) {
	return {.key = {.column = column, .opclass = 1, .family = 1, .input_type = 1},
	        .columns = {column},
	        .name = std::string(1, static_cast<char>('a' + column - 1)),
	        .width = width};
}

Wish wish(WishKind kind, std::int16_t column, double selectivity = 0.01) {
	return {.kind = kind, .keys = {key(column)}, .method = btree, .selectivity = selectivity};
}

WishKey descending(WishKey key) {
	key.key.is_descending = true;
	key.key.is_nulls_first = true;
	return key;
}

/// "a, b desc include c where p"
std::string text_of(const IndexShape &shape) {
	std::string text;
	for (const IndexKey &one : shape.keys) {
		text += text.empty() ? "" : ", ";
		text += static_cast<char>('a' + one.column - 1);
		text += one.is_descending ? " desc" : "";
	}
	for (std::size_t i = 0; i < shape.included.size(); ++i) {
		text += i == 0 ? " include " : ", ";
		text += static_cast<char>('a' + shape.included[i] - 1);
	}
	text += shape.predicate.empty() ? "" : " where " + shape.predicate;
	return shape.method == btree ? text : text + " by " + (shape.method == brin ? "brin" : "gin");
}

std::vector<std::string> proposed(const RelationWishes &relation) {
	std::vector<std::string> texts;
	for (const Proposal &proposal : propose(relation, {.btree = btree, .brin = brin})) {
		texts.push_back(text_of(proposal.shape));
	}
	return texts;
}

bool has(const RelationWishes &relation, const std::string &text) {
	const auto texts = proposed(relation);
	return std::find(texts.begin(), texts.end(), text) != texts.end();
}

TEST(Wishes, AGuessedRangeOnlyFollowsAnEquality) {
	Wish guess = wish(WishKind::Range, 2, 0.33);
	guess.is_guess = true;
	EXPECT_TRUE(proposed({.table = 1, .wishes = {guess}}).empty());
	const RelationWishes both{.table = 1, .wishes = {guess, wish(WishKind::Equal, 1)}};
	EXPECT_TRUE(has(both, "a, b"));
	EXPECT_FALSE(has(both, "b"));
}

TEST(Wishes, EqualityComesBeforeARange) {
	const RelationWishes relation{.wishes = {wish(WishKind::Range, 1), wish(WishKind::Equal, 2)}};
	EXPECT_TRUE(has(relation, "b, a"));
	EXPECT_FALSE(has(relation, "a, b"));
	EXPECT_TRUE(has(relation, "a"));
	EXPECT_TRUE(has(relation, "b"));
}

TEST(Wishes, AmongEqualitiesWhatOthersBeginWithAndThenWhatKeepsFewest) {
	RelationWishes relation{.wishes = {wish(WishKind::Equal, 1, 0.1), wish(WishKind::Equal, 2, 0.01)}};
	EXPECT_EQ(proposed(relation), (std::vector<std::string>{"b", "a", "b, a", "a, b"}));
	relation.wishes[0].keys[0].popularity = 1;
	EXPECT_EQ(proposed(relation), (std::vector<std::string>{"a", "b", "a, b", "b, a"}));
}

TEST(Wishes, TheTwoEndsOfARangeAreOne) {
	const RelationWishes relation{
		.wishes = {wish(WishKind::Range, 1, 0.7), wish(WishKind::Range, 1, 0.4), wish(WishKind::Range, 2, 0.9)}};
	EXPECT_TRUE(has(relation, "a")); // a tenth of the rows
	EXPECT_FALSE(has(relation, "b"));
	EXPECT_TRUE(has(relation, "a, b"));
}

TEST(Wishes, AnOrderFollowsEqualityWithItsDirections) {
	const RelationWishes relation{.wishes = {wish(WishKind::Equal, 3)},
	                              .orders = {{.keys = {descending(key(1)), key(2)}, .is_limited = true}}};
	EXPECT_TRUE(has(relation, "c, a, b desc")); // read backward
	EXPECT_TRUE(has(relation, "a, b desc"));
}

TEST(Wishes, ValuesOfAListDoNotKeepTheOrder) {
	RelationWishes relation{.wishes = {wish(WishKind::Equal, 3)}, .orders = {{.keys = {key(1)}, .is_limited = true}}};
	relation.wishes[0].keeps_order = false;
	EXPECT_FALSE(has(relation, "c, a"));
	EXPECT_TRUE(has(relation, "c"));
}

TEST(Wishes, AJoinIsAloneAndWithConditions) {
	const RelationWishes relation{
		.wishes = {wish(WishKind::Join, 1), wish(WishKind::Equal, 2), wish(WishKind::Range, 3)}};
	for (const char *const text : {"a", "a, b, c", "b, a", "b, c"}) {
		EXPECT_TRUE(has(relation, text)) << text;
	}
}

TEST(Wishes, JoinsWithTheSameRelationAreOneKey) {
	RelationWishes relation{
		.wishes = {wish(WishKind::Join, 1, 0.1), wish(WishKind::Join, 2, 0.2), wish(WishKind::Join, 3)}};
	relation.wishes[0].partners = 1;
	relation.wishes[1].partners = 1;
	relation.wishes[2].partners = 2;
	EXPECT_TRUE(has(relation, "a, b"));
	EXPECT_FALSE(has(relation, "a, c"));
	EXPECT_FALSE(has(relation, "c, a"));
}

RelationWishes covered() {
	return {.row_width = 200,
	        .wishes = {wish(WishKind::Equal, 1)},
	        .needed = {{.column = 1, .width = 4}, {.column = 2, .width = 8}},
	        .may_be_index_only = true};
}

TEST(Wishes, WhatElseIsNeededIsIncluded) {
	EXPECT_TRUE(has(covered(), "a include b"));
	RelationWishes wide = covered();
	wide.needed[1].width = 300;
	EXPECT_FALSE(has(wide, "a include b"));
	RelationWishes unseen = covered();
	unseen.may_be_index_only = false;
	EXPECT_FALSE(has(unseen, "a include b"));
	RelationWishes narrow = covered(); // rows that are no wider than entries
	narrow.row_width = 30;
	EXPECT_FALSE(has(narrow, "a include b"));
}

TEST(Wishes, AKindOfRowsIsAPredicate) {
	RelationWishes relation{.wishes = {wish(WishKind::Equal, 1, 0.05), wish(WishKind::Range, 2)}};
	relation.wishes[0].predicate = "p";
	relation.wishes[0].predicate_columns = {1};
	EXPECT_TRUE(has(relation, "b where p"));
	relation.wishes[0].selectivity = 0.5;
	EXPECT_FALSE(has(relation, "b where p"));
	relation = {.wishes = {relation.wishes[0]}};
	relation.wishes[0].selectivity = 0.05;
	EXPECT_TRUE(has(relation, "a where p"));
	EXPECT_EQ(propose(relation, {.btree = btree, .brin = brin}).back().shape.columns, std::vector<std::int16_t>{1});
}

TEST(Wishes, WhatKeepsMostRowsIsNoReasonForAnIndex) {
	EXPECT_TRUE(proposed({.wishes = {wish(WishKind::Equal, 1, 0.9)}}).empty());
	EXPECT_TRUE(proposed({.wishes = {wish(WishKind::Range, 1, 0.9)}}).empty());
	EXPECT_TRUE(proposed({}).empty());
}

TEST(Wishes, OtherMethodsHaveTheirOwnIndexes) {
	RelationWishes relation{.wishes = {wish(WishKind::Search, 1), wish(WishKind::Range, 2)}};
	relation.wishes[0].method = gin;
	relation.wishes[1].block_range = key(2);
	EXPECT_EQ(proposed(relation), (std::vector<std::string>{"b", "a by gin", "b by brin"}));
}

TEST(Wishes, EachSideOfAnOrHasItsIndex) {
	RelationWishes relation;
	relation.arms = {{wish(WishKind::Equal, 1), wish(WishKind::Range, 2)}, {wish(WishKind::Equal, 3)}};
	EXPECT_EQ(proposed(relation), (std::vector<std::string>{"a", "a, b", "c"}));
}

TEST(Wishes, NothingIsProposedTwice) {
	const RelationWishes relation{.wishes = {wish(WishKind::Equal, 1), wish(WishKind::Equal, 1)},
	                              .orders = {{.keys = {key(1)}}, {.keys = {key(1)}}}};
	EXPECT_EQ(proposed(relation), std::vector<std::string>{"a"});
}

} // namespace
} // namespace warden::advice
