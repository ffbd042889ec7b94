// convert_prepare.cpp - The partitions to be, each a table of its own; if no row is to be copied, the first is the heir
// of the table's storage, and the mover only looks whether all rows belong into it.
#include "move/convert_parts.hpp"

#include "move/convert_obstacles.hpp"
#include "move/fingerprint.hpp"
#include "move/mover_run.hpp"
#include "move/side.hpp"
#include "move/side_index.hpp"
#include "partition/place.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "catalog/pg_constraint.h"
}

namespace warden::move {

using namespace pg;
using partition::Blueprint;
using partition::Draft;
using partition::Placement;
using partition::Range;

namespace {

constexpr std::size_t sides_at_once = 32; // in one transaction

// $1 the table: its storage parameters, those of TOAST among them, written out; and whether it is logged.
constinit Statement select_storage{R"(
SELECT (SELECT array_agg(option)
        FROM (SELECT unnest(t.reloptions) UNION ALL
              SELECT 'toast.' || unnest(s.reloptions) FROM pg_class s WHERE s.oid = t.reltoastrelid) o (option))::text,
       t.relpersistence = 'u'
FROM pg_class t WHERE t.oid = $1)"};

/// As the key's type reads it with pin_notation().
std::optional<std::string> bound_text(const Study &study, Moment bound, partition::Side side) {
	return bound == beginning || bound == end
	           ? std::nullopt
	           : std::optional(show_bound(bound, side, study.set.bounds.key, study.set.calendar.zone()));
}

Side side_of(const Study &study, const Range &range) {
	return {.number = 0,
	        .relation = InvalidOid,
	        .lower = bound_text(study, range.lower, partition::Side::Lower),
	        .upper = bound_text(study, range.upper, partition::Side::Upper)};
}

/// Widens those that are narrow.
std::function<bool(IndexDefinition &)> widening(const std::vector<NarrowIndex> &narrow) {
	return [&narrow](IndexDefinition &definition) {
		for (const NarrowIndex &index : narrow) {
			if (index.index == definition.index) {
				definition.definition = index.wide;
			}
		}
		return true;
	};
}

} // namespace

Blueprint blueprint_of(const partition::Policy &policy, const partition::Bounds &bounds) {
	partition::Policy with_storage = policy;
	bool is_unlogged = false;
	{
		Spi spi;
		for (const auto &[options, unlogged] :
		     spi.query_latest<std::optional<std::string_view>, bool>(select_storage, policy.parent)) {
			if (options) {
				with_storage.storage_parameters = std::string(*options);
			}
			is_unlogged = unlogged;
		}
	}
	Blueprint blueprint = read_blueprint(with_storage, bounds);
	blueprint.persistence = is_unlogged ? "UNLOGGED " : "";
	blueprint.has_model = true;
	return blueprint;
}

std::string condition_for(const Study &study, const Range &range) {
	const std::string column = call([&] { return quote_identifier(study.request.key.c_str()); });
	return column + " IS NOT NULL AND " + condition_of(range, study.policy, study.set);
}

Placement placement_for(const Study &study, const Range &range) {
	return {name_suffix(range, study.set), bound_of(range, study.set), "", {}};
}

Placement default_placement() {
	return {"_default", "DEFAULT", "", {}};
}

void prepare_convert(const Procedure &procedure, const Job &job) {
	const Oid table = job.wish.target;
	const Request request = read_request(job.wish.declaration.value_or("{}"));
	const std::vector<NarrowIndex> narrow = find_narrow(table, request.key);
	check_convertible(request, table, narrow);
	const Study found = study(request, table);
	const std::vector<IndexDefinition> definitions = index_definitions(table);
	std::size_t made = 0;
	const auto add = [&](const Placement &placement, const std::string &condition, Side side) {
		check_for_interrupts();
		{
			const PinnedSettings settings;
			partition::pin_notation();
			const Blueprint blueprint = blueprint_of(found.policy, found.set.bounds);
			const bool is_heir = found.first && made == 0;
			const Draft draft =
				is_heir ? draft_heir(blueprint, table, placement) : draft_partition(blueprint, placement);
			side = create_partition_side(job, draft, condition, std::move(side));
			register_indexes(job, side, definitions, widening(narrow));
		}
		if (++made % sides_at_once == 0) {
			procedure.commit();
		}
	};
	for (const Range &range : found.ranges) {
		add(placement_for(found, range), condition_for(found, range), side_of(found, range));
	}
	if (request.default_partition) {
		add(default_placement(), "", {.number = 0, .relation = InvalidOid, .takes_rest = true});
	}
	std::ignore = add_source(job.id, table);
}

} // namespace warden::move
