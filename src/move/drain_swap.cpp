// drain_swap.cpp - A drain as a job of the mover: its sides, its locks, and its swap, after which the default partition
// has the storage in which the rows that stay were copied.
#include "move/drain_swap.hpp"

#include "move/drain_obstacles.hpp"
#include "move/drain_survey.hpp"
#include "move/keys_aside.hpp"
#include "move/mover.hpp"
#include "move/side.hpp"
#include "move/side_index.hpp"
#include "move/storage_exchange.hpp"
#include "move/swap_locks.hpp"
#include "partition/default_leaves.hpp"
#include "partition/steps.hpp"
#include "partition/tree.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <cstdlib>
#include <span>

extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;
using partition::Blueprint;
using partition::Policy;
using partition::Range;

namespace {

// Of the partitions that are attached with one constraint that says that the default partition has no row of theirs: to
// prove it takes the longer the more there are.
constexpr std::size_t group_size = 16;
// Sides that are made in one transaction.
constexpr std::size_t sides_at_once = 32;

constexpr const char *rest_check = "warden_move_rest";

/// What all rows of a place have, which proves to the server that ATTACH need not read them.
std::string condition_of_side(const DrainSurvey &survey, const partition::Place &place) {
	const OpenRelation parent(survey.policy.parent, AccessShareLock);
	const auto *const range = std::get_if<Range>(&place);
	const auto *const value = std::get_if<partition::Value>(&place);
	if (value != nullptr && value->is_null) {
		return partition::condition_of(place, survey.policy, survey.set);
	}
	const std::string column = call([&] { return quote_identifier(survey.set.bounds.key.column.c_str()); });
	return column + " IS NOT NULL AND " +
	       (range != nullptr
	            ? partition::KeySql(parent, survey.set.bounds.key, survey.set.calendar.zone()).is_in(*range)
	            : partition::condition_of(place, survey.policy, survey.set));
}

Oid default_partition_of(Oid parent) {
	return call(get_default_partition_oid, parent);
}

void prepare_side(const Job &job, const DrainSurvey &survey, const DrainPlace &place) {
	const PinnedSettings settings;
	partition::pin_notation();
	const Blueprint blueprint = read_blueprint(survey.policy, survey.set.bounds);
	const partition::Draft draft = draft_partition(blueprint, placement_of(survey.policy, survey.set, place.place));
	const Side side =
		create_partition_side(job, draft, condition_of_side(survey, place.place), side_for(place.place, survey.set));
	register_indexes(job, side, index_definitions(survey.policy.parent));
}

void prepare_drain(const Procedure &procedure, const Job &job) {
	const Policy policy = partition::own_policy(job.wish.target);
	const DrainSurvey survey = survey_drain(policy, max_partitions_of(job.wish.every));
	check_drain(policy, survey.set);
	if (survey.places.empty()) {
		return; // somebody has deleted the rows, or made partitions for them
	}
	std::size_t made = 0;
	for (const DrainPlace &place : survey.places) {
		check_for_interrupts();
		prepare_side(job, survey, place);
		if (++made % sides_at_once == 0) {
			procedure.commit();
		}
	}
	const PinnedSettings settings;
	const Side rest = create_storage_side(job, survey.source(), survey.source(),
	                                      {.number = 0, .relation = InvalidOid, .takes_rest = true});
	register_indexes(job, rest, index_definitions(survey.source()));
	std::ignore = add_source(job.id, survey.source());
}

std::optional<Refusal> lock_drain(const Job &job, int milliseconds) {
	return lock_for_swap(job, read_sides(job.id), milliseconds,
	                     [](Oid parent) { lock_now(default_partition_of(parent), AccessExclusiveLock); });
}

/// Has the server know, without reading, that the default partition has no row of these: they went to the sides.
class RestCheck {
public:
	RestCheck(Oid default_partition, Oid owner, std::span<const Side> sides)
		: table_(qualified_name(default_partition)), owner_(owner) {
		std::string condition;
		Oid constraint = InvalidOid;
		{
			const AsOwner scope(owner_);
			Spi spi;
			for (const Side &side : sides) {
				for (const auto &[expression] : spi.query_latest<std::string_view>(
						 "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conrelid = $1 AND conname = $2",
						 side.relation, std::string_view(bound_check))) {
					condition += (condition.empty() ? "NOT (" : " AND NOT (") + std::string(expression) + ")";
				}
			}
			spi.execute(
				("ALTER TABLE " + table_ + " ADD CONSTRAINT " + rest_check + " CHECK (" + condition + ") NOT VALID")
					.c_str());
			constraint = call(get_relation_constraint_oid, default_partition, rest_check, false);
		}
		trust_constraint(constraint);
	}

