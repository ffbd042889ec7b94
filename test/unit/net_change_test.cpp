// What events do to rows in all, tried against taking them back one by one.
#include "audit/net_change.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace warden::audit {

namespace {

using Kind = RowEvent::Kind;

/// A table in memory: rows by their keys.
using Table = std::map<std::string, Values>;

RowEvent insertion(const std::string &key, const Values &values) {
	return {Kind::Insert, key, key, {}, values};
}

RowEvent deletion(const std::string &key, const Values &values) {
	return {Kind::Delete, key, key, values, {}};
}

TEST(NetChange, OfOneEventIsThatEvent) {
	const auto changes = net_changes({{Kind::Update, "1", "1", {{"a", "x"}}, {{"a", "y"}}}});
	ASSERT_EQ(changes.size(), 1u);
	EXPECT_TRUE(changes[0].existed && changes[0].exists);
	EXPECT_EQ(changes[0].before, (Values{{"a", "x"}}));
	EXPECT_EQ(changes[0].after, (Values{{"a", "y"}}));
}

TEST(NetChange, WhatCameAndWentIsNone) {
	EXPECT_TRUE(net_changes({insertion("1", {{"a", "x"}}), deletion("1", {{"a", "x"}})}).empty());
	EXPECT_TRUE(net_changes({{Kind::Update, "1", "1", {{"a", "x"}}, {{"a", "y"}}},
	                         {Kind::Update, "1", "1", {{"a", "y"}}, {{"a", "x"}}}})
	                .empty());
	EXPECT_TRUE(net_changes({deletion("1", {{"a", "x"}}), insertion("1", {{"a", "x"}})}).empty());
}

TEST(NetChange, ADeletedRowIsAsItWasBeforeItWasChanged) {
	const auto changes = net_changes({{Kind::Update, "1", "2", {{"k", "1"}, {"a", "x"}}, {{"k", "2"}, {"a", "y"}}},
	                                  deletion("2", {{"k", "2"}, {"a", "y"}, {"b", "z"}})});
	ASSERT_EQ(changes.size(), 1u);
	EXPECT_FALSE(changes[0].exists);
	EXPECT_EQ(changes[0].key, "1");
	EXPECT_EQ(changes[0].before, (Values{{"a", "x"}, {"b", "z"}, {"k", "1"}}));
}

TEST(NetChange, KeysThatAreHandedOn) {
	// 1 becomes 3, 2 becomes 1, 3 becomes 2: two rows have changed places.
	const auto changes = net_changes({{Kind::Update, "1", "3", {{"k", "1"}}, {{"k", "3"}}},
	                                  {Kind::Update, "2", "1", {{"k", "2"}}, {{"k", "1"}}},
	                                  {Kind::Update, "3", "2", {{"k", "3"}}, {{"k", "2"}}}});
	ASSERT_EQ(changes.size(), 2u);
	EXPECT_EQ(changes[0].key, "1");
	EXPECT_EQ(changes[0].key_after, "2");
	EXPECT_EQ(changes[1].key, "2");
	EXPECT_EQ(changes[1].key_after, "1");
}

TEST(NetChange, KeysThatRowsShareForAWhile) {
	const auto is_taken = [](const std::string &key) { return key != "1"; };
	// All keys are one more: each row leaves its key after another has come to it.
	const std::vector<RowEvent> shift{{Kind::Update, "1", "2", {{"k", "1"}}, {{"k", "2"}}},
	                                  {Kind::Update, "2", "3", {{"k", "2"}}, {{"k", "3"}}},
	                                  {Kind::Update, "3", "4", {{"k", "3"}}, {{"k", "4"}}}};
	auto changes = net_changes(shift, {.has_key = true, .is_taken = is_taken});
	ASSERT_EQ(changes.size(), 3u);
	for (const NetChange &change : changes) {
		EXPECT_EQ(change.before.at("k"), change.key);
		EXPECT_EQ(change.after.at("k"), change.key_after);
	}
	// The same of one row, as nobody has the keys between.
	changes = net_changes(shift, {.has_key = true, .is_taken = [](const std::string &key) { return key == "4"; }});
	ASSERT_EQ(changes.size(), 1u);
	EXPECT_EQ(changes[0].key, "1");
	EXPECT_EQ(changes[0].key_after, "4");
	// Two that exchange them.
	changes = net_changes(
		{{Kind::Update, "1", "2", {{"k", "1"}}, {{"k", "2"}}}, {Kind::Update, "2", "1", {{"k", "2"}}, {{"k", "1"}}}},
		{.has_key = true, .is_taken = [](const std::string &) { return true; }});
	EXPECT_EQ(changes.size(), 2u);
}

// What moves between partitions is deleted and inserted.
TEST(NetChange, KeysThatAreExchangedByOtherRows) {
	const auto changes =
		net_changes({insertion("2", {{"k", "2"}, {"v", "one"}}), deletion("1", {{"k", "1"}, {"v", "one"}}),
	                 insertion("1", {{"k", "1"}, {"v", "two"}}), deletion("2", {{"k", "2"}, {"v", "two"}})},
	                {.has_key = true, .is_taken = [](const std::string &) { return true; }});
	const auto deleted = [](const NetChange &change) { return change.existed && !change.exists; };
	ASSERT_EQ(changes.size(), 3u);
	EXPECT_EQ(std::ranges::count_if(changes, [](const NetChange &c) { return c.key == "2"; }), 2);
	EXPECT_EQ(std::ranges::find_if(changes, deleted)->before.at("v"), "two");
}

TEST(NetChange, RowsWithoutAKeyAreCounted) {
	Identity identity;
	identity.has_key = false;
	const auto changes = net_changes({insertion("x", {{"a", "x"}}),
	                                  insertion("x", {{"a", "x"}}),
	                                  {Kind::Update, "x", "y", {{"a", "x"}}, {{"a", "y"}}},
	                                  deletion("x", {{"a", "x"}}),
	                                  deletion("x", {{"a", "x"}}),
	                                  {Kind::Update, "z", "y", {{"a", "z"}}, {{"a", "y"}}}},
	                                 identity);
	// Of the three, one was there and is gone, one came and is y, and one was z.
	ASSERT_EQ(changes.size(), 3u);
	EXPECT_EQ(std::ranges::count_if(changes, [](const NetChange &c) { return c.existed && !c.exists; }), 1);
	EXPECT_EQ(std::ranges::count_if(changes, [](const NetChange &c) { return !c.existed && c.exists; }), 1);
	EXPECT_EQ(std::ranges::count_if(changes, [](const NetChange &c) { return c.exists && c.key_after == "y"; }), 2);
}

// A random event of the table, which is done to it.
RowEvent random_event(Table &table, std::mt19937 &random) {
	const auto name = [&] { return std::to_string(random() % 6); };
	const std::string key = name();
	const auto found = table.find(key);
	if (found == table.end()) {
		const Values values{{"k", key}, {"a", name()}, {"b", name()}};
		table[key] = values;
		return insertion(key, values);
	}
	if (random() % 3 == 0) {
		const RowEvent event = deletion(key, found->second);
		table.erase(found);
		return event;
	}
	Values after = found->second;
	const std::string other = name();
	after[random() % 2 == 0 ? "a" : "b"] = name();
	if (!table.contains(other)) {
		after["k"] = other;
	}
	RowEvent event{Kind::Update, key, after["k"], {}, {}};
	for (const auto &[column, value] : after) {
		if (found->second[column] != value) {
			event.before[column] = found->second[column];
			event.after[column] = value;
		}
	}
	table.erase(found);
	table[after["k"]] = after;
	return event;
}

// All rows are taken out first, as no constraint is in the way here.
void take_back(Table &table, const std::vector<NetChange> &changes) {
	std::vector<Values> rows;
	for (const NetChange &change : changes) {
		Values row = change.exists ? table.at(change.key_after) : change.before;
		if (change.exists) {
			table.erase(change.key_after);
		}
		for (const auto &[column, value] : change.exists ? change.after : Values()) {
			ASSERT_EQ(row[column], value);
		}
		if (change.existed) {
			for (const auto &[column, value] : change.before) {
				row[column] = value;
			}
			rows.push_back(row);
		}
	}
	for (const Values &row : rows) {
		ASSERT_TRUE(table.try_emplace(row.at("k"), row).second);
	}
}

TEST(NetChange, TakenBackGivesWhatWasThere) {
	std::mt19937 random(1);
	for (int round = 0; round < 2000; ++round) {
		Table table;
		for (int i = 0; i < 5; ++i) {
			random_event(table, random);
		}
		const Table before = table;
		std::vector<RowEvent> events;
		for (std::size_t i = random() % 12; i > 0; --i) {
			RowEvent event = random_event(table, random);
			if (event.kind != Kind::Update || !event.after.empty()) {
				events.push_back(std::move(event));
			}
		}
		take_back(table, net_changes(events));
		ASSERT_EQ(table, before);
	}
}

/// Rows without a key, in any number.
using Bag = std::multiset<std::string>;

TEST(NetChange, TakenBackWithoutAKey) {
	std::mt19937 random(2);
	Identity identity;
	identity.has_key = false;
	for (int round = 0; round < 2000; ++round) {
		Bag bag{"0", "0", "1", "2"};
		const Bag before = bag;
		std::vector<RowEvent> events;
		for (std::size_t i = random() % 12; i > 0; --i) {
			const std::string one = std::to_string(random() % 4);
			const std::string other = std::to_string(random() % 4);
			const auto found = bag.find(one);
			if (found == bag.end()) {
				events.push_back(insertion(one, {{"a", one}}));
				bag.insert(one);
			} else if (random() % 2 == 0 || one == other) {
				events.push_back(deletion(one, {{"a", one}}));
				bag.erase(found);
			} else {
				events.push_back({Kind::Update, one, other, {{"a", one}}, {{"a", other}}});
				bag.erase(found);
				bag.insert(other);
			}
		}
		for (const NetChange &change : net_changes(events, identity)) {
			if (change.exists) {
				ASSERT_TRUE(bag.contains(change.key_after));
				bag.erase(bag.find(change.key_after));
			}
			if (change.existed) {
				bag.insert(change.before.contains("a") ? change.before.at("a") : change.key);
			}
		}
		ASSERT_EQ(bag, before);
	}
}

} // namespace

} // namespace warden::audit
