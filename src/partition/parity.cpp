// parity.cpp - partition_align(): gives partitions that exist what a new one would have of its parent.
//
// The invariant: what is done is what partition_differences() says under the partition's lock, as far as the catalogue
// alone changes; as the parent's owner, but for the change of owner, for which it takes the rights of both.
#include "partition/maintenance.hpp"

#include "partition/tree.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <span>

extern "C" {
#include "access/xlog.h"
#include "catalog/partition.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constexpr const char *action = "align";

struct Difference {
	Oid partition;
	std::string name; ///< of the partition, qualified, as in the command
	std::string property;
	std::optional<std::string> command;
	LOCKMODE lock;
	std::optional<std::string> reason; ///< why it is not for us to mend

	bool is_owner() const { return property == "owner"; }
	bool operator==(const Difference &other) const = default;
};

using Differences = std::span<const Difference>;

// $1 the parent.
constinit Statement find_of_set{R"(
SELECT partition::oid, partition::text, property, command, lock, reason FROM warden.partition_differences($1))"};

// $1 the parent, $2 the partition: no other one is looked at.
constinit Statement find_of_partition{R"(
SELECT $2, $2::regclass::text, property, command, lock, reason
FROM warden.partition_policies policy,
     warden.partition_unlike(policy.parent, $2, storage_parameters, warden.partition_is_logged(policy.parent))
WHERE policy.parent = $1
ORDER BY n)"};

/// The lock that a statement takes.  GRANT takes none, so that we look and act under one that keeps others away.
LOCKMODE lock_mode(const std::optional<std::string_view> &name) {
	LOCKMODE mode = AccessExclusiveLock;
	while (mode > ShareUpdateExclusiveLock &&
	       name != call(GetLockmodeName, static_cast<LOCKMETHODID>(DEFAULT_LOCKMETHOD), mode)) {
		--mode;
	}
	return mode;
}

std::vector<Difference> find_differences(Oid parent, std::optional<Oid> partition) {
	using Text = std::optional<std::string_view>;
	const PinnedSettings settings;
	Spi spi;
	const auto rows =
		partition ? spi.query_latest<Oid, std::string_view, std::string_view, Text, Text, Text>(find_of_partition,
	                                                                                            parent, *partition)
				  : spi.query_latest<Oid, std::string_view, std::string_view, Text, Text, Text>(find_of_set, parent);
	std::vector<Difference> differences;
	differences.reserve(rows.size());
	for (const auto &[oid, name, property, command, lock, reason] : rows) {
		differences.push_back({.partition = oid,
		                       .name = std::string(name),
		                       .property = std::string(property),
		                       .command = command ? std::optional<std::string>(*command) : std::nullopt,
		                       .lock = lock_mode(lock),
		                       .reason = reason ? std::optional<std::string>(*reason) : std::nullopt});
	}
	return differences;
}

/// A set below is compared with the one that it is declared on, like all that is below that.
void check_is_root(const Policy &policy) {
	if (OidIsValid(policy.kind.declared_on)) {
		const std::string root = qualified_name(policy.kind.declared_on);
		throw Error(ERRCODE_WRONG_OBJECT_TYPE,
		            format("table %s is a set below %s", qualified_name(policy.parent).c_str(), root.c_str()))
			.with_hint(format("Use warden.partition_align(%s), which aligns all that is below that table.",
		                      quoted_literal(root).c_str()));
	}
}

/// The differences of a set, or of one partition, whose parent stays as it is from now on.
std::vector<Difference> look(Oid parent, std::optional<Oid> partition) {
	const PinnedSettings settings;
	lock(parent, AccessShareLock);
	return find_differences(parent, partition);
}

/// Of a table that a partition of the parent is a partition of, or of one of those: the parent, what is between, and
/// itself.  Empty if it is none.
std::vector<Oid> line_of(Oid parent, Oid partition) {
	std::vector<Oid> line{partition};
	const List *const ancestors =
		call([&] { return get_rel_relispartition(partition) ? get_partition_ancestors(partition) : NIL; });
	for (int i = 0; ancestors != nullptr && i < ancestors->length; ++i) {
		line.insert(line.begin(), ancestors->elements[i].oid_value);
		if (line.front() == parent) {
			return line;
		}
	}
	return {};
}

/// The alignment of a set in the current transaction.
class Alignment {
public:
	explicit Alignment(Oid parent) : parent_(parent) {}

	void plan(Differences differences) {
		for (const Difference &difference : differences) {
			if (difference.reason) {
				skip(difference);
			} else {
				add(difference, "planned");
			}
		}
	}

	/// Mends what one partition differs in.  Its lock is held until the transaction ends.
	void align(Differences planned) {
		const ScratchMemory memory;
		const PinnedSettings settings;
		const Oid partition = planned.front().partition;
		LOCKMODE mode = NoLock;
		for (const Difference &difference : planned) {
			mode = std::max(mode, difference.reason ? NoLock : difference.lock);
		}
		if (mode == NoLock) {
			plan(planned);
			return;
		}
		const std::vector<Oid> line = line_of(parent_, partition);
		if (line.empty()) {
			return;
		}
		const auto error = attempt([&] { lock_line(line, mode); });
		if (line != line_of(parent_, partition)) {
			return; // it is elsewhere now, or gone
		}
		if (!error) {
			align_locked(partition, mode);
			return;
		}
		for (const Difference &difference : planned) {
			if (difference.reason) {
				skip(difference);
			} else {
				fail(difference, *error);
			}
		}
	}

	/// The set as a whole.
	void failed(const Error &error) { outcomes_.push_back(failure(error, action)); }
	void more() {
		outcomes_.push_back({std::nullopt, action, "planned", std::nullopt,
		                     "More is due than one transaction should lock: call warden.partition_align() again."});
	}

	const std::vector<Outcome> &outcomes() const { return outcomes_; }

private:
	/// What is above it stays as it is.  Waits only while nobody waits for us.
	void lock_line(const std::vector<Oid> &line, LOCKMODE mode) {
		for (const Oid table : line) {
			const LOCKMODE wanted = table == line.back() ? mode : AccessShareLock;
			if (holds_lock_) {
				lock_now(table, wanted);
			} else {
				lock(table, wanted);
			}
		}
		holds_lock_ = true;
	}

	/// A new owner, or a REVOKE, changes other privileges: so it looks again until there is nothing new.  What has come
	/// up since, and takes a stronger lock than we have, is for the next time.
	void align_locked(Oid partition, LOCKMODE mode) {
		std::vector<Difference> tried;
		for (;;) {
			std::vector<Difference> due = find_differences(parent_, partition);
			std::erase_if(due, [&](const Difference &difference) {
				return (difference.lock > mode && !difference.reason) ||
				       std::ranges::find(tried, difference) != tried.end();
			});
			if (due.empty()) {
				return;
			}
			if (due.front().is_owner()) {
				due.resize(1);
				change_owner(due.front());
			} else {
				const Oid owner = owner_of(parent_);
				for (const Difference &difference : due) {
					mend(difference, owner);
				}
			}
			std::ranges::move(due, std::back_inserter(tried));
		}
	}

	/// Neither owner need have the rights of the other: it is the caller who must have those of both.  No code of
	/// theirs runs in this.
	void change_owner(const Difference &difference) {
		if (const auto error = attempt([&] { check_owner(difference.partition); })) {
			fail(difference, *error);
		} else {
			mend(difference, call(GetUserId));
		}
	}

	void mend(const Difference &difference, Oid role) {
		check_for_interrupts();
		if (difference.reason) {
			skip(difference);
		} else if (const auto error = attempt([&] { run(difference, role); })) {
			fail(difference, *error);
		} else {
			add(difference, "done");
		}
	}

	void run(const Difference &difference, Oid role) const {
		const std::string statement = difference.command.value_or("");
		{
			const AsOwner scope(role);
			Spi().execute(statement.c_str());
		}
		// The lock is on the table, and the command has its name: somebody may rename its schema under us.
		if (qualified_name(difference.partition) != difference.name ||
		    (difference.is_owner() && owner_of(difference.partition) != owner_of(parent_))) {
			throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			            format("another table than %s was reached by its name", difference.name.c_str()))
				.with_detail("Its schema was renamed in the same moment.");
		}
		log_step(parent_, difference.name, action, statement);
	}

	void skip(const Difference &difference) {
		add(difference, "skipped", difference.property + ": " + difference.reason.value_or(""));
	}

	void fail(const Difference &difference, const Error &error) {
		const Outcome outcome = failure(error, action);
		add(difference, outcome.status, outcome.detail);
	}

	void add(const Difference &difference, const char *status, std::optional<std::string> detail = std::nullopt) {
		outcomes_.push_back({difference.name, action, status, difference.command, std::move(detail)});
	}

	const Oid parent_;
	std::vector<Outcome> outcomes_;
	bool holds_lock_ = false; ///< of a partition, which others notice
};

