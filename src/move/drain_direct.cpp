#include "move/drain_direct.hpp"

#include "move/catalog_rows.hpp"
#include "move/drain_obstacles.hpp"
#include "move/keys_aside.hpp"
#include "move/row_shift.hpp"
#include "move/serializable.hpp"
#include "move/swap_locks.hpp"
#include "partition/default_leaves.hpp"
#include "partition/tree.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "catalog/partition.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;
using partition::Blueprint;
using partition::Done;
using partition::Draft;
using partition::Policy;
using partition::Range;

namespace {

constexpr std::int64_t most_blocks = std::int64_t{8} * 1024 * 1024 / BLCKSZ;
constinit int most_rows = 10'000; // warden.partition_drain_direct_rows

constexpr const char *rest_check = "warden_move_rest";

/// A partition to be.
struct Fresh {
	Draft draft;
	Side side;
	std::vector<std::string> statements; // that were run
};

void run(std::vector<std::string> &statements, const std::string &statement) {
	Spi().execute(statement.c_str());
	statements.push_back(statement);
}

/// Makes the tables, which nobody else knows.  In a scope of its own, so that no setting of code that may run in it
/// lasts until a lock is asked for.
std::vector<Fresh> build(const DrainSurvey &survey, const Blueprint &blueprint, Oid owner) {
	std::vector<Fresh> fresh;
	fresh.reserve(survey.places.size());
	for (const DrainPlace &place : survey.places) {
		const Draft draft = draft_partition(blueprint, placement_of(survey.policy, survey.set, place.place));
		Fresh table{draft, side_for(place.place, survey.set), {}};
		{
			const AsOwner scope(owner);
			if (blueprint.has_model) {
				PinnedSettings::set("default_tablespace", "");
			}
			for (const std::string &statement : draft.build) {
				run(table.statements, statement);
			}
		}
		table.side.number = static_cast<std::int16_t>(fresh.size() + 1);
		table.side.relation = call(get_relname_relid, draft.name.c_str(), blueprint.schema);
		fresh.push_back(std::move(table));
	}
	return fresh;
}

std::vector<Side> sides_of(const std::vector<Fresh> &fresh) {
	std::vector<Side> sides;
	sides.reserve(fresh.size());
	for (const Fresh &table : fresh) {
		sides.push_back(table.side);
	}
	return sides;
}

void attach(Fresh &table, const Blueprint &blueprint, Oid owner) {
	const AsOwner scope(owner);
	for (const std::string &statement : table.draft.attach) {
		run(table.statements, statement);
	}
	for (const std::string &identity : replica_identities(blueprint, table.draft.qualified_name)) {
		run(table.statements, identity);
	}
}

bool is_in_place(const Fresh &table, Oid parent) {
	const Oid partition = table.side.relation;
	return call([&] { return get_rel_relispartition(partition) && get_partition_parent(partition, true) == parent; });
}

/// Asks for the strongest lock on the parent, and then for the others, which must be free.
void lock_all(const Policy &policy, Oid default_partition, std::optional<Refusal> &refusal) {
	refusal = take_lock(policy.parent, AccessExclusiveLock);
	if (refusal) {
		throw Error(refusal->error);
	}
	lock_now(default_partition, AccessExclusiveLock);
	lock_peers_now(policy.parent);
}

/// Its rows are to be as old as they were.
void inherit_age(Oid source, Oid partition) {
	call([&] {
		const HeapTuple row = class_row(partition);
		class_form(row)->relfrozenxid = class_form(class_row(source))->relfrozenxid;
		update_class(row);
		CommandCounterIncrement();
	});
}

} // namespace

void commit_directly(const DirectStep &step) {
	commit_dated(step.dating, [&](std::int16_t number) {
		return number == 0 ? step.source : step.partitions[static_cast<std::size_t>(number) - 1];
	});
}

bool is_small(const DrainSurvey &survey) {
	return survey.rows <= most_rows && survey.blocks <= most_blocks;
}

