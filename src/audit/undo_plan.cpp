#include "audit/undo_plan.hpp"

#include "audit/undo_order.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <span>

namespace warden::audit {

using namespace pg;

namespace {

// Whether all that keeps rows of a table from having one key waits until they are all changed.
constinit Statement ask_deferrable{R"(
SELECT NOT coalesce((SELECT i.indimmediate FROM pg_index i WHERE i.indrelid = $1 AND i.indislive
                     AND (i.indisprimary OR i.indisreplident) ORDER BY i.indisprimary DESC LIMIT 1), true))"};

std::string list(const std::vector<std::string> &names) {
	std::string text;
	for (const std::string &name : names) {
		text += (text.empty() ? "" : ", ") + name;
	}
	return text;
}

std::vector<std::string> lost(const Values &values) {
	std::vector<std::string> names;
	for (const auto &[name, json] : values) {
		if (is_lost(json)) {
			names.push_back(name);
		}
	}
	return names;
}

/// The planner of the rows of one table.
class Planner {
public:
	Planner(const LiveTable &table, const TableEvents &events, OnConflict on_conflict, bool locks)
		: table_(table), events_(events), on_conflict_(on_conflict), locks_(locks),
		  is_shared_(events.has_key && std::get<0>(Spi().query_latest<bool>(ask_deferrable, table.oid()).front())) {}

	std::vector<NetChange> changes() const {
		Identity identity{.has_key = events_.has_key, .is_taken = {}};
		if (is_shared_) {
			identity.is_taken = [this](const std::string &key) {
				return !table_.find(members_of(key), locks_).empty();
			};
		}
		return net_changes(events_.events, identity);
	}

	Undo plan(NetChange change) {
		Undo undo{&table_, std::move(change), "", "planned", {}, {}, {}, true};
		if (!undo.change.existed) {
			plan_deletion(undo);
		} else if (undo.change.exists) {
			plan_update(undo);
		} else {
			plan_insertion(undo);
		}
		return undo;
	}

	// A key that a row of ours leaves can be given back; what another row has now, which keeps it, cannot.
	void settle(std::span<Undo> rows) const {
		const std::vector<std::pair<Undo *, std::string>> wishes = wishes_of(rows);
		std::set<std::string, ByText> left = places_left(rows);
		for (bool is_stable = false; !is_stable; left = places_left(rows)) {
			is_stable = true;
			for (const auto &[undo, place] : wishes) {
				if (undo->is_due && undo->status == "planned" && !left.contains(place)) {
					conflict(*undo, "Another row has its key now.");
					is_stable = is_stable && undo->is_due;
				}
			}
		}
		for (Undo &undo : rows) {
			if (undo.action == "insert" && undo.live && left.contains(place_of(*undo.live))) {
				undo.status = "planned";
				undo.detail.reset();
				undo.live.reset();
				undo.is_due = true;
				insert(undo);
			}
		}
	}

	// Some row is kept after all: then so is its key.
	void plan_insertions_again(std::span<Undo> rows) {
		for (Undo &undo : rows) {
			if (undo.action == "insert" && undo.is_due) {
				undo.status = "planned";
				undo.detail.reset();
				plan_insertion(undo);
			}
		}
	}

	Undo plan_emptied() const {
		Undo undo{&table_, {}, "insert", "", {}, {}, {}, true};
		give_up(undo, "lost", "TRUNCATE has emptied the table, and its rows were not logged.");
		return undo;
	}

private:
	static std::set<std::string, ByText> places_left(std::span<const Undo> rows) {
		std::set<std::string, ByText> left;
		for (const Undo &undo : rows) {
			const bool leaves =
				undo.change.exists && (!undo.change.existed || undo.change.key != undo.change.key_after);
			if (undo.is_due && leaves && undo.live) {
				left.insert(place_of(*undo.live));
			}
		}
		return left;
	}

	// Updates that are to give a row a key, each with the place of one that has it.
	std::vector<std::pair<Undo *, std::string>> wishes_of(std::span<Undo> rows) const {
		std::vector<std::pair<Undo *, std::string>> wishes;
		for (Undo &undo : rows) {
			const bool is_moved = events_.has_key && undo.is_due && undo.action == "update" && undo.live &&
			                      undo.change.key != undo.change.key_after;
			const Values key = is_moved ? members_of(undo.change.key) : Values();
			if (key.empty() || !lost(key).empty()) {
				continue;
			}
			for (const Values &holder : table_.find(key, locks_)) {
				wishes.emplace_back(&undo, place_of(holder));
			}
		}
		return wishes;
	}

