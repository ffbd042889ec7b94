// side_index.hpp - The indexes of sides: the same as those of the target, built when the rows are there.
#pragma once

#include "move/move_job.hpp"

#include <functional>

namespace warden::move {

/// An index of the target, with or without a constraint, as a statement without the table.
struct IndexDefinition {
	Oid index;
	std::string name;
	bool is_constraint;
	std::string definition; ///< "PRIMARY KEY (id)"; or "USING btree (k)" with all that follows
	bool is_unique;
	std::vector<std::string> columns; ///< of a key of plain columns: their names; empty if there is an expression
};

/// The valid indexes of a table, by OID.
std::vector<IndexDefinition> index_definitions(Oid table);

/// Notes which indexes a side is to have: those of the target; `change` may alter one, or leave it out (false).
void register_indexes(const Job &job, const Side &side, const std::vector<IndexDefinition> &definitions,
                      const std::function<bool(IndexDefinition &)> &change = {});

/// Builds the next index that is not there, as the owner; false if all are.
bool build_next_index(const Job &job);

} // namespace warden::move