std::string condition_of_rest(const DrainSurvey &survey) {
	const PinnedSettings settings;
	partition::pin_notation();
	if (survey.policy.kind.method == partition::Method::Range) {
		std::vector<Range> ranges;
		ranges.reserve(survey.places.size());
		for (const DrainPlace &place : survey.places) {
			if (const auto *const range = std::get_if<Range>(&place.place)) {
				ranges.push_back(*range);
			}
		}
		const OpenRelation parent(survey.policy.parent, AccessShareLock);
		return partition::KeySql(parent, survey.set.bounds.key, survey.set.calendar.zone()).is_outside(ranges);
	}
	std::string condition;
	for (const DrainPlace &place : survey.places) {
		condition += (condition.empty() ? "NOT (" : " AND NOT (") +
		             partition::condition_of(place.place, survey.policy, survey.set) + ")";
	}
	return condition;
}

DirectStep drain_directly(const Policy &policy, std::size_t limit, std::optional<Refusal> &refusal) {
	const PinnedSettings settings;
	partition::pin_notation();
	refusal = partition::lock_to_create(policy);
	if (refusal) {
		throw Error(refusal->error);
	}
	if (!partition::is_unchanged(policy)) {
		throw Error(ERRCODE_OBJECT_IN_USE,
		            "what was declared of table " + qualified_name(policy.parent) + " has changed")
			.with_hint("Run the command again.");
	}
	const DrainSurvey survey = survey_drain(policy, limit);
	DirectStep step;
	if (survey.places.empty()) {
		return step;
	}
	check_drain(policy, survey.set);
	const Oid owner = owner_of(policy.parent);
	const Blueprint blueprint = read_blueprint(policy, survey.set.bounds);
	const std::string source = qualified_name(survey.source());
	const std::string rest = condition_of_rest(survey);
	std::vector<Fresh> fresh = build(survey, blueprint, owner);
	lock_all(policy, survey.source(), refusal);
	if (is_read_serializably({survey.source()})) {
		throw Error(errcode_not_yet, "SERIALIZABLE transactions have read its rows");
	}
	{
		const AsOwner scope(owner);
		const std::vector<Side> sides = sides_of(fresh);
		step.source = survey.source();
		step.rows = shift_rows(step.source, sides, survey.set.bounds.key.column, step.dating);
		Spi().execute(("ALTER TABLE " + source + " ADD CONSTRAINT " + rest_check + " CHECK (" + rest + ")").c_str());
	}
	const ForeignKeysAside foreign_keys(policy.parent);
	for (Fresh &table : fresh) {
		inherit_age(step.source, table.side.relation);
		attach(table, blueprint, owner);
		if (!is_in_place(table, policy.parent)) {
			throw partition::renamed_meanwhile(policy.parent);
		}
		const Done done{table.draft.qualified_name, partition::join(table.statements)};
		partition::log_step(policy.parent, done.partition, "drain", done.command);
		step.partitions.push_back(table.side.relation);
	}
	foreign_keys.put_back(sides_of(fresh));
	const AsOwner scope(owner);
	Spi().execute(("ALTER TABLE " + source + " DROP CONSTRAINT " + rest_check).c_str());
	return step;
}

std::vector<DirectPlan> plan_directly(const DrainSurvey &survey) {
	const PinnedSettings settings;
	partition::pin_notation();
	std::vector<DirectPlan> plans;
	plans.reserve(survey.places.size());
	const Blueprint blueprint = read_blueprint(survey.policy, survey.set.bounds);
	for (const DrainPlace &place : survey.places) {
		Draft draft = draft_partition(blueprint, placement_of(survey.policy, survey.set, place.place));
		plans.push_back({draft.qualified_name, std::move(draft.build), std::move(draft.attach)});
	}
	return plans;
}

void init_drain() {
	DefineCustomIntVariable(
		"warden.partition_drain_direct_rows",
		"Sets how many rows partition_drain() moves in a transaction, instead of copying them first.",
		"It does so if the default partition has no more than 8 MB.", &most_rows, 10'000, 0, 1'000'000, PGC_USERSET, 0,
		nullptr, nullptr, nullptr);
}

} // namespace warden::move
