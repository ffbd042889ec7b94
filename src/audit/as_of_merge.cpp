#include "audit/as_of_merge.hpp"

namespace warden::audit {

PastRow &PastRows::make(bool is_live) {
	rows_.push_back({.is_live = is_live, .is_there = true, .values = {}});
	rows_.back().values.resize(columns_);
	return rows_.back();
}

/// Those that have the key, in the order in which they were found to have it, going back.
std::vector<PastRow *> &PastRows::holders(std::string_view key) {
	const auto [found, is_new] = holders_.try_emplace(std::string(key));
	if (is_new) {
		const auto live = live_.find(found->first);
		for (std::size_t i = 0; live != live_.end() && i < live->second; ++i) {
			found->second.push_back(&make(true));
		}
		if (!found->second.empty()) {
			touched_[found->first] = found->second;
		}
	}
	return found->second;
}

void PastRows::undo_insert(std::string_view key) {
	auto &of_key = holders(key);
	if (of_key.empty()) {
		++gaps_;
		return;
	}
	of_key.front()->is_there = false;
	of_key.erase(of_key.begin());
}

PastRow &PastRows::undo_update(std::string_view key) {
	auto &of_key = holders(key);
	if (of_key.empty()) {
		++gaps_;
		of_key.push_back(&make(false));
	}
	return *of_key.back();
}

PastRow &PastRows::undo_delete(std::string_view key) {
	PastRow &row = make(false);
	holders(key).push_back(&row);
	return row;
}

void PastRows::undo_arrival(std::string_view key, std::string_view from) {
	auto &of_key = holders(key);
	if (of_key.empty()) {
		++gaps_;
		of_key.push_back(&make(false));
	}
	PastRow *const row = of_key.front();
	of_key.erase(of_key.begin());
	holders(from).push_back(row);
}

const PastRow *PastRows::take_live(std::string_view key) {
	const auto found = touched_.find(std::string(key));
	if (found == touched_.end() || found->second.empty()) {
		return nullptr;
	}
	const PastRow *const row = found->second.back();
	found->second.pop_back();
	return row;
}

} // namespace warden::audit
