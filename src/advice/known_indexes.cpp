#include "advice/known_indexes.hpp"

namespace warden::advice {

IndexSet::Number KnownIndexes::add(KnownIndex index) {
	if (const auto number = find(index.shape); number && index.existing == 0) {
		return *number;
	}
	indexes_.push_back(std::move(index));
	return indexes_.size() - 1;
}

std::optional<IndexSet::Number> KnownIndexes::find(const IndexShape &shape) const {
	for (std::size_t i = 0; i < indexes_.size(); ++i) {
		if (indexes_[i].shape == shape) {
			return i;
		}
	}
	return std::nullopt;
}

IndexSet KnownIndexes::existing() const {
	IndexSet set;
	for (std::size_t i = 0; i < indexes_.size(); ++i) {
		if (indexes_[i].existing != 0) {
			set.insert(i);
		}
	}
	return set;
}

} // namespace warden::advice
