// move_plan.hpp - What a job would do, for a person to read before it does.
#pragma once

#include "move/move_job.hpp"
#include "pg/result_set.hpp"

namespace warden::move {

struct PlanStep {
	std::string action;                      ///< prepare, capture, copy, index, wait, swap, finish, ... or left
	std::optional<std::string> command = {}; ///< SQL where there is some
	std::optional<std::string> lock = {};    ///< the strongest, and on what: 'ACCESS EXCLUSIVE on public.t, for 4 ms'
	std::optional<std::string> relation = {};
	std::optional<std::int64_t> bytes = {}; ///< that are written
	std::optional<double> seconds = {};     ///< about
	std::optional<std::string> detail = {};
};

using PlanRows =
	pg::ResultSet<int32, std::string, std::optional<std::string>, std::optional<std::string>,
                  std::optional<std::string>, std::optional<int64>, std::optional<double>, std::optional<std::string>>;
void add_steps(PlanRows &rows, const std::vector<PlanStep> &steps);

/// For dry_run of a procedure: each step is an INFO.
void tell_steps(const std::vector<PlanStep> &steps);

/// The trigger on sources.
PlanStep capture_step(const std::string &names);

/// The steps that every kind has: capture, copy, index, wait, from the size of the sources; with the disk space that is
/// needed at most.
std::vector<PlanStep> common_steps(const Wish &wish, const std::vector<Oid> &sources, std::size_t sides);

/// Refuses what no kind can do: error 0A000 or 55000 with what would help.  A standby, a temporary table, a foreign
/// table, another access method than heap, a table of the extension's or of the system's, disk space.
void check_source(Oid relation);

/// Refuses what would fail when it makes partitions, or indexes: error 42501 unless the owner may create them beside
/// the table.
void check_can_create(Oid table, const char *what = "Partitions");

/// The limits of a procedure's arguments from n on: rows, bytes, lag, sessions.  Error 22023 unless they are positive.
Limits limits_of(FunctionCallInfo fcinfo, int n);

} // namespace warden::move
