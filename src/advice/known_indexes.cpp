#include "advice/known_indexes.hpp"

#include <algorithm>

namespace warden::advice {

IndexSet::Number KnownIndexes::add(KnownIndex index) {
	if (const auto number = find(index.shape); number && index.existing == 0) {
		return *number;
	}
	const auto shape_of = [&](IndexSet::Number number) -> const IndexShape & { return indexes_[number].shape; };
	by_shape_.insert(std::ranges::upper_bound(by_shape_, index.shape, {}, shape_of), indexes_.size());
	indexes_.push_back(std::move(index));
	return indexes_.size() - 1;
}

std::optional<IndexSet::Number> KnownIndexes::find(const IndexShape &shape) const {
	const auto shape_of = [&](IndexSet::Number number) -> const IndexShape & { return indexes_[number].shape; };
	const auto place = std::ranges::lower_bound(by_shape_, shape, {}, shape_of);
	return place != by_shape_.end() && shape_of(*place) == shape ? std::optional(*place) : std::nullopt;
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
