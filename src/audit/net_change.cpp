#include "audit/net_change.hpp"

#include <utility>

namespace warden::audit {

namespace {

/// The rows that events were about so far, and where each is now.
class Rows {
public:
	void apply(const RowEvent &event) {
		NetChange &row = find(event);
		switch (event.kind) {
		case RowEvent::Kind::Insert:
			row.exists = true;
			row.after = event.after;
			break;
		case RowEvent::Kind::Update:
			keep_oldest(row, event.before);
			for (const auto &[column, value] : event.after) {
				row.after[column] = value;
			}
			move(row, event);
			break;
		case RowEvent::Kind::Delete:
			keep_oldest(row, event.before);
			row.exists = false;
			row.after.clear();
			break;
		}
	}

	std::vector<NetChange> result() {
		std::vector<NetChange> changes;
		for (NetChange &row : rows_) {
			if (row.existed && row.exists) {
				drop_equal(row);
			}
			if (row.existed != row.exists || !row.before.empty() || !row.after.empty()) {
				changes.push_back(std::move(row));
			}
		}
		return changes;
	}

private:
	NetChange &find(const RowEvent &event) {
		const auto [place, is_new] = places_.try_emplace(event.key, rows_.size());
		if (is_new) {
			const bool existed = event.kind != RowEvent::Kind::Insert;
			rows_.push_back({existed, existed, event.key, event.key, {}, {}});
		}
		return rows_[place->second];
	}

	// What a row was before the first event that touched a column.
	static void keep_oldest(NetChange &row, const Values &before) {
		if (!row.existed) {
			return;
		}
		for (const auto &[column, value] : before) {
			row.before.try_emplace(column, value);
		}
	}

	void move(NetChange &row, const RowEvent &event) {
		if (event.key_after == event.key) {
			return;
		}
		const std::size_t place = places_.at(event.key);
		places_.erase(event.key);
		places_[event.key_after] = place;
		row.key_after = event.key_after;
	}

	// Of a row that was there and is: what it has been meanwhile does not matter.
	static void drop_equal(NetChange &row) {
		std::erase_if(row.before, [&](const auto &value) {
			const auto found = row.after.find(value.first);
			if (found == row.after.end() || found->second != value.second) {
				return false;
			}
			row.after.erase(found);
			return true;
		});
	}

	std::vector<NetChange> rows_;
	std::map<std::string, std::size_t, ByText> places_; ///< of the rows, by the key that they have now
};

} // namespace

std::vector<NetChange> net_changes(const std::vector<RowEvent> &events) {
	Rows rows;
	for (const RowEvent &event : events) {
		rows.apply(event);
	}
	return rows.result();
}

} // namespace warden::audit
