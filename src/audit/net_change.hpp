// net_change.hpp - What some events have done to rows, taken together: what an undo of them has to take back.
//
// Plain C++; values and keys are texts that are compared, and not understood.  The invariant: to take back the net
// changes of events, in any order that constraints allow, gives what to take back the events one by one, from the last
// to the first, gives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace warden::audit {

/// A type of our own, so that what the compiler makes of a map by it is nobody else's symbol.
struct ByText {
	bool operator()(const std::string &one, const std::string &other) const { return one < other; }
};

/// The values of columns, by their names.
using Values = std::map<std::string, std::string, ByText>;

/// An event of a row: a deletion has all old values, an insertion all new ones, a change those that differ.
struct RowEvent {
	enum class Kind { Insert, Update, Delete };

	Kind kind;
	std::string key; ///< before it; of a row without a key, all of it
	std::string key_after;
	Values before;
	Values after;
};

/// What became of a row.
struct NetChange {
	bool existed;
	bool exists;
	std::string key; ///< before the first event; after it, if the row was not there
	std::string key_after;
	Values before; ///< of a row that is gone, all; else those that differ
	Values after;
	std::size_t last; ///< the place of its last event
};

/// What rows are known by.
struct Identity {
	/// False: by all that they are, so that there may be several of one key, and one is as good as another.
	bool has_key = true;

	/// Of a key that rows may share while a statement gives them other ones, as its constraint is deferrable: whether a
	/// row has it after all the events.  Empty of other keys: an event of a key is of the row that got it last.
	std::function<bool(const std::string &)> is_taken;
};

/// The net changes of events, which are in their order: in the order of the rows' first events.  A row that came and
/// went, or is again what it was, has none.
std::vector<NetChange> net_changes(const std::vector<RowEvent> &events, const Identity &identity = {});

} // namespace warden::audit
