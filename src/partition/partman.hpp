// partman.hpp - The sets of pg_partman as its tables of configuration describe them, versions 4 and 5.
//
// Read as the caller, who sees what pg_partman's tables let him see.  What stands there is text of others: names are
// looked up as pg_partman does it, at the first dot, and lengths are for the server to read.
#pragma once

#include "pg/error.hpp"
#include "pg/server.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace warden::partition {

/// A row of part_config, and what the catalogue says of its table.
struct PartmanSet {
	std::string name; ///< parent_table
	std::string row;  ///< all of it, as a jsonb
	Oid parent;       ///< InvalidOid if there is no such table
	bool is_partition;
	std::optional<std::string> strategy; ///< of pg_partitioned_table
	Oid key_type;                        ///< of the first column; InvalidOid for an expression

	std::string every;
	std::int64_t premake;
	std::optional<std::string> retention;
	std::optional<std::string> retention_schema;
	bool keeps_table;                   ///< retention_keep_table
	std::optional<std::string> epoch;   ///< unless "none"
	std::optional<std::string> encoder; ///< time_encoder
	bool is_automatic;                  ///< automatic_maintenance
	bool is_subpartitioned;             ///< part_config_sub has it
	bool is_moving;                     ///< undo_in_progress, async_partitioning_in_progress
	std::string losses;                 ///< settings that have no like here, ready to be read
};

class Partman {
public:
	/// Error 55000 if pg_partman is not in this database.
	Partman();

	std::vector<PartmanSet> read_sets() const;

	/// Has pg_partman's own maintenance leave a set alone.  Error 40001 if its row is not as it was read any more,
	/// 55P03 if somebody has locked it for longer than warden.lock_timeout.
	void release(const PartmanSet &set) const;

	/// What to type for that.
	std::string release_command(const PartmanSet &set) const;

	/// Error 55000 if release() would run code that somebody has added to pg_partman's table.
	void check_triggers() const;

private:
	std::string config_; ///< the name of part_config
	std::string config_sub_;
};

} // namespace warden::partition
