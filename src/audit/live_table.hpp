// live_table.hpp - A table as it is now, to be compared with what was logged, and statements that change it.
//
// The invariant: values are compared in the form that capture writes them in, and handed to statements as the very
// values that were logged, so that no setting has a part in how they are read.
#pragma once

#include "audit/net_change.hpp"

#include "pg/server.hpp"

#include <optional>
#include <string>
#include <vector>

namespace warden::audit {

/// A value of the log, for a statement.
struct Parameter {
	Oid type; ///< not a domain
	std::int32_t modifier;
	std::string json;
	Oid owner; ///< of the table: checks of domains within the type run as him
};

/// A statement about a row.
struct RowStatement {
	std::string sql;
	std::vector<Parameter> parameters;
	std::string text; ///< as one would type it
};

class LiveTable {
public:
	explicit LiveTable(Oid table);

	Oid oid() const { return table_; }

	/// Where a row is, as a condition.
	Values place_of(const Values &row) const;

	/// Whether the table still has a column, and it can be written to.
	bool has(const std::string &column) const;

	/// Of the columns that can be written to, those that a row of the log says nothing of.
	std::vector<std::string> missing(const Values &row) const;

	/// A row by its key, as capture would log it, with its place (tableoid, ctid); another one too, where the key has
	/// ceased to be one.  With `locks` they are locked as for UPDATE, by the caller; who locks none looks as the owner.
	std::vector<Values> find(const Values &key, bool locks) const;

	/// Those that are the same as a row of the log, in all columns that it has.
	std::vector<Values> find_alike(const Values &row, bool locks) const;

	/// Those for which a condition holds; at most so many.
	std::vector<Values> find_all(const std::string &condition, const std::vector<Parameter> &parameters, bool locks,
	                             long most) const;

	/// Rows are known by their key, or by their place.
	RowStatement insertion(const Values &row) const;
	RowStatement update(const Values &key, const Values &changes) const;
	RowStatement deletion(const Values &key) const;

	/// Those of these columns that differ from what the log says of them.
	std::vector<std::string> differing(const Values &live, const Values &logged) const;

	/// A value of a column, for a condition of the caller's.
	Parameter parameter(const std::string &column, const std::string &json) const;

private:
	struct Column {
		std::string name;
		Oid type;
		std::int32_t modifier;
		std::string equal; ///< its operator; empty if there is none
		bool is_generated;
	};

	const Column *find_column(const std::string &name) const;
	const Column &known_column(const std::string &name) const;
	void add_value(RowStatement &statement, const Column &column, const std::string &json) const;
	void add_condition(RowStatement &statement, const Values &key) const;

	Oid table_;
	Oid owner_;
	bool is_partitioned_;
	std::string name_; ///< with ONLY, where it has children of which it is not made
	std::vector<Column> columns_;
	std::vector<Column> of_place_; ///< the columns that say where a row is, which every table has
};

/// Where a row is, as text.
std::string place_of(const Values &row);

/// Whether the log has only the digest of a value.
bool is_lost(const std::string &json);

/// The members of an object of JSON.
Values members_of(const std::string &json);

/// Runs statements as if they were one: what constraints demand is asked when all are done, as are triggers that come
/// after a change.  Returns how many rows each has changed.
std::vector<std::uint64_t> run_as_one(const std::vector<const RowStatement *> &statements);

} // namespace warden::audit
