// known_indexes.hpp - The indexes of one run of advice: those that exist and those that could, by numbers.
//
// Plain C++.  The invariant: a number means the same index for as long as the run lasts, and no two have the same
// shape.
#pragma once

#include "advice/index_set.hpp"
#include "advice/index_shape.hpp"

#include <optional>

namespace warden::advice {

/// What an index comes to, built anew.
struct IndexSize {
	double entries = 0;     ///< what the planner takes to be in it
	std::int64_t pages = 0; ///< of 8 kB, as it would be built
	int height = 0;         ///< of a B-tree: levels above its leaves
	/// Why it could not be built, or rows be added later, as far as that is known.
	std::optional<std::string> obstacle = {};
	/// Some of the table's values are long, and not all of them were looked at.
	bool may_be_too_long = false;
	/// Of each key, what ANALYZE would find out about it if it is an expression: a row of pg_statistic, its bytes.
	std::vector<std::string> statistics = {};

	std::int64_t bytes() const { return pages * 8192; }
};

struct KnownIndex {
	IndexShape shape = {};
	IndexSize size = {};
	ObjectId existing = 0;                 ///< none if it is 0
	std::vector<ObjectId> parts = {};      ///< of one that exists: the indexes attached to it, which plans read
	std::string name = {};                 ///< of one that does not exist: what plans call it; empty: not known yet
	bool may_go = false;                   ///< one that exists, and that nothing but plans needs
	std::vector<std::string> caveats = {}; ///< what to know of it before it is built
};

class KnownIndexes {
public:
	/// The number of an index of that shape, which may be there already.
	IndexSet::Number add(KnownIndex index);
	std::optional<IndexSet::Number> find(const IndexShape &shape) const;

	std::size_t size() const { return indexes_.size(); }
	const KnownIndex &operator[](IndexSet::Number number) const { return indexes_[number]; }
	KnownIndex &operator[](IndexSet::Number number) { return indexes_[number]; }

	/// Those that exist: the configuration that there is.
	IndexSet existing() const;

private:
	std::vector<KnownIndex> indexes_;
	std::vector<IndexSet::Number> by_shape_; ///< all of them, in the order of their shapes
};

} // namespace warden::advice
