#include "advice/index_market.hpp"

#include "advice/index_moves.hpp"
#include "advice/index_size.hpp"

#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <limits>

extern "C" {
#include "catalog/pg_am_d.h"
}

namespace warden::advice {

using namespace pg;

namespace {

// A smaller table is read as fast as an index is found.
constexpr double small_pages = 1000;
// Of so many indexes of a table at most others are made.
constexpr std::size_t most_parents = 12;

bool can_carry(const IndexShape &shape, std::int16_t column) {
	const auto is_it = [&](const IndexKey &key) { return key.column == column; };
	return std::ranges::any_of(shape.keys, is_it) || std::ranges::find(shape.included, column) != shape.included.end();
}

bool has_key(const IndexShape &shape, const IndexKey &key) {
	return std::ranges::find(shape.keys, key) != shape.keys.end();
}

/// Others look up different things: one index for both would do for one of them only.
bool begin_alike(const IndexShape &one, const IndexShape &other) {
	return one.table == other.table && one.keys.front() == other.keys.front();
}

} // namespace

void IndexMarket::set_tables(std::size_t statement, std::vector<ObjectId> tables) {
	if (tables_.size() <= statement) {
		tables_.resize(statement + 1);
	}
	std::ranges::sort(tables);
	tables_[statement] = std::move(tables);
}

void IndexMarket::weigh_upkeep(const Prices &prices) {
	prices_ = prices;
}

const WriteActivity &IndexMarket::activity_of(ObjectId table) {
	const auto found =
		std::ranges::find_if(activities_, [&](const WriteActivity &activity) { return activity.table == table; });
	if (found != activities_.end()) {
		return *found;
	}
	activities_.push_back(read_activity(table));
	return activities_.back();
}

WriteCost IndexMarket::write_cost_of(IndexSet::Number index, const Prices &prices) {
	const WriteActivity &activity = activity_of(table_of(index));
	return write_cost(advice::upkeep_of(indexes_[index], activity, changes_), activity.rates, prices);
}

bool IndexMarket::is_small(ObjectId table) {
	return activity_of(table).bytes < small_pages * BLCKSZ;
}

double IndexMarket::bytes_of(IndexSet::Number index) const {
	const IndexSize &size = indexes_[index].size;
	return size.obstacle ? std::numeric_limits<double>::infinity() : static_cast<double>(size.bytes());
}

double IndexMarket::bytes_of_tables() const {
	double sum = 0;
	for (const WriteActivity &activity : activities_) {
		sum += activity.bytes;
	}
	return sum;
}

double IndexMarket::upkeep_of(IndexSet::Number index) const {
	if (indexes_[index].existing != 0) {
		return 0;
	}
	const double rent = rent_ * static_cast<double>(indexes_[index].size.bytes());
	const auto activity =
		std::ranges::find_if(activities_, [&](const WriteActivity &other) { return other.table == table_of(index); });
	if (!prices_ || activity == activities_.end()) {
		return rent;
	}
	const IndexUpkeep upkeep = advice::upkeep_of(indexes_[index], *activity, changes_);
	return rent + write_cost(upkeep, activity->rates, *prices_).milliseconds;
}

bool IndexMarket::concerns(IndexSet::Number index, std::size_t statement) const {
	return statement < tables_.size() && std::ranges::binary_search(tables_[statement], table_of(index));
}

bool IndexMarket::replaces(IndexSet::Number index, IndexSet::Number other) const {
	const IndexShape &wide = indexes_[index].shape;
	const IndexShape &old = indexes_[other].shape;
	return wide.table == old.table && wide.method == old.method && wide.method == BTREE_AM_OID &&
	       (wide.predicate.empty() || wide.predicate == old.predicate) && begins_with(wide.keys, old.keys) &&
	       std::ranges::all_of(old.included, [&](std::int16_t column) { return can_carry(wide, column); });
}

IndexSet IndexMarket::parts_of(IndexSet::Number index) const {
	const IndexShape &whole = indexes_[index].shape;
	const auto is_included = [&](std::int16_t column) {
		return std::ranges::find(whole.included, column) != whole.included.end();
	};
	const auto is_part = [&](const IndexShape &shape) {
		return shape.table == whole.table && shape.method == whole.method &&
		       (shape.predicate == whole.predicate || whole.predicate.empty()) &&
		       std::ranges::all_of(shape.keys, [&](const IndexKey &key) { return has_key(whole, key); }) &&
		       std::ranges::all_of(shape.included, is_included);
	};
	IndexSet parts;
	for (IndexSet::Number other = 0; other < indexes_.size(); ++other) {
		if (other != index && indexes_[other].existing == 0 && is_part(indexes_[other].shape)) {
			parts.insert(other);
		}
	}
	return parts;
}

/// Adds it to those that are known, and offers it unless it is one that exists.
void IndexMarket::offer(IndexSet &offered, const IndexShape &shape) {
	std::optional<IndexSet::Number> number = indexes_.find(shape);
	if (!number) {
		number = indexes_.add({.shape = shape, .size = quick_size(shape)});
	}
	if (indexes_[*number].existing == 0) {
		offered.insert(*number);
	}
}

bool IndexMarket::correct_sizes(const IndexSet &indexes) {
	bool changed = false;
	for (const IndexSet::Number index : (indexes - corrected_).members()) {
		check_for_interrupts();
		corrected_.insert(index);
		IndexSize size;
		// If the table is in use by now, it is as large as it was taken to be.
		if (try_out([&] {
				const PinnedSettings settings;
				const OpenRelation table(table_of(index), AccessShareLock);
				size = estimate_size(indexes_[index].shape);
			})) {
			continue;
		}
		changed |= size.pages != indexes_[index].size.pages || size.obstacle;
		indexes_[index].size = std::move(size);
	}
	return changed;
}

IndexSet IndexMarket::derive(const IndexSet &indexes) {
	std::vector<IndexSet::Number> parents;
	for (const IndexSet::Number index : indexes.members()) {
		if (indexes_[index].shape.method == BTREE_AM_OID && indexes_[index].existing == 0) {
			parents.push_back(index);
		}
	}
	IndexSet offered;
	// Whatever stands in the way of a table, its indexes are only not merged.
	const auto error = try_out([&] {
		const PinnedSettings settings;
		for (const IndexSet::Number one : parents) {
			const OpenRelation table(table_of(one), AccessShareLock);
			for (const IndexShape &shape : narrow(IndexShape(indexes_[one].shape))) {
				offer(offered, shape);
			}
			std::size_t partners = 0;
			for (const IndexSet::Number other : parents) {
				if (other == one || !begin_alike(indexes_[one].shape, indexes_[other].shape) ||
				    ++partners > most_parents) {
					continue;
				}
				for (const IndexShape &shape : merge(indexes_[one].shape, indexes_[other].shape)) {
					offer(offered, shape);
				}
			}
		}
	});
	return error ? IndexSet() : offered;
}

} // namespace warden::advice
