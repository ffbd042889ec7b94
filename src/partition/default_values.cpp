#include "partition/default_values.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

namespace warden::partition {

using namespace pg;

namespace {

/// Value by value, by an index.  In a scope of AsOwner, as count_all() is.
void look_up(const std::string &table, const std::vector<std::string> &conditions, std::int64_t most,
             std::vector<std::int64_t> &rows) {
	PinnedSettings::set("enable_seqscan", "off"); // whatever statistics there are
	for (std::size_t i = 0; i < conditions.size(); ++i) {
		check_for_interrupts();
		const std::string query = "SELECT count(*) FROM (SELECT FROM " + table + " WHERE " + conditions[i] +
		                          format(" LIMIT %ld) found", most);
		Spi spi;
		rows[i] = std::get<0>(spi.query<int64>(query.c_str()).front());
	}
}

/// All in one pass.  Not grouped by the column: what its type takes for equal need not be what the partition key does.
void count_all(const std::string &table, const std::vector<std::string> &conditions, std::int64_t most,
               std::vector<std::int64_t> &rows) {
	PinnedSettings::set("jit", "off"); // hundreds of branches
	std::string number = "CASE";
	for (std::size_t i = 0; i < conditions.size(); ++i) {
		number += " WHEN " + conditions[i] + format(" THEN %zu", i);
	}
	Spi spi;
	for (const auto &[value, count] : spi.query<std::optional<int32>, int64>(
			 ("SELECT " + number + " END, count(*) FROM " + table + " GROUP BY 1").c_str())) {
		if (value) {
			rows.at(static_cast<std::size_t>(*value)) = std::min(count, most);
		}
	}
}

} // namespace

std::vector<std::int64_t> count_values(const OpenRelation &parent, Oid default_partition,
                                       const std::vector<Leaf> &leaves, const std::vector<Value> &values,
                                       std::int64_t most) {
	std::vector<std::string> conditions;
	conditions.reserve(values.size());
	for (const Value &value : values) {
		conditions.push_back(condition_of(parent, value));
	}
	std::vector<std::int64_t> rows(values.size());
	const std::string table = qualified_name(default_partition);
	const bool is_indexed = !leaves.empty() && std::ranges::all_of(leaves, &Leaf::is_indexed);
	const AsOwner owner(owner_of(default_partition));
	pin_notation();
	(is_indexed ? look_up : count_all)(table, conditions, most, rows);
	return rows;
}

} // namespace warden::partition
