// drain_direct.hpp - A few rows of a default partition moved at once: in one transaction, under the locks.
//
// The invariants:
// - The parent is locked first, so that whoever has to wait looks for partitions again when he goes on; what takes
// long,
//   making the tables, is done before.
// - Rows are moved as they are, without a trigger, a rule, a policy, a default or a foreign key's action: for everybody
//   else the row stays in the table.  Who still has a place of it gets error 40001, not nothing.
#pragma once

#include "move/dating.hpp"
#include "move/drain_survey.hpp"
#include "partition/steps.hpp"

namespace warden::move {

/// Whether rows are few enough: warden.partition_drain_direct_rows (10000), of a default partition of 8 MB.
bool is_small(const DrainSurvey &survey);

/// How many partitions one transaction makes, which all have to wait for.
inline constexpr std::size_t most_direct = 16;

struct DirectStep {
	Oid source = InvalidOid;
	std::vector<Oid> partitions = {};
	std::int64_t rows = 0;
	Dating dating = {}; ///< of the source, number 0, and the partitions, from 1
};

/// Commits it, so that older snapshots see what they have seen before.
void commit_directly(const DirectStep &step);

/// Makes at most so many partitions and moves their rows to them, in the current (sub)transaction; none if there is
/// nothing to do.  If a lock is not to be had: `refusal`, and the error that is thrown.  Error errcode_not_yet if only
/// a job can move rows without being noticed by an older snapshot.
DirectStep drain_directly(const partition::Policy &policy, std::size_t limit, std::optional<pg::Refusal> &refusal);

/// The statements of it, for a person: one for each partition.
struct DirectPlan {
	std::string name;
	std::vector<std::string> build;
	std::vector<std::string> attach;
};
std::vector<DirectPlan> plan_directly(const DrainSurvey &survey);

/// What holds for all rows that stay; so that ATTACH need not look at each for each partition.
std::string condition_of_rest(const DrainSurvey &survey);

/// Defines warden.partition_drain_direct_rows.  Server code, for _PG_init().
void init_drain();

} // namespace warden::move
