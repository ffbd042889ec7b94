// convert_parts.hpp - The parts of a conversion as a job of the mover.
#pragma once

#include "move/convert_study.hpp"
#include "move/convert_widen.hpp"
#include "move/move_plan.hpp"
#include "move/mover.hpp"
#include "partition/blueprint.hpp"

namespace warden::move {

/// What partitions of a table that is plain yet are to be like: storage is that of the table itself.
partition::Blueprint blueprint_of(const partition::Policy &policy, const partition::Bounds &bounds);

/// Of a range, as SQL: what its rows have, and where its partition is placed.
std::string condition_for(const Study &study, const partition::Range &range);
partition::Placement placement_for(const Study &study, const partition::Range &range);
partition::Placement default_placement();

/// A table of the very same layout, dropped columns included, to which the storage of the table can be given.
partition::Draft draft_heir(const partition::Blueprint &blueprint, Oid table, const partition::Placement &placement);

void prepare_convert(const pg::Procedure &procedure, const Job &job);
std::optional<pg::Refusal> lock_convert(const Job &job, int milliseconds);
void swap_convert(const Job &job, const std::vector<Source> &sources, const std::vector<Side> &sides);
void finish_convert(const pg::Procedure &procedure, const Job &job);

/// All steps, of a table that can be converted.
std::vector<PlanStep> convert_steps(const Study &study, const std::vector<NarrowIndex> &narrow, const Limits &limits);

} // namespace warden::move
