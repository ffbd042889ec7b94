// default_add.cpp - partition_add_default(): a default partition that no ATTACH reads, however many rows it has.
//
// It is partitioned itself: `late` for keys before the oldest partition, `far` for those far beyond the horizon, each
// with a CHECK that says so, as the server takes no word but that for what a partition of a default partition holds;
// and `rest` for what is between, which is next to nothing.
#include "partition/default_leaves.hpp"
#include "partition/maintenance.hpp"
#include "partition/references.hpp"

#include "partition/tree.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "access/xlog.h"
#include "catalog/partition.h"
#include "utils/lsyscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constexpr std::int64_t months_beyond = 120;  // the horizon: where `far` begins
constexpr std::int64_t steps_beyond = 1'000; // of numbers

/// Where `late` ends and `far` begins; `beginning` and `end` if there is nothing to be late or far.
Range middle_of(const Policy &policy, const Set &set) {
	const auto &[zone, calendar, bounds, window, limits] = set;
	const Zone key_zone = calendar.zone();
	const Span beyond = policy.is_of_numbers() ? Span{.microseconds = policy.every.microseconds > end / steps_beyond
	                                                                      ? end
	                                                                      : policy.every.microseconds * steps_beyond}
	                                           : Span{.months = months_beyond};
	const Moment far = add(window.horizon, beyond, key_zone);
	Range middle{calendar.start(calendar.number(window.now)),
	             is_finite(far) ? calendar.start(calendar.number(far) + 1) : end};
	if (!bounds.ranges.empty()) {
		middle.lower = std::min(middle.lower, bounds.ranges.front().lower);
		middle.upper = std::max(middle.upper, bounds.ranges.back().upper);
	}
	middle.lower = middle.lower < bounds.key.domain.first ? beginning : middle.lower;
	middle.upper = middle.upper > bounds.key.domain.last ? end : middle.upper;
	return middle;
}

/// The tables to make, and the statements for that.
struct Design {
	std::string table; ///< the default partition, qualified
	std::vector<std::string> statements;
	std::vector<std::string> attach; ///< see draft_partition()
};

class Designer {
public:
	Designer(const Policy &policy, const Set &set, const Blueprint &blueprint)
		: set_(set), blueprint_(blueprint),
		  key_(OpenRelation(policy.parent, NoLock), set.bounds.key, set.calendar.zone()),
		  parent_(qualified_name(blueprint.schema_name, blueprint.parent)) {
		Spi spi;
		method_ = std::get<0>(spi.query<std::string_view>("SELECT pg_get_partkeydef($1)", policy.parent).front());
	}

	Design design(const Range &middle) {
		design_.table = create("_default", "", " PARTITION BY " + method_ + blueprint_.defaults);
		design_.attach.push_back("ALTER TABLE " + parent_ + " ATTACH PARTITION " + design_.table + " DEFAULT");
		if (middle.lower != beginning) {
			add_leaf("_default_late", {beginning, middle.lower});
		}
		if (middle.upper != end) {
			add_leaf("_default_far", {middle.upper, end});
		}
		attach_leaf(create("_default_rest", "", blueprint_.storage), "DEFAULT");
		return design_;
	}

private:
	std::string create(const std::string &suffix, const std::string &check, const std::string &options) {
		const std::string table =
			qualified_name(blueprint_.schema_name, free_name(blueprint_.parent, suffix, {blueprint_.schema}));
		const bool is_leaf = !design_.table.empty(); // what is partitioned has no storage to be logged
		design_.statements.push_back("CREATE " + (is_leaf ? blueprint_.persistence : "") + "TABLE " + table +
		                             " (LIKE " + parent_ + " INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY" +
		                             (check.empty() ? "" : ", CHECK (" + check + ")") + ")" + options);
		for (const auto &[before, after] : blueprint_.properties) {
			design_.statements.push_back(before + table + after);
		}
		return table;
	}

