// as_of_merge.hpp - The rows that a table had, from those it has and what has become of them since.
//
// Plain C++.  Events come in reverse order, from now back to the moment, after the rows that there are now.  The
// invariant: after each event the rows are those before it, each under the key that it had then; so at the end they are
// those of the moment.  One key has two rows while a statement is undone that gave all rows the keys of others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace warden::audit {

/// What the log says that a column was.
struct PastValue {
	void *value = nullptr;    ///< null: it says nothing
	std::int32_t version = 0; ///< of the table's columns that it was written under
};

struct PastRow {
	bool is_live; ///< it is in the table now
	bool is_there = true;
	std::vector<PastValue> values;
};

class PastRows {
public:
	explicit PastRows(std::size_t columns) : columns_(columns) {}

	/// A row that the table has now.
	void add_live(std::string_view key) { ++at(key).live; }

	/// Undoes what happened to the row with a key.  What there was is to be noted in the row that is returned.
	void undo_insert(std::string_view key);
	PastRow &undo_update(std::string_view key);
	PastRow &undo_delete(std::string_view key);

	/// Gives the row that has a key now the key that it came from; the UPDATE that did it comes next.
	void undo_arrival(std::string_view key, std::string_view from);

	/// What became of a row that the table has now; null if nothing has.  Once for each of these rows.
	const PastRow *take_live(std::string_view key);

	const std::deque<PastRow> &rows() const { return rows_; }

	/// How often the log and the table did not fit: changes that were not logged.
	std::size_t gaps() const { return gaps_; }

private:
	struct Key {
		std::size_t live = 0; ///< rows that have it now, until it is looked at for the first time
		bool is_touched = false;
		std::vector<PastRow *> holders; ///< in the order in which they were found to have it, going back
		std::vector<PastRow *> touched; ///< those of now
	};
	/// Of whole numbers, which most keys are, the number: rows with keys in sequence are beside each other.
	struct Hash {
		using is_transparent = void;
		std::size_t operator()(std::string_view key) const {
			std::uint64_t number = 0;
			if (key.size() != sizeof number) {
				return std::hash<std::string_view>()(key);
			}
			std::memcpy(&number, key.data(), sizeof number);
			return number;
		}
	};
	using Keys = std::unordered_map<std::string, Key, Hash, std::equal_to<>>;

	Key &at(std::string_view key);
	std::vector<PastRow *> &holders(std::string_view key);
	PastRow &make(bool is_live);

	std::size_t columns_;
	std::size_t gaps_ = 0;
	std::deque<PastRow> rows_;
	Keys keys_;
};

} // namespace warden::audit
