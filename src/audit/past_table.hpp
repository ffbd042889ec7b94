// past_table.hpp - The columns of a table that is to be shown as it was, and what they were called.
//
// The invariant: a column is known by its number, so that one that was renamed is the same, and one that was dropped
// and made again is another.
#pragma once

#include "audit/decoders.hpp"
#include "audit/later_events.hpp"

#include "pg/datum.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace warden::audit {

/// A column of today, in the order of SELECT *.
struct TodaysColumn {
	AttrNumber number;
	std::string name;
	std::string type;
	bool is_key = false;
	bool is_shown = false;   ///< it was there then, and is in the log
	bool can_fail = false;   ///< its input function may refuse what was right once
	std::int64_t losses = 0; ///< values that could not be read
	Encoder encoder{};
	Decoder decoder{};
};

/// A column of a version.
struct PastColumn {
	std::string name;
	int today; ///< which of today's it is, or -1
	bool is_same_type;
	bool is_key;
};

struct PastVersion {
	std::vector<PastColumn> columns; ///< in the order of their names in jsonb
	bool is_current = true;          ///< the same as today's
	bool has_current_key = true;     ///< under the same names, of the same types
	bool has_all_keys = false;       ///< those that are the key today were it then
};

struct PastTable {
	std::vector<TodaysColumn> columns;
	std::vector<std::size_t> key;    ///< of today, in the order of the names in jsonb
	std::vector<std::size_t> sorted; ///< all that are in the log, in that order
	bool has_number_key = false;
	std::map<std::int32_t, PastVersion> versions;
	std::vector<std::string> dropped;    ///< was there then, and is no more
	std::vector<std::string> not_logged; ///< left out of the log
};

/// The number of a table, in audit_relations, whose log reaches back to a moment; error 55000 if it does not.
std::int32_t relation_at(Oid table, pg::Timestamptz moment);

/// Of a relation in audit_relations whose table this is, which is locked: its columns are those that it has at this
/// moment, whatever snapshot its rows are seen by.  Error 55000 for a mark that did not see its audit begin.
PastTable past_table(std::int32_t relation, Oid table, const LaterEvents &later);

} // namespace warden::audit
