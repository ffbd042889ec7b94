#include "audit/as_of_merge.hpp"

namespace warden::audit {

PastRow &PastRows::make(bool is_live) {
	rows_.push_back({.is_live = is_live, .is_there = true, .values = {}});
	rows_.back().values.resize(columns_);
	return rows_.back();
}

PastRows::Key &PastRows::at(std::string_view key) {
	const auto found = keys_.find(key);
	return found != keys_.end() ? found->second : keys_[std::string(key)];
}

std::vector<PastRow *> &PastRows::holders(std::string_view key) {
	Key &of_key = at(key);
	if (!of_key.is_touched) {
		of_key.is_touched = true;
		for (std::size_t i = 0; i < of_key.live; ++i) {
			of_key.holders.push_back(&make(true));
		}
		of_key.touched = of_key.holders;
	}
	return of_key.holders;
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
	std::vector<PastRow *> &touched = at(key).touched;
	if (touched.empty()) {
		return nullptr;
	}
	const PastRow *const row = touched.back();
	touched.pop_back();
	return row;
}

} // namespace warden::audit
