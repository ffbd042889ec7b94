// convert_plan.cpp - What a conversion would do, with each statement, lock, and what it costs.
#include "move/convert_parts.hpp"

#include "move/convert_obstacles.hpp"
#include "move/side.hpp"
#include "partition/place.hpp"
#include "partition/steps.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"

#include <algorithm>
#include <iterator>

extern "C" {
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;
using partition::Draft;
using partition::Range;

namespace {

constexpr double read_per_second = 100e6; // bytes, from a disk that others use as well
constexpr double flip_ms = 3;             // measured, as are:
constexpr double attachment_ms = 1.5;     // of each partition
constexpr double reference_ms = 1;        // of each foreign key of each partition

double pause_ms(const Study &study, std::size_t references) {
	const auto partitions = static_cast<double>(study.ranges.size() + (study.request.default_partition ? 1 : 0));
	return flip_ms + partitions * (attachment_ms + reference_ms * static_cast<double>(references));
}

std::int64_t rows_of(const Study &study, const Range &range) {
	const auto &rows = study.survey.rows;
	std::int64_t count = 0;
	for (const auto &[number, its] : rows) {
		const Moment start = study.set.calendar.start(number.number);
		count += start >= range.lower && start < range.upper ? its : 0;
	}
	return count;
}

std::string with_rows(const Study &study, const Range &range) {
	if (study.first) {
		return range == *study.first ? "the table as it is, with all its rows and indexes" : "no rows yet";
	}
	const std::int64_t rows = rows_of(study, range);
	return rows == 0 ? "no rows yet" : format("%ld %s", rows, rows == 1 ? "row" : "rows");
}

/// The partitions that are to be.
std::vector<Draft> drafts_of(const Study &study) {
	const PinnedSettings settings;
	partition::pin_notation();
	const partition::Blueprint blueprint = blueprint_of(study.policy, study.set.bounds);
	std::vector<Draft> drafts;
	drafts.reserve(study.ranges.size() + 1);
	for (const Range &range : study.ranges) {
		const bool is_heir = study.first && drafts.empty();
		const partition::Placement placement = placement_for(study, range);
		drafts.push_back(is_heir ? draft_heir(blueprint, study.policy.parent, placement)
		                         : draft_partition(blueprint, placement));
	}
	if (study.request.default_partition) {
		drafts.push_back(draft_partition(blueprint, default_placement()));
	}
	return drafts;
}

void add_prepare(std::vector<PlanStep> &steps, const Study &study, const std::vector<Draft> &drafts) {
	for (std::size_t i = 0; i < drafts.size(); ++i) {
		const bool is_rest = i >= study.ranges.size();
		steps.push_back({.action = "prepare",
		                 .command = partition::join(drafts[i].build),
		                 .lock = "ACCESS SHARE on " + qualified_name(study.policy.parent),
		                 .relation = drafts[i].qualified_name,
		                 .detail = is_rest ? format("for what no other partition takes: %ld rows",
		                                            static_cast<long>(study.survey.nulls + study.survey.infinite))
		                                   : with_rows(study, study.ranges[i])});
	}
}

/// The table is read as for a copy, and its changes are.
void add_look(std::vector<PlanStep> &steps, const Study &study) {
	const std::string table = qualified_name(study.policy.parent);
	const OpenRelation relation(study.policy.parent, AccessShareLock);
	const auto bytes =
		static_cast<std::int64_t>(call([&] { return RelationGetNumberOfBlocks(relation.get()); })) * BLCKSZ;
	steps.push_back(capture_step(table));
	steps.push_back({.action = "look",
	                 .lock = "ACCESS SHARE on " + table,
	                 .relation = table,
	                 .seconds = static_cast<double>(bytes) / read_per_second,
	                 .detail = format("Reads the table once: all rows have to belong into the first partition. Assumes "
	                                  "%.0f MB/s.",
	                                  read_per_second / 1e6)});
}

/// What one may not know of a key that has become longer.
std::string widening_detail(const NarrowIndex &index, const std::string &key) {
	return format("%s \"%s\" is widened by column \"%s\": only (%s, %s) is unique afterwards, (%s) within a partition; "
	              "ON CONFLICT (%s) does not find it any more",
	              index.is_primary      ? "primary key"
	              : index.is_constraint ? "unique constraint"
	                                    : "unique index",
	              index.name.c_str(), key.c_str(), index.columns.c_str(), key.c_str(), index.columns.c_str(),
	              index.columns.c_str());
}

void add_swap(std::vector<PlanStep> &steps, const Study &study, const std::vector<NarrowIndex> &narrow,
              const std::vector<Draft> &drafts) {
	const Oid target = study.policy.parent;
	const std::string table = qualified_name(target);
	const std::string schema = call([&] { return get_namespace_name(get_rel_namespace(target)); });
	std::size_t references = 0;
	{
		const OpenRelation relation(target, AccessShareLock);
		references = partition::find_peers(relation).size();
	}
	const double pause = pause_ms(study, references);
	const std::string lock = "ACCESS EXCLUSIVE on " + table;
	const std::vector<std::string> drops = drop_narrow(table, narrow);
	for (std::size_t i = 0; i < narrow.size(); ++i) {
		steps.push_back({.action = "swap",
		                 .command = drops[i],
		                 .lock = lock,
		                 .relation = table,
		                 .detail = widening_detail(narrow[i], study.request.key)});
	}
	steps.push_back({.action = "swap",
	                 .lock = lock + format(", for about %.0f ms in all", pause),
	                 .relation = table,
	                 .seconds = pause / 1000,
	                 .detail = "the table becomes partitioned by range of \"" + study.request.key +
	                           "\"; it keeps its identity, and so all that refers to it"});
	for (const std::string &statement : create_wide(schema, table, narrow)) {
		steps.push_back({.action = "swap", .command = statement, .lock = lock, .relation = table});
	}
	for (const Draft &draft : drafts) {
		steps.push_back({.action = "swap",
		                 .command = partition::join(draft.attach),
		                 .lock = lock,
		                 .relation = draft.qualified_name});
	}
}

void add_finish(std::vector<PlanStep> &steps, const Study &study) {
	const Oid target = study.policy.parent;
	const std::string table = qualified_name(target);
	steps.push_back({.action = "finish",
	                 .command = declaration_of(study.request, table, study.policy.is_of_numbers()),
	                 .lock = "SHARE UPDATE EXCLUSIVE on " + table,
	                 .relation = table});
	steps.push_back({.action = "finish",
	                 .command = "ANALYZE " + table,
	                 .lock = "SHARE UPDATE EXCLUSIVE on " + table,
	                 .relation = table});
	if (study.expired > 0) {
		steps.push_back({.action = "left",
		                 .relation = table,
		                 .detail = format("%zu %s that have expired: the next maintenance retires them", study.expired,
		                                  study.expired == 1 ? "partition of rows" : "partitions of rows")});
	}
	for (const std::string &remark : remarks_on(target)) {
		steps.push_back({.action = "note", .relation = table, .detail = remark});
	}
}

} // namespace

std::vector<PlanStep> convert_steps(const Study &study, const std::vector<NarrowIndex> &narrow, const Limits &limits) {
	const std::vector<Draft> drafts = drafts_of(study);
	std::vector<PlanStep> steps;
	add_prepare(steps, study, drafts);
	if (study.first) {
		add_look(steps, study);
	} else {
		const Wish wish{
			.target = study.policy.parent, .kind = Kind::Convert, .limits = limits, .rows_total = study.survey.total};
		std::ranges::move(common_steps(wish, {study.policy.parent}, drafts.size()), std::back_inserter(steps));
	}
	add_swap(steps, study, narrow, drafts);
	add_finish(steps, study);
	return steps;
}

} // namespace warden::move
