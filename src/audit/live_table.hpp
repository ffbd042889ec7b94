// live_table.hpp - A table as it is now, to be compared with what was logged, and statements that change it.
//
// The invariant: values are compared in the form that capture writes them in, and written as the literals that are read
// as these very values.
#pragma once

#include "audit/net_change.hpp"

#include "pg/server.hpp"

#include <optional>
#include <string>
#include <vector>

namespace warden::audit {

class LiveTable {
public:
	explicit LiveTable(Oid table);

	Oid oid() const { return table_; }

	/// The columns of these that the table still has, and that can be written to.
	bool has(const std::string &column) const;

	/// A row by its key, as capture would log it; std::nullopt if there is none.  With `locks` it is locked as for
	/// UPDATE.
	std::optional<Values> find(const Values &key, bool locks) const;

	std::string insertion(const Values &row) const;
	std::string update(const Values &key, const Values &changes) const;
	std::string deletion(const Values &key) const;

private:
	struct Column {
		std::string name;
		Oid type;
		int modifier;
		bool is_generated;
	};

	const Column *find_column(const std::string &name) const;
	std::string literal(const Column &column, const std::string &json) const;
	std::string condition(const Values &key) const;

	Oid table_;
	std::string name_;
	std::vector<Column> columns_;
};

} // namespace warden::audit
