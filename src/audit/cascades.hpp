// cascades.hpp - What foreign keys make of a row's deletion, or of another key of it: which rows of others it takes.
//
// The invariant: rows are read as the owner of their table, as the server itself does when it follows a foreign key.
#pragma once

#include "audit/live_table.hpp"

#include <functional>
#include <set>

namespace warden::audit {

/// Of a table, the rows that would be deleted, or lose what they refer by.
struct Taken {
	Oid table;
	bool is_deleted;
	bool is_audited;
	std::size_t rows;
	bool are_more; ///< it was not counted to the end
};

class Cascades {
public:
	/// Whether a row is left out, as the undo deletes it itself (no columns), or gives these other values.
	using IsOurs = std::function<bool(const std::string &place, const std::vector<std::string> &columns)>;

	explicit Cascades(bool locks) : locks_(locks) {}

	/// Of a row of a table that is deleted; or of which these columns change.
	std::vector<Taken> of_deletion(Oid table, const Values &row, const IsOurs &is_ours);
	std::vector<Taken> of_update(Oid table, const Values &row, const Values &changes, const IsOurs &is_ours);

private:
	enum class Action : char { Cascade = 'c', SetNull = 'n', SetDefault = 'd' };

	/// One that refers to a table.
	struct ForeignKey {
		Oid table;
		bool is_audited;
		char on_delete;
		char on_update;
		std::vector<std::string> columns;
		std::vector<std::string> referenced;
		std::vector<std::string> operators;
	};

	const std::vector<ForeignKey> &keys_to(Oid table);
	const LiveTable &table_of(Oid table);
	std::vector<Values> referring(const ForeignKey &key, const LiveTable &to, const Values &row);

	bool locks_;
	std::map<Oid, std::vector<ForeignKey>> keys_;
	std::map<Oid, LiveTable> tables_;
};

/// Tables in an order in which each comes after those that it refers to, as far as there is one.
std::vector<Oid> by_reference(const std::vector<Oid> &tables);

} // namespace warden::audit
