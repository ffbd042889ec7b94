// as_of_merge.hpp - The rows that a table had, from those it has and what has become of them since.
//
// Plain C++.  Only the events by which rows come, go, or get another key need an order; they are undone from now back
// to the moment.  Then it is known to which row a key belonged at any time, and what an event says of a row is of the
// row that had the key then.  The invariant: after each event that is undone the rows are those before it, each under
// the key that it had then.  One key has two rows while a statement is undone that gave all rows the keys of others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace warden::audit {

struct PastRow {
	bool is_live = false;             ///< it is in the table now
	bool is_there = true;             ///< it was at the moment
	void *images = nullptr;           ///< what the log says of it
	const std::string *key = nullptr; ///< that it had at the moment, if it is not the one it has now
};

class PastRows {
public:
	/// What happened: arrivals first, else in any order; `event` is its place in the order.
	void add_arrival(std::int64_t event, std::string_view key, std::string_view from);
	void add_insert(std::int64_t event, std::string_view key);
	void add_delete(std::int64_t event, std::string_view key);

	/// Whether anything did: if so, the rows that the table has now are to be counted before it is undone.
	bool have_changed() const { return !changes_.empty(); }
	void count_live(std::string_view key);
	void undo();

	/// The row that an event is about which says what it was; null if it is not of the part that is looked at.
	PastRow *find(std::int64_t event, std::string_view key);

	/// What became of a row that the table has now.  Once for each of these rows.
	struct Found {
		bool is_here = true;          ///< it is of the part that is looked at
		const PastRow *row = nullptr; ///< null if nothing has
	};
	Found take_live(std::string_view key);

	/// Those that are not in the table now: body(row).
	template <class F>
	void for_each_lost(F &&body) {
		for (const PastRow &row : rows_) {
			if (row.is_there && !row.is_live) {
				body(row);
			}
		}
		for (auto &[key, known] : keys_) {
			if (!known.lives && !known.row.is_live) {
				++gaps_; // it was updated, but is gone
				body(known.row);
			}
		}
	}

	/// Where there are too many rows to remember them all, it is done part by part, by the hashes of keys, but for rows
	/// that have changed theirs.  Leaves out the upper half of this part; forget(row) gives up what was found of a row.
	/// False if there is little to leave out.
	template <class F>
	bool halve(F &&forget) {
		if (keys_.size() < linked_ + smallest_part || last_ == first_) {
			return false;
		}
		last_ = first_ + (last_ - first_) / 2;
		std::erase_if(changes_, [&](const Change &change) {
			const Lives &lives = change.key == nullptr ? *change.from : *change.key;
			return !lives.is_linked && !is_here(*lives.key);
		});
		for (auto known = keys_.begin(); known != keys_.end();) {
			known = goes(known->second, known->first) ? give_up(known, forget) : std::next(known);
		}
		return true;
	}

	/// Goes on to the next part, which begins with what happened again, but for arrivals; false if this was the last
	/// one.
	bool next_part();

	/// What it takes to remember the rows, in bytes, without their images; about.
	std::size_t size() const {
		return keys_.size() * bytes_of_key + (changes_.size() + rows_.size()) * bytes_of_change;
	}

	/// How often the log and the table did not fit: changes that were not logged.
	std::size_t gaps() const { return gaps_; }

private:
	/// Up to this event, the row that a key belonged to; null if to none.
	struct Turn {
		std::int64_t event;
		PastRow *row;
	};
	/// The rows that have had a key.
	struct Lives {
		const std::string *key;
		bool is_linked = false;         ///< one of its rows has had another key
		std::size_t live = 0;           ///< rows that have it now
		std::vector<PastRow *> holders; ///< in the order in which they were found to have it, going back
		std::size_t first = 0;          ///< of the holders: those before have left
		std::vector<PastRow *> taken;   ///< rows of now that are yet to be taken
		std::vector<Turn> turns;        ///< going back; the first one has no event: now
	};
	struct Change {
		std::int64_t event;
		Lives *key;  ///< that a row came with; null: it went
		Lives *from; ///< the key that it came from, or that it went with
	};
	/// Without lives: of a row that has had this key all the time.
	struct Known {
		PastRow row;
		std::unique_ptr<Lives> lives;
	};
	/// Of whole numbers, which most keys are, the number: rows with keys in sequence are beside each other.
	struct Hash {
		using is_transparent = void;
		std::size_t operator()(std::string_view key) const noexcept {
			std::uint64_t number = 0;
			if (key.size() != sizeof number) {
				return std::hash<std::string_view>()(key);
			}
			std::memcpy(&number, key.data(), sizeof number);
			return number;
		}
	};

	static constexpr std::size_t smallest_part = 10000; // keys
	static constexpr std::size_t bytes_of_key = 100;
	static constexpr std::size_t bytes_of_change = 200;

	Lives &lives(std::string_view key);
	Lives *lives_here(std::string_view key);
	static bool is_linked(const Known &known) { return known.lives && known.lives->is_linked; }
	bool goes(const Known &known, const std::string &key) const { return !is_linked(known) && !is_here(key); }
	template <class F>
	auto give_up(auto at, F &&forget) {
		Known &known = at->second;
		forget(known.row);
		if (known.lives) {
			for (const Turn &turn : known.lives->turns) {
				if (turn.row != nullptr) {
					turn.row->is_there = false;
					forget(*turn.row);
				}
			}
		}
		return keys_.erase(at);
	}
	static PastRow *holder(const Lives &lives);
	PastRow &make(bool is_live);
	PastRow &leave(Lives &lives, std::int64_t event);
	void come(Lives &lives, std::int64_t event, PastRow &row);
	bool is_here(std::string_view key) const {
		const std::uint64_t part = (Hash()(key) * 0x9E3779B97F4A7C15U) >> 32U;
		return first_ <= part && part <= last_;
	}

	std::size_t gaps_ = 0;
	std::vector<Change> changes_;
	std::deque<PastRow> rows_; ///< of keys that have had others
	std::unordered_map<std::string, Known, Hash, std::equal_to<>> keys_;
	std::size_t linked_ = 0; ///< keys
	bool is_first_ = true;   ///< part: all rows that have had other keys are in it
	std::uint64_t first_ = 0, last_ = UINT32_MAX;
};

} // namespace warden::audit
