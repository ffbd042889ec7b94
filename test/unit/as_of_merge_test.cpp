// Rows as they were, by what has happened to them since.
#include "audit/as_of_merge.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace warden::audit {

namespace {

TEST(PastRows, NothingHappened) {
	PastRows rows;
	EXPECT_FALSE(rows.have_changed());
	EXPECT_EQ(rows.take_live("1").row, nullptr);
	EXPECT_TRUE(rows.take_live("1").is_here);
	EXPECT_FALSE(rows.next_part());
}

TEST(PastRows, Updated) {
	PastRows rows;
	PastRow *const row = rows.find(1, "1");
	EXPECT_EQ(rows.find(2, "1"), row);
	EXPECT_EQ(rows.take_live("1").row, row);
	EXPECT_TRUE(row->is_there);
	rows.for_each_lost([](const PastRow &) { FAIL(); });
	EXPECT_EQ(rows.gaps(), 0U);
}

TEST(PastRows, NotThereYet) {
	PastRows rows;
	rows.add_insert(1, "1");
	rows.count_live("1");
	rows.undo();
	const PastRow *const row = rows.find(2, "1");
	EXPECT_FALSE(row->is_there);
	EXPECT_EQ(rows.take_live("1").row, row);
	EXPECT_EQ(rows.gaps(), 0U);
}

TEST(PastRows, DeletedAndInsertedAgain) {
	PastRows rows;
	rows.add_insert(3, "1");
	rows.add_delete(2, "1");
	rows.count_live("1");
	rows.undo();
	const PastRow *const row = rows.find(2, "1");
	EXPECT_EQ(rows.find(1, "1"), row);
	EXPECT_NE(rows.find(4, "1"), row);
	EXPECT_FALSE(rows.take_live("1").row->is_there);
	EXPECT_TRUE(row->is_there);
	EXPECT_FALSE(row->is_live);
}

TEST(PastRows, AnotherKey) {
	PastRows rows;
	rows.add_arrival(2, "2", "1");
	rows.add_arrival(4, "3", "2");
	rows.count_live("3");
	rows.undo();
	const PastRow *const row = rows.find(1, "1");
	EXPECT_EQ(rows.find(3, "2"), row);
	EXPECT_EQ(rows.take_live("3").row, row);
	EXPECT_TRUE(row->is_there);
	EXPECT_EQ(*row->key, "1");
}

// UPDATE ... SET id = id + 1, of rows 1 and 2: the events are the same as those of one row that goes to 2, then to 3.
TEST(PastRows, AllKeys) {
	PastRows rows;
	rows.add_arrival(2, "2", "1");
	rows.add_arrival(4, "3", "2");
	rows.count_live("2");
	rows.count_live("3");
	rows.undo();
	const PastRow *const first = rows.find(1, "1");
	const PastRow *const second = rows.find(3, "2");
	EXPECT_NE(first, second);
	EXPECT_EQ(rows.take_live("2").row, first);
	EXPECT_EQ(rows.take_live("3").row, second);
}

// Rows without a key that are alike.
TEST(PastRows, Twins) {
	PastRows rows;
	rows.add_insert(1, "a");
	rows.count_live("a");
	rows.count_live("a");
	rows.undo();
	int there = 0;
	for (int i = 0; i < 2; ++i) {
		const PastRow *const row = rows.take_live("a").row;
		ASSERT_NE(row, nullptr);
		there += row->is_there ? 1 : 0;
	}
	EXPECT_EQ(there, 1);
	EXPECT_EQ(rows.take_live("a").row, nullptr);
}

// The INSERT was logged, what became of the row was not; and of another the UPDATE only.
TEST(PastRows, Gap) {
	PastRows rows;
	rows.add_insert(1, "1");
	rows.undo();
	EXPECT_FALSE(rows.find(2, "1")->is_there);
	EXPECT_EQ(rows.gaps(), 1U);
	rows.find(3, "2");
	int lost = 0;
	rows.for_each_lost([&](const PastRow &row) { lost += row.is_there ? 1 : 0; });
	EXPECT_EQ(lost, 1);
	EXPECT_EQ(rows.gaps(), 2U);
}

struct Event {
	char operation;
	int key, from;
};

// What happens to rows with unique keys, and what there was before each event.
class World {
public:
	explicit World(unsigned seed, int keys) : random_(seed), keys_(keys) {
		for (int key = 0; key < keys; key += 2) {
			now_.insert(key);
		}
		past_ = now_;
	}