	void drop() {
		const AsOwner scope(owner_);
		Spi().execute(("ALTER TABLE " + table_ + " DROP CONSTRAINT " + rest_check).c_str());
	}

private:
	std::string table_;
	Oid owner_;
};

void attach_side(const Policy &policy, const Blueprint &blueprint, const Side &side, Oid owner) {
	const std::string name = qualified_name(side.relation);
	std::vector<std::string> statements{side.attach.value_or("")};
	{
		const AsOwner scope(owner);
		Spi spi;
		spi.execute(statements.front().c_str());
		for (const std::string &identity : replica_identities(blueprint, name)) {
			spi.execute(identity.c_str());
			statements.push_back(identity);
		}
	}
	drop_bound_check(side);
	if (default_partition_of(policy.parent) == side.relation || !call([&] {
			return get_rel_relispartition(side.relation) && get_partition_parent(side.relation, true) == policy.parent;
		})) {
		throw partition::renamed_meanwhile(policy.parent);
	}
	partition::log_step(policy.parent, name, "drain", partition::join(statements));
}

void swap_drain(const Job &job, const std::vector<Source> &, const std::vector<Side> &sides) {
	const PinnedSettings settings;
	partition::pin_notation();
	const std::optional<Policy> policy = partition::governing_policy(job.wish.target);
	if (!policy || !owns(job.wish.target)) {
		throw Error(errcode_begin_anew, "the table is not managed any more, or is somebody else's");
	}
	const Oid default_partition = default_partition_of(policy->parent);
	std::vector<Side> partitions;
	partitions.reserve(sides.size());
	for (const Side &side : sides) {
		if (side.takes_rest) {
			exchange_storage(job, side);
		} else {
			partitions.push_back(side);
		}
	}
	const Blueprint blueprint = read_blueprint(*policy, partition::examine(*policy).bounds);
	const Oid owner = owner_of(policy->parent);
	const ForeignKeysAside foreign_keys(policy->parent);
	for (std::size_t i = 0; i < partitions.size(); i += group_size) {
		const std::span<const Side> group =
			std::span<const Side>(partitions).subspan(i, std::min(group_size, partitions.size() - i));
		RestCheck rest(default_partition, owner, group);
		for (const Side &side : group) {
			attach_side(*policy, blueprint, side, owner);
		}
		rest.drop();
	}
	foreign_keys.put_back(partitions);
}

void finish_drain(const Procedure &procedure, const Job &job) {
	std::vector<Oid> partitions;
	for (const Side &side : read_sides(job.id)) {
		if (side.takes_rest) {
			drop_side(side);
		} else {
			partitions.push_back(side.relation);
		}
	}
	if (const std::optional<Policy> policy = partition::governing_policy(job.wish.target)) {
		record_drain(*policy, 0);
	}
	procedure.commit();
	analyze_partitions(procedure, job.wish.target, partitions);
}

constexpr Operations operations{prepare_drain, lock_drain, swap_drain, finish_drain};

} // namespace

const Operations &drain_operations() {
	return operations;
}

void analyze_partitions(const Procedure &procedure, Oid parent, const std::vector<Oid> &partitions) {
	for (const Oid partition : partitions) {
		check_for_interrupts();
		const auto error = attempt([&] {
			const PinnedSettings settings;
			if (take_lock(partition, ShareUpdateExclusiveLock) || !relation_exists(partition)) {
				return;
			}
			const AsOwner owner(owner_of(partition));
			Spi().execute(("ANALYZE " + qualified_name(partition)).c_str());
		});
		if (error) {
			report(WARNING, Error(error->sqlstate, "could not analyze a partition of table " + qualified_name(parent) +
			                                           ": " + error->what()));
		}
		procedure.commit();
	}
}

void record_drain(const Policy &policy, std::size_t colliding) {
	if (partition::known_collisions(policy.parent) != static_cast<std::int64_t>(colliding)) {
		partition::State state;
		state.did_something = true;
		state.colliding = static_cast<std::int64_t>(colliding);
		partition::write_state(policy, state);
	}
}

std::size_t max_partitions_of(const std::optional<std::string> &every) {
	const long number = every ? std::strtol(every->c_str(), nullptr, 10) : 0;
	return number > 0 ? static_cast<std::size_t>(number) : 1000;
}

} // namespace warden::move
