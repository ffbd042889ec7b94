#include "audit/net_change.hpp"

#include <iterator>
#include <utility>

namespace warden::audit {

namespace {

/// The rows that events were about so far, and where each is now.
class Rows {
public:
	Rows(const std::vector<RowEvent> &events, const Identity &identity) : events_(events), identity_(identity) {}

	void apply(std::size_t n) {
		const RowEvent &event = events_[n];
		NetChange &row = find(n);
		row.last = n;
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
			if (!identity_.has_key) {
				leave(row, event.key);
			}
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
	using Places = std::multimap<std::string, std::size_t, ByText>;

	NetChange &find(std::size_t n) {
		const RowEvent &event = events_[n];
		const auto place = places_.find(event.key);
		const bool is_new = place == places_.end() || (!identity_.has_key && event.kind == RowEvent::Kind::Insert) ||
		                    is_of_another(n, rows_[place->second]);
		if (!is_new) {
			return rows_[place->second];
		}
		const bool existed = event.kind != RowEvent::Kind::Insert;
		places_.emplace(event.key, rows_.size());
		return rows_.emplace_back(NetChange{existed, existed, event.key, event.key, {}, {}, n});
	}

	// Whether a row that leaves a key is not the one that has come to it, but one that had it all the time: then the
	// key is taken afterwards.
	bool is_of_another(std::size_t n, const NetChange &row) const {
		const RowEvent &event = events_[n];
		if (!identity_.is_taken || event.kind == RowEvent::Kind::Insert || row.key == event.key || !row.exists ||
		    (event.kind == RowEvent::Kind::Update && event.key_after == event.key)) {
			return false;
		}
		for (std::size_t i = n + 1; i < events_.size(); ++i) {
			const RowEvent &later = events_[i];
			if (later.key == event.key) {
				return later.kind != RowEvent::Kind::Insert;
			}
			if (later.key_after == event.key) {
				return false;
			}
		}
		return identity_.is_taken(event.key);
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
		leave(row, event.key);
		const auto [first, last] = places_.equal_range(event.key_after);
		for (auto place = first; place != last;) {
			const bool may_stay = rows_[place->second].exists && (!identity_.has_key || identity_.is_taken);
			place = may_stay ? std::next(place) : places_.erase(place);
		}
		places_.emplace(event.key_after, static_cast<std::size_t>(&row - rows_.data()));
		row.key_after = event.key_after;
	}

	void leave(const NetChange &row, const std::string &key) {
		const auto [first, last] = places_.equal_range(key);
		for (auto place = first; place != last; ++place) {
			if (&rows_[place->second] == &row) {
				places_.erase(place);
				return;
			}
		}
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

	const std::vector<RowEvent> &events_;
	const Identity &identity_;
	std::vector<NetChange> rows_;
	Places places_; ///< of the rows, by the key that they have now
};

} // namespace

std::vector<NetChange> net_changes(const std::vector<RowEvent> &events, const Identity &identity) {
	Rows rows(events, identity);
	for (std::size_t n = 0; n < events.size(); ++n) {
		rows.apply(n);
	}
	return rows.result();
}

} // namespace warden::audit
