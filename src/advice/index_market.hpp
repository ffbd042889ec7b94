// index_market.hpp - The indexes that selection chooses from: what they come to, for whom they are, and others made of
// them.
//
// C++ code.
#pragma once

#include "advice/known_indexes.hpp"
#include "advice/selection.hpp"
#include "advice/write_activity.hpp"

namespace warden::advice {

class IndexMarket final : public IndexSource {
public:
	explicit IndexMarket(KnownIndexes &indexes) : indexes_(indexes) {}

	/// A statement, by number, reads these tables.
	void set_tables(std::size_t statement, std::vector<ObjectId> tables);
	/// Upkeep counts in selection, at these prices; otherwise it is only told.
	void weigh_upkeep(const Prices &prices);
	/// What room costs where there is no budget, in the unit of what is saved.
	void set_rent(double of_byte) { rent_ = of_byte; }
	void add_changes(std::vector<ColumnChanges> changes) { changes_ = std::move(changes); }

	const WriteActivity &activity_of(ObjectId table);
	WriteCost write_cost_of(IndexSet::Number index, const Prices &prices);
	bool is_small(ObjectId table);
	double bytes_of_tables() const; ///< of those whose activity was asked for

	std::size_t count() const override { return indexes_.size(); }
	ObjectId table_of(IndexSet::Number index) const override { return indexes_[index].shape.table; }
	double bytes_of(IndexSet::Number index) const override;
	double upkeep_of(IndexSet::Number index) const override;
	bool concerns(IndexSet::Number index, std::size_t statement) const override;
	bool replaces(IndexSet::Number index, IndexSet::Number other) const override;
	IndexSet parts_of(IndexSet::Number index) const override;
	bool correct_sizes(const IndexSet &indexes) override;
	IndexSet derive(const IndexSet &indexes) override;

private:
	void offer(IndexSet &offered, const IndexShape &shape);

	KnownIndexes &indexes_;
	std::vector<std::vector<ObjectId>> tables_; ///< by statement, ascending
	std::vector<WriteActivity> activities_;
	std::vector<ColumnChanges> changes_;
	std::optional<Prices> prices_;
	double rent_ = 0;    ///< of a byte
	IndexSet corrected_; ///< those whose size was looked at closely
};

} // namespace warden::advice
