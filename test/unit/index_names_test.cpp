// Names of indexes: they fit, are cut between characters, and differ.
#include "advice/index_names.hpp"

#include <gtest/gtest.h>

#include <set>

namespace warden::advice {

namespace {

const auto never = [](const std::string &) { return false; };

TEST(IndexNames, ANameSaysTableAndColumns) {
	EXPECT_EQ(choose_name({.table = "orders", .parts = {"customer", "placed"}}, clip_utf8, never),
	          "orders_customer_placed_idx");
	EXPECT_EQ(choose_name({.table = "Orders", .parts = {"a b"}, .label = "gin_idx"}, clip_utf8, never),
	          "Orders_a b_gin_idx");
}

TEST(IndexNames, OneThatIsTakenGetsANumber) {
	std::set<std::string> taken; // NOLINT
	for (int i = 0; i < 12; ++i) {
		const std::string name = choose_name({.table = "t", .parts = {"a"}}, clip_utf8,
		                                     [&](const std::string &wanted) { return taken.count(wanted) > 0; });
		EXPECT_TRUE(taken.insert(name).second);
	}
	EXPECT_EQ(taken.count("t_a_idx"), 1U);
	EXPECT_EQ(taken.count("t_a_idx11"), 1U);
}

TEST(IndexNames, TheLongerPartIsCut) {
	const std::string name = choose_name({.table = "t", .parts = {std::string(100, 'c')}}, clip_utf8, never);
	EXPECT_EQ(name, "t_" + std::string(57, 'c') + "_idx");
	const std::string other = choose_name({.table = std::string(63, 't'), .parts = {"c"}}, clip_utf8, never);
	EXPECT_EQ(other, std::string(57, 't') + "_c_idx");
	const std::string both =
		choose_name({.table = std::string(63, 't'), .parts = {std::string(63, 'c')}}, clip_utf8, never);
	EXPECT_EQ(both, std::string(29, 't') + "_" + std::string(29, 'c') + "_idx");
}

TEST(IndexNames, ANumberIsNotCutOff) {
	const NameWish wish{.table = std::string(63, 't'), .parts = {std::string(63, 'c')}};
	EXPECT_EQ(name_of(wish, clip_utf8, 12).substr(63 - 6), "_idx12");
	EXPECT_EQ(name_of(wish, clip_utf8, 12).size(), longest_name);
}

TEST(IndexNames, ACharacterIsNotDivided) {
	std::string accents;
	for (int i = 0; i < 40; ++i) {
		accents += "\xc3\xa9";
	}
	const std::string name = choose_name({.table = accents, .parts = {"c"}}, clip_utf8, never);
	EXPECT_LE(name.size(), longest_name);
	EXPECT_EQ(name.size(), 56U + 6U); // 57 bytes would end within the 29th
	EXPECT_EQ(name.substr(56), "_c_idx");
	EXPECT_EQ(clip_utf8("a\xe2\x82\xac", 3), 1U);
	EXPECT_EQ(clip_utf8("a\xe2\x82\xac", 4), 4U);
}

} // namespace

} // namespace warden::advice
