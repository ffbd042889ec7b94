// index_facts.hpp - All that is known of the indexes that there are, before anything is thought of them.
//
// C++ code.  The invariants: no lock is waited for, and none stays; index expressions and predicates, which may run
// code of the table's owner, are read as him.
#pragma once

#include "advice/index_verdict.hpp"
#include "advice/redundancy.hpp"

#include <span>

namespace warden::advice {

struct IndexFacts {
	Rival rival = {};
	ObjectId table = 0;
	ObjectId parent = 0;         ///< the index that it is attached to
	InvalidIndex invalid = {};   ///< of one that is not valid
	std::string protection = {}; ///< why it must stay; empty: it need not
	IndexUse use = {};
	std::optional<std::int64_t> last_scan = {}; ///< also before it was observed
	bool is_used_now = false;                   ///< since it was observed the last time
	bool is_valid = false;
	bool is_exclusion = false;
	bool is_clustered = false;
	bool is_subscribed = false; ///< a subscription writes to its table
	bool has_expressions = false;
	bool is_looked_at = false; ///< its shape and size are known
	int columns = 0;
	std::int64_t table_bytes = 0;

	bool is_partitioned() const { return invalid.is_partitioned; }
};

/// The indexes of a table and its partitions, of the table of an index, or (0) of all tables that are the user's: those
/// of a table together, and those of partitioned tables before those of their partitions.
std::vector<IndexFacts> read_indexes(ObjectId target);

/// The indexes of one table after the other.
template <class F>
void for_each_table(std::vector<IndexFacts> &indexes, F &&work) {
	for (std::size_t from = 0, to = 0; from < indexes.size(); from = to) {
		while (to < indexes.size() && indexes[to].table == indexes[from].table) {
			++to;
		}
		work(std::span(indexes).subspan(from, to - from));
	}
}

/// Whether a predicate, as a shape has it, holds for all rows for which another does.  The current user runs it.
bool is_implied(const std::string &predicate, const std::string &by);

} // namespace warden::advice
