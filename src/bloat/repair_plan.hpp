// repair_plan.hpp - Which repair a relation needs, by its verdict or because somebody asks for it.
//
// The invariant: what locks others out, or cannot be done CONCURRENTLY, is never planned without being asked for.
#pragma once

#include "pg/call.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace warden::bloat {

enum class Action : std::uint8_t { Reindex, Vacuum, Truncate, Rewrite };

const char *name_of(Action action);
Action action_named(std::string_view name);

/// Whether it makes files anew.
constexpr bool makes_files(Action action) {
	return action == Action::Reindex || action == Action::Rewrite;
}

/// The lock that it takes on the table.
const char *lock_of(Action action);

/// What somebody asks for.
struct Wish {
	std::optional<Oid> relation; ///< with all that belongs to it; none: all of the database
	bool rewrites;               ///< also by a rewrite that locks, where its verdict says so
	bool forces;                 ///< whatever the verdicts say
};

/// A repair, or why there is none.
struct Proposal {
	Oid relation;
	Oid table;
	Oid filenode;
	std::optional<Action> action;
	std::string verdict;
	std::string command; ///< of the verdict, where there is no action
	std::string reason;
	std::string obstacle; ///< why the action cannot be done; empty if it can
	std::int64_t bytes;
	std::optional<std::int64_t> predicted; ///< bytes afterwards
	std::optional<std::int64_t> saved;
	std::int64_t needed; ///< bytes of the files that it makes anew: a rewrite those of TOAST table and indexes too
};

/// Measures, and says of each relation what to do; each repair once.  Needs no rights.
std::vector<Proposal> propose(const Wish &wish);

/// The statement.
std::string command_for(Action action, Oid relation);

} // namespace warden::bloat
