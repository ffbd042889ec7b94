#include "audit/undo_order.hpp"

#include "pg/spi.hpp"

#include <map>
#include <set>

namespace warden::audit {

using namespace pg;

namespace {

// Those that do not wait until all rows are changed.
constinit Statement select_unique{R"(
SELECT i.indexrelid, a.attname::text
FROM pg_index i
CROSS JOIN generate_series(0, i.indnkeyatts - 1) n
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n]
WHERE i.indrelid = $1 AND i.indisunique AND i.indimmediate AND i.indislive AND NOT 0 = ANY (i.indkey::int2[])
ORDER BY i.indexrelid, n)"};

struct UniqueIndex {
	Oid index;
	std::vector<std::string> columns;
};

std::string value_of(const Undo &undo, const std::string &column, bool is_to_be) {
	const auto before = undo.change.before.find(column);
	if (is_to_be && before != undo.change.before.end()) {
		return before->second;
	}
	if (!undo.live) {
		return "null";
	}
	const auto now = undo.live->find(column);
	return now == undo.live->end() ? "null" : now->second;
}

/// What is, or is to be, in an index; empty if an update does not change that.
std::string entry_of(const Undo &undo, const UniqueIndex &index, bool is_to_be) {
	std::string entry = format("%u", index.index);
	bool is_changed = false;
	for (const std::string &column : index.columns) {
		is_changed = is_changed || undo.change.before.contains(column);
		const std::string value = value_of(undo, column, is_to_be);
		if (value == "null") {
			return "";
		}
		entry += "\n" + value;
	}
	return is_changed ? entry : "";
}

class Holders {
public:
	explicit Holders(const std::vector<Undo *> &updates) {
		for (Undo *const undo : updates) {
			for (const UniqueIndex &index : indexes_of(undo->table->oid())) {
				holders_.emplace(entry_of(*undo, index, false), undo);
			}
		}
		holders_.erase("");
	}

	/// The one of those that were not seen yet that holds what another one is to get; null if there is none.
	Undo *next(const Undo &undo, const std::set<const Undo *> &seen) {
		for (const UniqueIndex &index : indexes_of(undo.table->oid())) {
			const auto found = holders_.find(entry_of(undo, index, true));
			if (found != holders_.end() && !seen.contains(found->second)) {
				return found->second;
			}
		}
		return nullptr;
	}

private:
	const std::vector<UniqueIndex> &indexes_of(Oid table) {
		const auto [known, is_new] = indexes_.try_emplace(table);
		if (is_new) {
			Spi spi;
			for (const auto &[index, column] : spi.query_latest<Oid, std::string_view>(select_unique, table)) {
				if (known->second.empty() || known->second.back().index != index) {
					known->second.push_back({index, {}});
				}
				known->second.back().columns.emplace_back(column);
			}
		}
		return known->second;
	}

	std::map<Oid, std::vector<UniqueIndex>> indexes_; ///< by their table
	std::map<std::string, Undo *, ByText> holders_;   ///< by what they hold
};

} // namespace

std::vector<Undo *> by_holders(const std::vector<Undo *> &updates) {
	Holders holders(updates);
	std::vector<Undo *> order;
	order.reserve(updates.size());
	std::set<const Undo *> seen;
	for (Undo *const update : updates) {
		std::vector<Undo *> waiting;
		if (seen.insert(update).second) {
			waiting.push_back(update);
		}
		while (!waiting.empty()) {
			if (Undo *const holder = holders.next(*waiting.back(), seen)) {
				seen.insert(holder);
				waiting.push_back(holder);
			} else {
				order.push_back(waiting.back());
				waiting.pop_back();
			}
		}
	}
	return order;
}

} // namespace warden::audit
