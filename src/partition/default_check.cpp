#include "partition/default_check.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constexpr const char *check_name = "pg_warden_no_rows_of_new_partitions";

constinit Statement insert_check{
	"INSERT INTO warden.partition_checks (parent, partition, pid) VALUES ($1, $2, pg_backend_pid())"};
constinit Statement find_note{"SELECT 1 FROM warden.partition_checks WHERE partition = $1"};
constinit Statement delete_check{"DELETE FROM warden.partition_checks WHERE partition = $1"};

// $1 a parent, or null.  Who added it is at work as long as the statement goes on that did.
constinit Statement select_checks{R"(
SELECT partition::oid FROM warden.partition_checks c
WHERE ($1 IS NULL OR parent = $1)
  AND (pid = pg_backend_pid()
       OR NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = c.pid AND a.state = 'active' AND a.query_start <= c.at))
ORDER BY partition::oid)"};

void forget_check(Oid table) {
	const AsExtension owner;
	Spi().execute(delete_check, table);
}

void alter(Oid table, const std::string &action) {
	const AsOwner owner(owner_of(table));
	Spi().execute(("ALTER TABLE " + qualified_name(table) + action).c_str());
}

void add_check(const Policy &policy, Oid table, const std::string &condition) {
	alter(table, format(" ADD CONSTRAINT %s CHECK (", check_name) + condition + ") NOT VALID");
	const AsExtension owner;
	Spi().execute(insert_check, policy.parent, table);
}

Oid find_check(Oid table) {
	return call(get_relation_constraint_oid, table, check_name, true);
}

/// Not of a key that is sorted by operators of its own; and not if another table was reached by its name, because its
/// schema was renamed in the same moment.
bool is_of_use(const Policy &policy, const Set &set, const Survey &survey, const std::vector<Range> &ranges) {
	return std::ranges::all_of(survey.unproven, [&](const Leaf &leaf) {
		const std::vector<bool> proven =
			proves(policy.parent, leaf.table, find_check(leaf.table), set.bounds.key, set.calendar.zone(), ranges);
		return std::ranges::all_of(proven, [](bool is_proven) { return is_proven; });
	});
}

bool is_unchanged(const Policy &policy, const Set &set, const Survey &survey) {
	if (call(get_default_partition_oid, policy.parent) != survey.default_partition) {
		return false;
	}
	const std::vector<Leaf> leaves = find_leaves(policy.parent, survey.default_partition, set.bounds.key);
	return std::ranges::all_of(survey.unproven, [&](const Leaf &leaf) {
		return std::ranges::find(leaves, leaf.table, &Leaf::table) != leaves.end();
	});
}

/// Another maintenance of the same set, which is between two of its steps.
void check_alone(const Survey &survey) {
	const AsExtension owner;
	for (const Leaf &leaf : survey.unproven) {
		if (!Spi().query_latest<int32>(find_note, leaf.table).empty()) {
			throw Error(ERRCODE_OBJECT_IN_USE,
			            format("%s is in use by another maintenance", qualified_name(leaf.table).c_str()));
		}
	}
}

/// The tables are locked as they are to attach a partition: the first is waited for, the others are free or not.
void lock_leaves(const Survey &survey) {
	bool is_first = true;
	for (const Leaf &leaf : survey.unproven) {
		(is_first ? lock : lock_now)(leaf.table, AccessExclusiveLock);
		is_first = false;
	}
}

} // namespace

void add_checks(const Policy &policy, const Set &set, const Survey &survey) {
	const PinnedSettings settings;
	const std::string name = qualified_name(survey.default_partition);
	lock_leaves(survey);
	check_alone(survey);
	if (!is_unchanged(policy, set, survey)) {
		throw Error(errcode_prepare_first, format("default partition %s has changed in this moment", name.c_str()))
			.with_detail("The next maintenance looks at it again.");
	}
	std::vector<Range> ranges = survey.with(errcode_prepare_first);
	std::ranges::sort(ranges, {}, &Range::lower);
	const std::string condition =
		KeySql(OpenRelation(policy.parent, NoLock), set.bounds.key, set.calendar.zone()).is_outside(ranges);
	for (const Leaf &leaf : survey.unproven) {
		add_check(policy, leaf.table, condition);
	}
	if (!is_of_use(policy, set, survey, ranges)) {
		throw Error(errcode_left_out, format("to attach it would scan default partition %s under a lock", name.c_str()))
			.with_detail(
				"No constraint tells the server that it has no rows of the new partition: the partition key is "
				"sorted by an operator class of its own.")
			.with_hint("Run the command when nobody uses the table.");
	}
}

void validate_checks(const Survey &survey) {
	const PinnedSettings settings;
	for (const Leaf &leaf : survey.unproven) {
		lock(leaf.table, ShareUpdateExclusiveLock);
		alter(leaf.table, format(" VALIDATE CONSTRAINT %s", check_name));
	}
}

std::vector<Oid> find_checks(std::optional<Oid> parent) {
	std::vector<Oid> tables;
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[table] : spi.query_latest<Oid>(select_checks, parent)) {
			tables.push_back(table);
		}
	}
	std::erase_if(tables, [](Oid table) {
		if (relation_exists(table)) {
			return !owns(table);
		}
		std::ignore = attempt([&] { forget_check(table); }); // another maintenance may be doing it
		return true;
	});
	return tables;
}

void drop_check(Oid table) {
	const PinnedSettings settings;
	lock(table, AccessExclusiveLock);
	if (OidIsValid(find_check(table))) {
		alter(table, format(" DROP CONSTRAINT %s", check_name));
	}
	forget_check(table);
}

} // namespace warden::partition