	void live(int events) {
		while (static_cast<int>(events_.size()) < events) {
			const int key = number(keys_);
			if (!now_.contains(key)) {
				now_.insert(key);
				events_.push_back({'I', key, 0});
			} else if (const int to = number(keys_); number(4) == 0 && !now_.contains(to)) {
				now_.erase(key);
				now_.insert(to);
				events_.push_back({'U', key, 0});
				events_.push_back({'K', to, key});
			} else if (number(3) == 0) {
				now_.erase(key);
				events_.push_back({'D', key, 0});
			} else {
				events_.push_back({'U', key, 0});
			}
		}
	}

	int number(int end) { return std::uniform_int_distribution<int>(0, end - 1)(random_); }

	const std::vector<Event> &events() const { return events_; }
	const std::set<int> &now() const { return now_; }
	const std::set<int> &past() const { return past_; }

private:
	std::mt19937 random_;
	int keys_;
	std::vector<Event> events_;
	std::set<int> now_, past_;
};

// The rows of the past: of each the key, by the earliest event that is noted of it, else that of now.
std::multiset<int> past_of(const World &world, std::size_t most, int &parts) {
	PastRows rows;
	std::map<const PastRow *, std::size_t> noted;
	std::multiset<int> found;
	const auto note = [&](std::size_t i) {
		const PastRow *const row = rows.find(static_cast<std::int64_t>(i), std::to_string(world.events()[i].key));
		if (row != nullptr && (!noted.contains(row) || noted.at(row) > i)) {
			noted[row] = i;
		}
	};
	const auto limit = [&] {
		while (rows.size() > most && rows.halve([&](PastRow &row) { noted.erase(&row); })) {
		}
	};
	const auto add = [&](const PastRow &row, int key) {
		if (row.is_there) {
			found.insert(noted.contains(&row) ? world.events()[noted.at(&row)].key : key);
		}
	};
	const auto each = [&](auto &&body) {
		for (std::size_t i = 0; i < world.events().size(); ++i) {
			body(i, world.events()[i]);
			limit();
		}
	};
	each([&](std::size_t i, const Event &event) {
		if (event.operation == 'K') {
			rows.add_arrival(static_cast<std::int64_t>(i), std::to_string(event.key), std::to_string(event.from));
		}
	});
	parts = 0;
	do {
		++parts;
		each([&](std::size_t i, const Event &event) {
			if (event.operation == 'I') {
				rows.add_insert(static_cast<std::int64_t>(i), std::to_string(event.key));
			} else if (event.operation == 'D') {
				rows.add_delete(static_cast<std::int64_t>(i), std::to_string(event.key));
			}
		});
		if (rows.have_changed()) {
			for (const int key : world.now()) {
				rows.count_live(std::to_string(key));
			}
			rows.undo();
		}
		each([&](std::size_t i, const Event &event) {
			if (event.operation == 'U' || event.operation == 'D') {
				note(i);
			}
		});
		for (const int key : world.now()) {
			const PastRows::Found live = rows.take_live(std::to_string(key));
			if (live.row != nullptr) {
				add(*live.row, key);
			} else if (live.is_here) {
				found.insert(key);
			}
		}
		rows.for_each_lost([&](const PastRow &row) { add(row, -1); });
		noted.clear();
	} while (rows.next_part());
	EXPECT_EQ(rows.gaps(), 0U);
	return found;
}

TEST(PastRows, Random) {
	for (unsigned seed = 0; seed < 300; ++seed) {
		World world(seed, 12);
		world.live(60);
		int parts = 0;
		EXPECT_EQ(past_of(world, SIZE_MAX, parts), std::multiset<int>(world.past().begin(), world.past().end()))
			<< seed;
		EXPECT_EQ(parts, 1);
	}
}

TEST(PastRows, InParts) {
	World world(1, 60000);
	world.live(120000);
	int parts = 0;
	EXPECT_EQ(past_of(world, 8000000, parts), std::multiset<int>(world.past().begin(), world.past().end()));
	EXPECT_GT(parts, 1);
}

} // namespace

} // namespace warden::audit
