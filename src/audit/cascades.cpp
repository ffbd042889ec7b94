#include "audit/cascades.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <deque>

namespace warden::audit {

using namespace pg;

namespace {

constexpr long most_rows = 1000; // that are counted of one foreign key and one row

// Those to a table or to one of its partitions, a row for each column.
constinit Statement select_keys{R"(
SELECT k.oid, k.conrelid,
       EXISTS (SELECT FROM warden.audit_relations r
               WHERE r.relation::oid = coalesce(pg_partition_root(k.conrelid)::oid, k.conrelid) AND r.until IS NULL),
       k.confdeltype::text, k.confupdtype::text, a.attname::text, p.attname::text,
       format('OPERATOR(%I.%s)', n.nspname, o.oprname)
FROM pg_constraint k
CROSS JOIN generate_subscripts(k.conkey, 1) i
JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[i]
JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = k.confkey[i]
JOIN pg_operator o ON o.oid = k.conpfeqop[i]
JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE k.contype = 'f' AND k.confrelid IN (SELECT warden.audit_tree($1))
  AND NOT EXISTS (SELECT FROM pg_constraint up WHERE up.oid = k.conparentid AND up.contype = 'f')
ORDER BY k.oid, i)"};

constinit Statement select_references{R"(
SELECT DISTINCT coalesce(pg_partition_root(confrelid)::oid, confrelid) FROM pg_constraint
WHERE contype = 'f' AND conrelid = $1 AND confrelid <> $1)"};

void count(std::vector<Taken> &taken, const Taken &more) {
	const auto known = std::ranges::find_if(
		taken, [&](const Taken &one) { return one.table == more.table && one.is_deleted == more.is_deleted; });
	if (known == taken.end()) {
		taken.push_back(more);
	} else {
		known->rows += more.rows;
		known->are_more = known->are_more || more.are_more;
	}
}

} // namespace

const std::vector<Cascades::ForeignKey> &Cascades::keys_to(Oid table) {
	const auto [known, is_new] = keys_.try_emplace(table);
	if (!is_new) {
		return known->second;
	}
	const AsExtension owner;
	Oid last = InvalidOid;
	Spi spi;
	for (const auto &[key, from, is_audited, on_delete, on_update, column, referenced, equal] :
	     spi.query_latest<Oid, Oid, bool, std::string_view, std::string_view, std::string_view, std::string_view,
	                      std::string_view>(select_keys, table)) {
		if (key != last) {
			known->second.push_back({from, is_audited, on_delete.front(), on_update.front(), {}, {}, {}});
			last = key;
		}
		known->second.back().columns.emplace_back(column);
		known->second.back().referenced.emplace_back(referenced);
		known->second.back().operators.emplace_back(equal);
	}
	return known->second;
}

const LiveTable &Cascades::table_of(Oid table) {
	return tables_.try_emplace(table, table).first->second;
}

std::vector<Values> Cascades::referring(const ForeignKey &key, const LiveTable &to, const Values &row) {
	std::string condition;
	std::vector<Parameter> parameters;
	for (std::size_t i = 0; i < key.columns.size(); ++i) {
		const std::string &value = row.at(key.referenced[i]);
		if (value == "null") {
			return {};
		}
		parameters.push_back(to.parameter(key.referenced[i], value));
		condition += (i == 0 ? "" : " AND ") + format("$%zu", i + 1) + " " + key.operators[i] + " " +
		             call([&] { return quote_identifier(key.columns[i].c_str()); });
	}
	const LiveTable &from = table_of(key.table);
	const AsOwnerOfRows owner(owner_of(key.table)); // as the server, when it follows a foreign key
	return from.find_all(condition, parameters, locks_, most_rows + 1);
}

std::vector<Taken> Cascades::of_deletion(Oid table, const Values &row, const IsOurs &is_ours) {
	std::vector<Taken> taken;
	std::set<std::string, ByText> seen{place_of(row)};
	std::deque<std::pair<Oid, Values>> doomed{{table, row}};
	while (!doomed.empty()) {
		check_for_interrupts();
		const auto [of, one] = std::move(doomed.front());
		doomed.pop_front();
		for (const ForeignKey &key : keys_to(of)) {
			const bool is_deleted = key.on_delete == static_cast<char>(Action::Cascade);
			if (!is_deleted && key.on_delete != static_cast<char>(Action::SetNull) &&
			    key.on_delete != static_cast<char>(Action::SetDefault)) {
				continue; // the server refuses it
			}
			const std::vector<Values> rows = referring(key, table_of(of), one);
			Taken more{key.table, is_deleted, key.is_audited, 0, static_cast<long>(rows.size()) > most_rows};
			for (const Values &other : rows) {
				if (!is_ours(place_of(other), key.columns) && seen.insert(place_of(other)).second) {
					++more.rows;
					if (is_deleted) {
						doomed.emplace_back(key.table, other);
					}
				}
			}
			if (more.rows > 0) {
				count(taken, more);
			}
		}
	}
	return taken;
}

std::vector<Taken> Cascades::of_update(Oid table, const Values &row, const Values &changes, const IsOurs &is_ours) {
	std::vector<Taken> taken;
	for (const ForeignKey &key : keys_to(table)) {
		const bool is_lost = key.on_update == static_cast<char>(Action::SetNull) ||
		                     key.on_update == static_cast<char>(Action::SetDefault);
		if (!is_lost ||
		    std::ranges::none_of(key.referenced, [&](const auto &name) { return changes.contains(name); })) {
			continue;
		}
		const std::vector<Values> rows = referring(key, table_of(table), row);
		Taken more{key.table, false, key.is_audited, 0, static_cast<long>(rows.size()) > most_rows};
		more.rows = static_cast<std::size_t>(
			std::ranges::count_if(rows, [&](const Values &other) { return !is_ours(place_of(other), key.columns); }));
		if (more.rows > 0) {
			count(taken, more);
		}
	}
	return taken;
}

std::vector<Oid> by_reference(const std::vector<Oid> &tables) {
	std::vector<Oid> sorted;
	std::vector<Oid> seen;
	// Where they refer to each other in a circle, one of them comes first all the same.
	const std::function<void(Oid)> visit = [&](Oid table) {
		if (std::ranges::count(tables, table) == 0 || std::ranges::count(seen, table) > 0) {
			return;
		}
		seen.push_back(table);
		std::vector<Oid> references;
		{
			const PinnedSettings settings;
			Spi spi;
			for (const auto &[other] : spi.query_latest<Oid>(select_references, table)) {
				references.push_back(other);
			}
		}
		std::ranges::for_each(references, visit);
		sorted.push_back(table);
	};
	std::ranges::for_each(tables, visit);
	return sorted;
}

} // namespace warden::audit