/// Partition by partition, as far as one transaction may hold the locks for it.
void align(Alignment &alignment, Differences due, std::size_t most_partitions) {
	while (!due.empty()) {
		if (most_partitions-- == 0) {
			alignment.more();
			return;
		}
		const auto next = std::ranges::find_if(
			due, [&](const Difference &difference) { return difference.partition != due.front().partition; });
		const auto count = static_cast<std::size_t>(next - due.begin());
		alignment.align(due.first(count));
		due = due.subspan(count);
	}
}

} // namespace

/// partition_align(parent regclass, partition regclass, dry_run boolean) returns table (parent, partition, action,
/// status, command, detail)
PG_FUNCTION(partition_align) {
	const auto parent = required_argument<Oid>(fcinfo, 0, "parent");
	const auto partition = argument<std::optional<Oid>>(fcinfo, 1);
	const auto dry_run = required_argument<bool>(fcinfo, 2, "dry_run");

	OutcomeRows rows(fcinfo);
	if (!can_maintain()) {
		PG_RETURN_NULL();
	}
	check_is_root(own_policy(parent));
	if (partition && line_of(parent, *partition).empty()) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE,
		            format("table %s is not a partition of %s", qualified_name(*partition).c_str(),
		                   qualified_name(parent).c_str()))
			.with_hint("The partitions of managed sets are in warden.partitions.");
	}
	if (!dry_run) {
		call(PreventCommandIfReadOnly, "warden.partition_align()");
	}
	Alignment alignment(parent);
	std::vector<Difference> due;
	if (const auto error = attempt([&] { due = look(parent, partition); })) {
		alignment.failed(*error);
	} else if (dry_run) {
		alignment.plan(due);
	} else {
		align(alignment, due, locks_of_a_transaction() / locks_per_partition(parent));
	}
	add_outcomes(rows, parent, alignment.outcomes());
	PG_RETURN_NULL();
}

} // namespace warden::partition