	void plan_deletion(Undo &undo) {
		undo.action = "delete";
		if (find(undo)) {
			undo.statement = table_.deletion(known_by(undo));
			compare(undo);
		}
	}

	void plan_update(Undo &undo) {
		undo.action = "update";
		if (!find(undo)) {
			return;
		}
		std::erase_if(undo.change.before, [&](const auto &value) { return !table_.has(value.first); });
		if (undo.change.before.empty()) {
			give_up(undo, "gone", "The columns that were changed are not there any more.");
		} else if (const auto names = lost(undo.change.before); !names.empty()) {
			give_up(undo, "lost", "The log has only the digest of what was too long: " + list(names) + ".");
		} else {
			undo.statement = table_.update(known_by(undo), undo.change.before);
			compare(undo);
		}
	}

	void plan_insertion(Undo &undo) {
		undo.action = "insert";
		if (const auto names = lost(undo.change.before); !names.empty()) {
			give_up(undo, "lost", "The log has only the digest of what was too long: " + list(names) + ".");
			return;
		}
		if (events_.has_key) {
			Values key = members_of(undo.change.key);
			std::vector<Values> rows = table_.find(key, locks_);
			if (!rows.empty()) {
				undo.live = std::move(rows.front());
				if (rows.size() > 1) {
					key.merge(table_.place_of(*undo.live));
				}
				Values changes = undo.change.before;
				std::erase_if(changes, [&](const auto &value) { return !table_.has(value.first); });
				undo.statement = table_.update(key, changes);
				conflict(undo, "Another row has its key now.");
				return;
			}
		}
		insert(undo);
	}

	void insert(Undo &undo) const {
		undo.statement = table_.insertion(undo.change.before);
		if (const auto names = table_.missing(undo.change.before); !names.empty()) {
			undo.detail = "Not logged, and so as the table's defaults have it: " + list(names) + ".";
		}
	}

	// The row as it is; false if it is not there.
	bool find(Undo &undo) {
		const Values row = members_of(undo.change.key_after);
		if (const auto names = lost(row); events_.has_key && !names.empty()) {
			give_up(undo, "lost", "The log has only the digest of its key: " + list(names) + ".");
			return false;
		}
		if (events_.has_key) {
			std::vector<Values> rows = table_.find(row, locks_);
			has_several_ = rows.size() > 1;
			undo.live = rows.empty() ? std::nullopt : std::optional(std::move(rows.front()));
			if (has_several_) {
				conflict(undo, "Several rows have its key now.");
			}
		} else {
			std::vector<Values> alike = table_.find_alike(row, locks_);
			std::erase_if(alike, [&](const Values &one) { return taken_.contains(place_of(one)); });
			if (!alike.empty()) {
				undo.live = alike.front();
				taken_.insert(place_of(alike.front()));
			}
			if (alike.size() > 1 && !table_.missing(row).empty()) {
				conflict(undo, "Several rows are like it in what is logged of them.");
			}
		}
		if (!undo.live) {
			give_up(undo, "gone",
			        events_.has_key ? "The row is not there any more."
			                        : "There is no row any more that is as it was left.");
		}
		return undo.live.has_value();
	}

	Values known_by(const Undo &undo) const {
		Values known = events_.has_key ? members_of(undo.change.key_after) : Values();
		if (undo.live && (!events_.has_key || is_shared_ || has_several_)) {
			known.merge(table_.place_of(*undo.live));
		}
		return known;
	}

	void compare(Undo &undo) const {
		const auto names = undo.live ? table_.differing(*undo.live, undo.change.after) : std::vector<std::string>();
		if (!names.empty()) {
			conflict(undo, "Changed since: " + list(names) + ".");
		}
	}

	void conflict(Undo &undo, const std::string &detail) const {
		undo.detail = detail;
		undo.status = "conflict";
		undo.is_due = on_conflict_ == OnConflict::Force;
	}

	// What is not there cannot be changed, whatever the caller says; that what was inserted is not there is as it
	// should be.
	static void give_up(Undo &undo, const char *status, const std::string &detail) {
		undo.status = status;
		undo.detail = detail;
		undo.is_due = false;
	}

