#include "advice/index_set.hpp"

#include <algorithm>
#include <bit>

namespace warden::advice {

IndexSet::IndexSet(std::initializer_list<Number> members) {
	for (const Number index : members) {
		insert(index);
	}
}

void IndexSet::insert(Number index) {
	if (index / bits >= words_.size()) {
		words_.resize(index / bits + 1);
	}
	words_[index / bits] |= std::uint64_t{1} << (index % bits);
}

void IndexSet::erase(Number index) {
	if (contains(index)) {
		words_[index / bits] &= ~(std::uint64_t{1} << (index % bits));
		trim();
	}
}

std::size_t IndexSet::size() const {
	std::size_t count = 0;
	for (const std::uint64_t word : words_) {
		count += static_cast<std::size_t>(std::popcount(word));
	}
	return count;
}

std::vector<IndexSet::Number> IndexSet::members() const {
	std::vector<Number> members;
	for (std::size_t i = 0; i < words_.size(); ++i) {
		for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
			members.push_back(i * bits + static_cast<std::size_t>(std::countr_zero(word)));
		}
	}
	return members;
}

IndexSet &IndexSet::operator|=(const IndexSet &other) {
	words_.resize(std::max(words_.size(), other.words_.size()));
	for (std::size_t i = 0; i < other.words_.size(); ++i) {
		words_[i] |= other.words_[i];
	}
	return *this;
}

IndexSet &IndexSet::operator&=(const IndexSet &other) {
	words_.resize(std::min(words_.size(), other.words_.size()));
	for (std::size_t i = 0; i < words_.size(); ++i) {
		words_[i] &= other.words_[i];
	}
	trim();
	return *this;
}

IndexSet &IndexSet::operator-=(const IndexSet &other) {
	for (std::size_t i = 0; i < std::min(words_.size(), other.words_.size()); ++i) {
		words_[i] &= ~other.words_[i];
	}
	trim();
	return *this;
}

std::size_t IndexSet::hash() const {
	std::uint64_t hash = 0xCBF29CE484222325U; // FNV-1a, by words
	for (const std::uint64_t word : words_) {
		hash = (hash ^ word) * 0x100000001B3U;
		hash ^= hash >> 29;
	}
	return static_cast<std::size_t>(hash);
}

void IndexSet::trim() {
	while (!words_.empty() && words_.back() == 0) {
		words_.pop_back();
	}
}

} // namespace warden::advice
