// index_verdict.hpp - What is to be thought of an index, by what it is for and how it was used.
//
// Plain C++.  The invariant: "unused" is said only of what was watched, wherever it may be used, for the whole of the
// time that is asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace warden::advice {

/// How an index was used, here and on standbys.  Times are in microseconds.
struct IndexUse {
	std::int64_t now = 0;
	std::int64_t window = 0;                ///< how long to watch before anything is said
	std::optional<std::int64_t> since = {}; ///< watched everywhere, without a gap; none: it is not
	std::optional<std::string> silent = {}; ///< who has not told its use: a standby, or "", which is this server
	std::optional<std::int64_t> last = {};  ///< when it was last seen to be used
	std::int64_t scans = 0;                 ///< since then
	std::int64_t writes = 0;                ///< to its table that made an entry
	bool is_standby = false;                ///< we are
};

/// What an index is for, and what it costs.
struct IndexRole {
	std::string protection = {};  ///< why it must stay
	bool is_unique = false;       ///< it enforces that
	std::string takes_over = {};  ///< an index that is to go because of it
	std::string foreign_key = {}; ///< one that has no other index
	bool is_btree = false;
	int columns = 0;
	std::int64_t bytes = 0;
	std::int64_t table_bytes = 0;
};

struct IndexVerdict {
	const char *verdict = "keep";
	std::string reason = {};
	bool may_go = false;
};

/// Of one that is valid, and is covered by no other.
IndexVerdict judge_use(const IndexRole &role, const IndexUse &use);

/// How one that is invalid came to be so.
struct InvalidIndex {
	std::string name = {};
	std::optional<std::int32_t> builder = {}; ///< a session that may be building or dropping it
	bool is_partitioned = false;
	bool is_unique = false;
	bool is_ready = false;      ///< it is written
	bool is_constraint = false; ///< it cannot be dropped
};

enum class Repair { None, Drop, Reindex, Attach };

struct InvalidVerdict {
	IndexVerdict verdict = {};
	Repair repair = Repair::None;
};

InvalidVerdict judge_invalid(const InvalidIndex &index);

} // namespace warden::advice