	void add_leaf(const std::string &suffix, const Range &range) {
		attach_leaf(create(suffix, key_.is_in(range), blueprint_.storage),
		            "FOR VALUES FROM (" + bound(range.lower, Side::Lower) + ") TO (" + bound(range.upper, Side::Upper) +
		                ")");
	}

	void attach_leaf(const std::string &leaf, const std::string &bounds) {
		auto &statements = blueprint_.hands_down_identity ? design_.attach : design_.statements;
		statements.push_back("ALTER TABLE " + design_.table + " ATTACH PARTITION " + leaf + " " + bounds);
	}

	std::string bound(Moment moment, Side side) const {
		return write_bound(moment, side, set_.bounds.key, set_.calendar.zone());
	}

	const Set &set_;
	const Blueprint &blueprint_;
	const KeySql key_;
	const std::string parent_;
	std::string method_; ///< and key
	Design design_;
};

void run(const std::vector<std::string> &statements) {
	Spi spi;
	for (const std::string &statement : statements) {
		spi.execute(statement.c_str());
	}
}

void build(Oid parent, Design &design, const Blueprint &blueprint) {
	const Oid owner = owner_of(parent);
	{
		const AsOwner scope(owner);
		if (blueprint.has_model) {
			PinnedSettings::set("default_tablespace", "");
		}
		run(design.statements);
	}
	lock_to_attach(InvalidOid, find_peers(OpenRelation(parent, NoLock)));
	const AsOwner scope(owner);
	run(design.attach);
	design.statements.insert(design.statements.end(), design.attach.begin(), design.attach.end());
	const std::vector<std::string> identities = replica_identities(blueprint, design.table);
	run(identities);
	design.statements.insert(design.statements.end(), identities.begin(), identities.end());
}

void check_none(const Set &set, Oid parent) {
	if (OidIsValid(set.bounds.default_partition)) {
		throw Error(ERRCODE_DUPLICATE_OBJECT,
		            format("table %s has a default partition", qualified_name(parent).c_str()))
			.with_detail(format("It is %s.", qualified_name(set.bounds.default_partition).c_str()))
			.with_hint("Use ALTER TABLE ... DETACH PARTITION on it first, and insert its rows again afterwards.");
	}
}

/// Of a list a plain default partition will do, and of a hash there is none.
void check_range(const Policy &policy) {
	if (policy.kind.method != Method::Range) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE,
		            format("table %s is not partitioned by range", qualified_name(policy.parent).c_str()))
			.with_detail(format("It is partitioned by %s.", name_of(policy.kind.method)));
	}
}

} // namespace

/// partition_add_default(parent regclass, dry_run boolean) returns table (parent, partition, action, status, command,
/// detail)
PG_FUNCTION(partition_add_default) {
	const auto parent = required_argument<Oid>(fcinfo, 0, "parent");
	const auto dry_run = required_argument<bool>(fcinfo, 1, "dry_run");
	std::ignore = own_policy(parent);
	if (!dry_run) {
		call(PreventCommandIfReadOnly, "warden.partition_add_default()");
	}
	OutcomeRows rows(fcinfo);
	const PinnedSettings settings;
	lock(parent, dry_run ? AccessShareLock : ShareUpdateExclusiveLock);
	const Policy policy = own_policy(parent);
	check_range(policy);
	const Set set = examine(policy);
	check_none(set, parent);
	const Blueprint blueprint = read_blueprint(policy, set.bounds);
	Design design = Designer(policy, set, blueprint).design(middle_of(policy, set));
	if (dry_run) {
		design.statements.insert(design.statements.end(), design.attach.begin(), design.attach.end());
	} else {
		build(parent, design, blueprint);
		log_step(parent, design.table, "create", join(design.statements));
	}
	rows.add(parent, design.table, "create", dry_run ? "planned" : "done", join(design.statements), std::nullopt);
	PG_RETURN_NULL();
}

} // namespace warden::partition