	const LiveTable &table_;
	const TableEvents &events_;
	OnConflict on_conflict_;
	bool locks_;
	bool is_shared_;           ///< rows may have one key while they are changed: then they are known by their place too
	bool has_several_ = false; ///< the key of the row that was looked for last is none any more
	std::set<std::string, ByText> taken_; ///< places of rows without a key
};

std::string describe(const std::vector<Taken> &taken) {
	std::string text;
	for (const Taken &of : taken) {
		text += text.empty() ? "" : "; ";
		text += format("%s%zu of %s", of.are_more ? "more than " : "", of.rows, qualified_name(of.table).c_str());
		text += of.is_deleted ? ", to be deleted" : ", to lose the reference";
		text += of.is_audited ? "" : ", for good, as the table is not audited";
	}
	return "Other rows refer to it: " + text + ".";
}

} // namespace

bool is_in_the_way(const Undo &undo) {
	return undo.status == "conflict" || undo.status == "cascade" || undo.status == "lost" ||
	       (undo.status == "gone" && undo.action != "delete");
}

UndoPlan::UndoPlan(const UndoEvents &events, OnConflict on_conflict, bool locks) {
	std::vector<Oid> tables;
	for (const auto &[table, of_table] : events) {
		tables.push_back(table);
	}
	tables_.reserve(tables.size());
	std::vector<std::pair<Planner, std::size_t>> planners; // with how many rows each has planned
	planners.reserve(tables.size());
	for (const Oid table : by_reference(tables)) {
		const LiveTable &live = tables_.emplace_back(table);
		const TableEvents &of_table = events.at(table);
		Planner planner(live, of_table, on_conflict, locks);
		const std::size_t first = rows_.size();
		if (of_table.is_emptied) {
			rows_.push_back(planner.plan_emptied());
		}
		for (NetChange &change : planner.changes()) {
			check_for_interrupts();
			rows_.push_back(planner.plan(std::move(change)));
		}
		planners.emplace_back(std::move(planner), rows_.size() - first);
	}
	const auto each = [&](auto &&of_table) {
		auto first = rows_.begin();
		for (auto &[planner, count] : planners) {
			of_table(planner, std::span(first, count));
			first += static_cast<std::ptrdiff_t>(count);
		}
	};
	each([](Planner &planner, std::span<Undo> rows) { planner.settle(rows); });
	while (add_cascades(on_conflict, locks)) {
		each([](Planner &planner, std::span<Undo> rows) {
			planner.plan_insertions_again(rows);
			planner.settle(rows);
		});
	}
}

// What is left undone for what it would take with it, takes no rows with it that the undo itself takes: then those that
// refer to these are looked at again.
bool UndoPlan::add_cascades(OnConflict on_conflict, bool locks) {
	std::map<std::string, const Undo *, ByText> ours;
	for (const Undo &undo : rows_) {
		if (undo.live) {
			ours.emplace(place_of(*undo.live), &undo);
		}
	}
	const auto is_ours = [&](const std::string &place, const std::vector<std::string> &columns) {
		const auto found = ours.find(place);
		if (found == ours.end() || !found->second->is_due) {
			return false;
		}
		const Undo &undo = *found->second;
		return undo.action == "delete" ||
		       std::ranges::any_of(columns, [&](const auto &name) { return undo.change.before.contains(name); });
	};
	Cascades cascades(locks);
	bool are_fewer = false;
	for (bool is_stable = false; !is_stable;) {
		is_stable = true;
		for (Undo &undo : rows_) {
			if (!undo.is_due || !undo.live || undo.status == "cascade") {
				continue;
			}
			const std::vector<Taken> taken =
				undo.action == "delete"
					? cascades.of_deletion(undo.table->oid(), *undo.live, is_ours)
					: cascades.of_update(undo.table->oid(), *undo.live, undo.change.before, is_ours);
			if (!taken.empty()) {
				undo.detail = (undo.detail ? *undo.detail + " " : "") + describe(taken);
				undo.status = "cascade";
				undo.is_due = on_conflict == OnConflict::Force;
				is_stable = is_stable && undo.is_due;
			}
		}
		are_fewer = are_fewer || !is_stable;
	}
	return are_fewer;
}

std::vector<Undo *> UndoPlan::due() {
	std::vector<Undo *> due;
	const auto add = [&](const char *action) {
		for (Undo &undo : rows_) {
			if (undo.is_due && undo.action == action) {
				due.push_back(&undo);
			}
		}
	};
	add("delete");
	std::ranges::reverse(due);
	const auto updates = static_cast<std::ptrdiff_t>(due.size());
	add("update");
	std::ranges::sort(due.begin() + updates, due.end(), std::ranges::greater(),
	                  [](const Undo *undo) { return std::pair(undo->table->oid(), undo->change.last); });
	std::ranges::copy(by_holders({due.begin() + updates, due.end()}), due.begin() + updates);
	add("insert");
	return due;
}

} // namespace warden::audit
