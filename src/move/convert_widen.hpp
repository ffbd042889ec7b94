// convert_widen.hpp - Unique indexes that lack the key of the partitioning: which can be widened by it, and how.
//
// The invariant: what refers to such an index or constraint keeps it from being widened, because it would have to be
// dropped: foreign keys, views that group by a primary key.
#pragma once

#include "move/move_plan.hpp"
#include "move/origins.hpp"
#include "move/side_index.hpp"

namespace warden::move {

/// A unique index without the key.
struct NarrowIndex {
	Oid index;
	Oid constraint; ///< InvalidOid: there is none
	std::string name;
	bool is_constraint;
	bool is_primary;
	std::string definition;                   ///< as in IndexDefinition
	std::string wide;                         ///< the same with the key
	std::string columns;                      ///< those that were unique, for a person
	std::optional<std::string> obstacle = {}; ///< why it cannot be widened: a sentence without its full stop
	std::optional<std::string> comment = {};  ///< of the constraint, if there is one
	std::optional<std::string> index_comment = {};
	bool is_identity; ///< of replication
};

std::vector<NarrowIndex> find_narrow(Oid table, const std::string &key);

/// "PRIMARY KEY (id) INCLUDE (x)" -> "PRIMARY KEY (id, key) INCLUDE (x)"; of "USING btree (lower(a))" likewise.
std::string widen(const std::string &definition, const std::string &column);

/// The reverse, of what was `before` and may have been altered since; nothing if it has not one column more, the last.
std::optional<std::string> narrowed(const std::string &definition, const std::string &column,
                                    const std::string &before);

/// What is to be run before the table is partitioned, and after.
std::vector<std::string> drop_narrow(const std::string &table, const std::vector<NarrowIndex> &indexes);
std::vector<std::string> create_wide(const std::string &schema, const std::string &table,
                                     const std::vector<NarrowIndex> &indexes);

std::vector<WidenedKey> origins_of(const std::vector<NarrowIndex> &indexes);

} // namespace warden::move
