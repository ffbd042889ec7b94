// index_set.hpp - A set of indexes, by their numbers among those that advice knows.
//
// Plain C++.  The invariant: sets that have the same members are equal and have the same hash, however they were made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace warden::advice {

class IndexSet {
public:
	using Number = std::size_t;

	IndexSet() = default;
	IndexSet(std::initializer_list<Number> members);

	bool contains(Number index) const {
		return index / bits < words_.size() && ((words_[index / bits] >> (index % bits)) & 1U) != 0;
	}
	void insert(Number index);
	void erase(Number index);
	bool empty() const { return words_.empty(); }
	std::size_t size() const;
	std::vector<Number> members() const; ///< ascending

	/// Here because most of the time of a search is spent in it.
	bool is_subset_of(const IndexSet &other) const {
		if (words_.size() > other.words_.size()) {
			return false;
		}
		for (std::size_t i = 0; i < words_.size(); ++i) {
			if ((words_[i] & ~other.words_[i]) != 0) {
				return false;
			}
		}
		return true;
	}
	IndexSet &operator|=(const IndexSet &other);
	IndexSet &operator&=(const IndexSet &other);
	IndexSet &operator-=(const IndexSet &other);
	friend IndexSet operator|(IndexSet left, const IndexSet &right) { return left |= right; }
	friend IndexSet operator&(IndexSet left, const IndexSet &right) { return left &= right; }
	friend IndexSet operator-(IndexSet left, const IndexSet &right) { return left -= right; }
	friend bool operator==(const IndexSet &, const IndexSet &) = default;
	std::size_t hash() const;

private:
	static constexpr std::size_t bits = 64;

	void trim(); ///< no words of zeros at the end

	std::vector<std::uint64_t> words_;
};

} // namespace warden::advice
