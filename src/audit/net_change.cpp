#include "audit/net_change.hpp"

#include <iterator>
#include <utility>

namespace warden::audit {

namespace {

/// The rows that events were about so far, and where each is now.
class Rows {
public:
	Rows(const std::vector<RowEvent> &events, const Identity &identity) : events_(events), identity_(identity) {
		if (!identity_.is_taken) {
			return;
		}
		for (const RowEvent &event : events) {
			const bool moves = event.kind == RowEvent::Kind::Update && event.key_after != event.key;
			if (event.kind == RowEvent::Kind::Insert || moves) {
				++traffic_[event.key_after].arrivals;
			}
			if (event.kind == RowEvent::Kind::Delete || moves) {
				++traffic_[event.key].departures;
			}
		}
	}

	void apply(std::size_t n) {
		const RowEvent &event = events_[n];
		add_holder(event, n);
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

	/// Of a key that rows may share.
	struct Traffic {
		std::size_t arrivals = 0;
		std::size_t departures = 0;
		bool is_known = false; ///< whether a row had it before is asked when the first one comes
	};

	// A row comes to a key that one of which there was no event yet has: that one is the first to leave.
	void add_holder(const RowEvent &event, std::size_t n) {
		if (!identity_.is_taken) {
			return;
		}
		if (event.kind != RowEvent::Kind::Insert) {
			traffic_[event.key].is_known = true;
		}
		Traffic &traffic = traffic_[event.key_after];
		if (traffic.is_known) {
			return;
		}
		traffic.is_known = true;
		const bool was_taken = traffic.arrivals == traffic.departures ? identity_.is_taken(event.key_after)
		                                                              : traffic.departures > traffic.arrivals;
		if (was_taken) {
			add_row(event.key_after, true, n);
		}
	}

	NetChange &add_row(const std::string &key, bool existed, std::size_t n) {
		places_.emplace(key, rows_.size());
		return rows_.emplace_back(NetChange{existed, existed, key, key, {}, {}, n});
	}

	// Of rows that share a key, the one that had it first.
	NetChange &find(std::size_t n) {
		const RowEvent &event = events_[n];
		const bool is_insert = event.kind == RowEvent::Kind::Insert;
		const auto [first, last] = places_.equal_range(event.key);
		for (auto place = first; place != last; ++place) {
			NetChange &row = rows_[place->second];
			const bool is_it = is_insert ? identity_.has_key && (!row.exists || !identity_.is_taken)
			                             : row.exists || !identity_.is_taken;
			if (is_it) {
				return row;
			}
		}
		return add_row(event.key, !is_insert, n);
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
	std::map<std::string, Traffic, ByText> traffic_;
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
