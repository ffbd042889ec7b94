// foreign_keys.hpp - Foreign keys whose rows cannot be found: each delete in the table they refer to reads all of
// theirs.
//
// The invariant: an index is told to be missing only if none that is valid finds the rows by all columns of the key, in
// whatever order it has them; once for each set of columns and tree of partitions.
#pragma once

#include "advice/index_facts.hpp"

namespace warden::advice {

struct ForeignKey {
	ObjectId id = 0;
	ObjectId root = 0; ///< the one it is a part of, because its table is a partition; or itself
	std::string name = {};
	ObjectId child = 0;
	ObjectId parent = 0;
	std::int64_t child_pages = 0;
	std::int64_t deletes = 0; ///< of rows of the parent
	bool is_partitioned = false;
	struct Column {
		std::int16_t number = 0;
		ObjectId type = 0;
		std::int32_t modifier = -1;
		ObjectId collation = 0;
		std::vector<ObjectId> families = {}; ///< of operators, that have the one it is compared by
	};
	std::vector<Column> columns = {};
};

/// Those of a table and its partitions, or (0) of all.
std::vector<ForeignKey> read_foreign_keys(ObjectId target);

/// Whether the rows of a key are found by an index.  The owner of its table may run code: for AsOwner.
bool serves(const IndexFacts &index, const ForeignKey &key);

struct MissingIndex {
	ForeignKey key = {};
	std::vector<std::string> names = {}; ///< of all that need it
	int lacking = 0;                     ///< of a partitioned table: partitions without one
	std::vector<std::string> caveats = {};
};

std::vector<MissingIndex> find_missing(const std::vector<ForeignKey> &keys, const std::vector<IndexFacts> &indexes);

} // namespace warden::advice
