#include "audit/as_of_merge.hpp"

#include <algorithm>

namespace warden::audit {

PastRows::Lives &PastRows::lives(std::string_view key) {
	auto found = keys_.find(key);
	if (found == keys_.end()) {
		found = keys_.try_emplace(std::string(key)).first;
	}
	Known &known = found->second;
	if (!known.lives) {
		known.lives = std::make_unique<Lives>(Lives{.key = &found->first, .holders = {}, .taken = {}, .turns = {}});
	}
	return *known.lives;
}

// Null if the key is of another part.
PastRows::Lives *PastRows::lives_here(std::string_view key) {
	const auto found = keys_.find(key);
	if (found == keys_.end() ? !is_here(key) : is_linked(found->second) && !is_first_) {
		return nullptr;
	}
	return &lives(key);
}

void PastRows::add_arrival(std::int64_t event, std::string_view key, std::string_view from) {
	Lives &at = lives(key);
	Lives &before = lives(from);
	for (Lives *const one : {&at, &before}) {
		linked_ += one->is_linked ? 0 : 1;
		one->is_linked = true;
	}
	changes_.push_back({event, &at, &before});
}

void PastRows::add_insert(std::int64_t event, std::string_view key) {
	if (Lives *const at = lives_here(key)) {
		changes_.push_back({event, at, nullptr});
	}
}

void PastRows::add_delete(std::int64_t event, std::string_view key) {
	if (Lives *const at = lives_here(key)) {
		changes_.push_back({event, nullptr, at});
	}
}

void PastRows::count_live(std::string_view key) {
	const auto found = keys_.find(key);
	if (found != keys_.end()) {
		++found->second.lives->live;
	}
}

PastRow &PastRows::make(bool is_live) {
	rows_.push_back({.is_live = is_live});
	return rows_.back();
}

PastRow *PastRows::holder(const Lives &lives) {
	return lives.first == lives.holders.size() ? nullptr : lives.holders.back();
}

// The row that came with a key last is no longer there.
PastRow &PastRows::leave(Lives &lives, std::int64_t event) {
	PastRow *row = nullptr;
	if (holder(lives) == nullptr) {
		++gaps_;
		row = &make(false);
		lives.turns.back().row = row;
	} else {
		row = lives.holders[lives.first++];
	}
	lives.turns.push_back({event, holder(lives)});
	return *row;
}

void PastRows::come(Lives &lives, std::int64_t event, PastRow &row) {
	lives.holders.push_back(&row);
	lives.turns.push_back({event, &row});
	row.key = lives.key;
}

void PastRows::undo() {
	for (auto &[key, known] : keys_) {
		Lives &lives = *known.lives;
		if (lives.is_linked && !is_first_) {
			continue;
		}
		for (std::size_t i = 0; i < lives.live; ++i) {
			lives.holders.push_back(&make(true));
		}
		lives.taken = lives.holders;
		lives.turns.push_back({INT64_MAX, holder(lives)});
	}
	std::ranges::sort(changes_, std::ranges::greater(), &Change::event);
	for (const Change &change : changes_) {
		if (change.key == nullptr) {
			come(*change.from, change.event, make(false));
			continue;
		}
		PastRow &row = leave(*change.key, change.event);
		if (change.from == nullptr) {
			row.is_there = false;
		} else {
			come(*change.from, change.event, row);
		}
	}
	changes_.clear();
	changes_.shrink_to_fit();
}

PastRow *PastRows::find(std::int64_t event, std::string_view key) {
	auto found = keys_.find(key);
	if (found == keys_.end()) {
		if (!is_here(key)) {
			return nullptr;
		}
		found = keys_.try_emplace(std::string(key)).first;
	}
	Known &known = found->second;
	if (!known.lives) {
		return &known.row;
	}
	if (known.lives->is_linked && !is_first_) {
		return nullptr;
	}
	// The last turn that is not before the event.
	std::vector<Turn> &turns = known.lives->turns;
	const auto after = std::ranges::partition_point(turns, [&](const Turn &turn) { return turn.event >= event; });
	PastRow *&row = std::prev(after)->row;
	if (row == nullptr) {
		++gaps_;
		row = &make(false);
	}
	return row;
}

PastRows::Found PastRows::take_live(std::string_view key) {
	const auto found = keys_.find(key);
	if (found == keys_.end()) {
		return {.is_here = is_here(key), .row = nullptr};
	}
	Known &known = found->second;
	if (!known.lives) {
		known.row.is_live = true;
		return {.is_here = true, .row = &known.row};
	}
	if (known.lives->is_linked && !is_first_) {
		return {.is_here = false, .row = nullptr};
	}
	std::vector<PastRow *> &taken = known.lives->taken;
	if (taken.empty()) {
		return {};
	}
	const PastRow *const row = taken.back();
	taken.pop_back();
	return {.is_here = true, .row = row};
}

bool PastRows::next_part() {
	if (last_ == UINT32_MAX) {
		return false;
	}
	const std::uint64_t size = last_ - first_;
	first_ = last_ + 1;
	last_ = std::min<std::uint64_t>(first_ + size, UINT32_MAX);
	is_first_ = false;
	std::erase_if(keys_, [](const auto &known) { return !is_linked(known.second); });
	rows_.clear();
	return true;
}

} // namespace warden::audit
