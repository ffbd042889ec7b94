#include "partition/departure.hpp"

#include "partition/archive.hpp"
#include "partition/dependents.hpp"
#include "partition/hold.hpp"
#include "partition/references.hpp"
#include "partition/work.hpp"

#include "partition/tree.hpp"
#include "pg/background.hpp"
#include "pg/command.hpp"
#include "pg/early_snapshot.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
PGDLLEXPORT void partition_depart(Datum argument);

#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constinit Statement insert_departure{R"(
INSERT INTO warden.partition_departures (partition, parent, action) VALUES ($1, $2, $3)
ON CONFLICT (partition) DO UPDATE SET (parent, action, since) = (excluded.parent, excluded.action, excluded.since))"};
constinit Statement find_departure{
	"SELECT 1 FROM warden.partition_departures WHERE partition = $1 AND parent = $2 AND action = $3"};
constinit Statement select_departures{
	"SELECT partition::oid, parent::oid, action = 'move' FROM warden.partition_departures"};
constinit Statement delete_departure{"DELETE FROM warden.partition_departures WHERE partition = $1"};

constinit Statement find_pending{
	"SELECT 1 FROM pg_inherits WHERE inhrelid = $1 AND inhparent = $2 AND inhdetachpending"};
constinit Statement find_attached{
	"SELECT 1 FROM pg_inherits WHERE inhrelid = $1 AND inhparent = $2 AND NOT inhdetachpending"};

// How long to wait, while nobody waits for us, for transactions of which none had been open for that long: then it
// would not have been begun.
int patience_ms() {
	return std::min(lock_timeout_ms(), INT_MAX / 20) * 10;
}

bool was_begun_by_us(Oid parent, Oid partition, const char *action) {
	const AsExtension owner;
	Spi spi;
	return !spi.query_latest<int32>(find_departure, partition, parent, std::string_view(action)).empty();
}

/// Whether retention began it, and still wants with the partition what it wanted then.
bool is_still_wanted(const Policy &policy, Oid partition, bool has_expired) {
	return has_expired && was_begun_by_us(policy.parent, partition, name_of(policy.retention.way));
}

void forget(Oid partition) {
	const AsExtension owner;
	Spi().execute(delete_departure, partition);
}

std::string detach_command(const Policy &policy, Oid partition, const char *how) {
	return "ALTER TABLE " + qualified_name(policy.parent) + " DETACH PARTITION " + qualified_name(partition) + how;
}

// Drops or archives a table that is detached and locked in this transaction.
void complete(const Policy &policy, Oid partition, const std::vector<std::string> &statements) {
	if (!is_unchanged(policy) || is_held(partition)) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("table %s was detached and not retired any further", qualified_name(partition).c_str()))
			.with_detail("While it was being detached it was held, or the policy or the owner of its set changed.");
	}
	check_retirement(policy, partition);
	for (const Oid member : tree_of(partition)) {
		for (const Peer &peer : find_peers(OpenRelation(member, NoLock))) {
			lock_now(peer.table, AccessExclusiveLock);
		}
	}
	const AsOwner owner(owner_of(policy.parent));
	Spi spi;
	for (const std::string &statement : statements) {
		spi.execute(statement.c_str());
	}
	if (!has_left(policy, partition)) {
		throw renamed_meanwhile(policy.parent);
	}
}

/// How a partition is attached again.
std::string attach_command(const Work &work, Oid partition) {
	const Bounds &bounds = work.set.bounds;
	const auto found = std::ranges::find(bounds.oids, partition);
	const auto i = static_cast<std::size_t>(found - bounds.oids.begin());
	return i < bounds.ranges.size() ? "ALTER TABLE " + qualified_name(work.policy.parent) + " ATTACH PARTITION " +
	                                      qualified_name(partition) + " " + bound_of(bounds.ranges[i], work.set)
	                                : "";
}

/// The rest of the transaction that has detached a partition, logged as this action; what follows it is done as well if
/// that is still wanted.  One for which that cannot be done stays as a table, and why is returned, with the statement
/// that puts it back: to be pending for that is worse.
std::optional<Error> conclude(const Policy &policy, Oid partition, const char *action, bool is_wanted,
                              const std::string &attach, Done &done) {
	if (call(get_rel_relispartition, partition)) {
		throw renamed_meanwhile(policy.parent);
	}
	std::optional<Error> kept;
	if (is_wanted && policy.retention.way != Retention::Way::Detach) {
		kept = attempt([&] {
			const std::vector<std::string> statements = after_detachment(policy, partition);
			complete(policy, partition, statements);
			done.command += ";\n" + join(statements);
		});
		if (kept && is_blocked(*kept)) {
			throw Error(*kept); // another time
		}
		if (kept) {
			action = "detach";
			kept->hint +=
				(kept->hint.empty() ? "" : " ") + format("To have it in the set again use %s.", attach.c_str());
		}
	}
	forget(partition);
	log_step(policy.parent, done.partition, action, done.command);
	if (is_wanted && !kept) {
		note_move(policy, partition);
	}
	return kept;
}

// Whether the extension is there, and will be until the end of the transaction: who drops it locks it first.  That is
// waited for, as the detachment cannot be undone any more: without the extension nobody would finalize it later.
bool keep_extension() {
	return call([] {
		const Oid extension = get_extension_oid("pg_warden", true);
		if (OidIsValid(extension)) {
			LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
		}
		return OidIsValid(get_namespace_oid("warden", true));
	});
}

// The worker's side: what goes on before and after the statement, in its first and in its last transaction.
class Departure {
public:
	explicit Departure(const Order &order) : order_(order), parent_(order.subjects[0]), partition_(order.subjects[1]) {}

	/// Whether it is still right, under locks that the statement takes as well.  That of the partition is kept until
	/// the end: it tells other maintenance that somebody is at work, and keeps partition_hold() from coming too late.
	void begin() {
		const SnapshotScope snapshot;
		const PinnedSettings settings;
		lock(parent_, ShareUpdateExclusiveLock);
		lock_now(partition_, ShareUpdateExclusiveLock);
		call([&] { LockRelationIdForSession(&lock_, ShareUpdateExclusiveLock); });
		const Policy &policy = policy_.emplace(known_policy(parent_));
		const std::optional<Work> work = find_work(policy, std::nullopt);
		const Task *const task = work ? work->find(partition_) : nullptr;
		if (!work || task == nullptr || !is_right(policy, *task)) {
			throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the set has changed meanwhile");
		}
		if (const auto obstacle = find_obstacle(*work, *task)) {
			throw Error(*obstacle);
		}
		action_ = task->action;
		name_ = qualified_name(partition_);
		attach_ = attach_command(*work, partition_);
		const AsExtension owner;
		Spi().execute(insert_departure, partition_, parent_, std::string_view(action_));
	}

	void end() {
		if (policy_ && keep_extension()) {
			const SnapshotScope snapshot;
			const PinnedSettings settings;
			Done done{name_, order_.statement};
			kept_ = conclude(*policy_, partition_, action_, true, attach_, done);
		}
		call([&] { UnlockRelationIdForSession(&lock_, ShareUpdateExclusiveLock); });
	}

	/// Why the partition, which has been detached, is still there.
	const std::optional<Error> &kept() const { return kept_; }

private:
	bool is_right(const Policy &policy, const Task &task) const {
		return task.retires() && owner_of(parent_) == order_.role && can_depart(policy, partition_) &&
		       detach_command(policy, partition_, " CONCURRENTLY") == order_.statement;
	}

	const Order &order_;
	const Oid parent_;
	const Oid partition_;
	LockRelId lock_{partition_, MyDatabaseId};
	std::optional<Policy> policy_;
	const char *action_ = nullptr;
	std::string name_;
	std::string attach_;
	std::optional<Error> kept_;
};

std::optional<Error> work_on(const Order &order) {
	Departure departure(order);
	Command(order.statement).run(0, [&] { departure.begin(); }, [&](uint64) { departure.end(); });
	return departure.kept();
}

// Server code.
BackgroundWorker describe_departure() {
	BackgroundWorker worker = describe_worker("pg_warden worker");
	strlcpy(worker.bgw_function_name, "partition_depart", BGW_MAXLEN);
	return worker;
}

bool is_attached(const Policy &policy, Oid partition) {
	const PinnedSettings settings;
	Spi spi;
	return !spi.query_latest<int32>(find_attached, partition, policy.parent).empty();
}

void report_full() {
	report(LOG,
	       Error(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, "no background worker process is free to detach a partition")
	           .with_detail("It is waited for the lock of its table instead.")
	           .with_hint("Consider increasing max_worker_processes."));
}

// With the parent locked.
Ending finalize_now(const Policy &policy, Oid partition, const EarlySnapshot &snapshot) {
	if (!is_pending(policy, partition) || !is_unchanged(policy)) {
		return {};
	}
	const std::optional<Work> work = find_work(policy, std::nullopt);
	const Task *const task = work ? work->find(partition) : nullptr;
	if (!work || task == nullptr) {
		return {};
	}
	const bool is_wanted = is_still_wanted(policy, partition, task->has_expired);
	const char *const action = is_wanted                                             ? name_of(policy.retention.way)
	                           : was_begun_by_us(policy.parent, partition, "detach") ? "detach"
	                                                                                 : "finalize";
	const std::string attach = attach_command(*work, partition);
	lock_tree_now(partition, AccessExclusiveLock);
	for (const Peer &peer : find_peers(OpenRelation(partition, NoLock))) {
		lock_now(peer.table, peer.refers_to_us ? AccessExclusiveLock : ShareRowExclusiveLock);
	}
	Done done{qualified_name(partition), detach_command(policy, partition, " FINALIZE")};
	{
		const AsOwner owner(owner_of(policy.parent));
		snapshot.execute(done.command);
	}
	const auto kept = conclude(policy, partition, action, is_wanted, attach, done);
	return {.done = done, .error = kept, .refusal = {}};
}

Ending try_to_finalize(const Policy &policy, Oid partition) {
	const PinnedSettings settings;
	const EarlySnapshot snapshot;
	// Perhaps it is the worker of another maintenance.
	std::optional<Refusal> refusal = find_holder(partition, AccessExclusiveLock);
	if (!refusal) {
		refusal = snapshot.find_long_holder();
	}
	if (!refusal) {
		snapshot.outlast_others(patience_ms());
		refusal = take_lock(policy.parent, ShareUpdateExclusiveLock);
	}
	return refusal ? Ending{.done = {}, .error = {}, .refusal = refusal} : finalize_now(policy, partition, snapshot);
}

} // namespace

bool can_depart(const Policy &policy, Oid partition) {
	const PinnedSettings settings;
	const auto is_there = [](Oid relation) {
		return lock_if_free(relation, AccessShareLock) && relation_exists(relation);
	};
	if (!is_there(policy.parent) || !is_there(partition) ||
	    OidIsValid(call(get_default_partition_oid, policy.parent)) || OidIsValid(find_detaching(policy.parent))) {
		return false;
	}
	const Oid owner = owner_of(policy.parent);
	const std::vector<Oid> tree = tree_of(partition);
	return std::ranges::all_of(tree, [&](Oid member) {
		return is_there(member) && call(get_rel_relkind, member) != RELKIND_FOREIGN_TABLE &&
		       call(has_privs_of_role, owner, owner_of(member)) && find_peers(OpenRelation(member, NoLock)).empty();
	});
}

std::optional<Ending> depart(const Procedure &procedure, const Policy &policy, Oid partition) {
	Ending ending;
	// Nothing else would catch it: that would be the end of the whole CALL.
	ending.error = attempt([&] { ending.done = plan_retirement(policy, partition); });
	if (ending.error) {
		return ending;
	}
	std::vector<Oid> tree = tree_of(partition);
	tree.insert(tree.begin(), policy.parent);
	for (const Oid relation : tree) {
		if (const auto refusal = find_long_holder(relation, AccessExclusiveLock)) {
			return Ending{.done = {}, .error = {}, .refusal = refusal};
		}
	}
	const Order order{.role = owner_of(policy.parent),
	                  .subjects = {policy.parent, partition},
	                  .statement = detach_command(policy, partition, " CONCURRENTLY"),
	                  .lock_timeout_ms = patience_ms(),
	                  .statement_timeout_ms = 2 * patience_ms()};
	procedure.commit();
	const Report report = run_in_background(call(describe_departure), order);
	procedure.commit(); // and see what it did

	// Whatever became of the worker, the catalogue tells how far it came.
	if (is_pending(policy, partition)) {
		return finalize(policy, partition);
	}
	if (!is_attached(policy, partition)) {
		ending.error = report.error;
		return report.done ? ending : Ending{}; // or it was somebody else
	}
	if (!report.started) {
		report_full();
		return std::nullopt;
	}
	if (report.error && is_blocked(*report.error)) {
		return Ending{.done = {}, .error = {}, .refusal = Refusal{*report.error, false}};
	}
	if (!report.error || report.error->sqlstate == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE) {
		return std::nullopt;
	}
	return Ending{.done = {}, .error = report.error, .refusal = {}};
}

bool is_pending(const Policy &policy, Oid partition) {
	const PinnedSettings settings;
	Spi spi;
	return !spi.query_latest<int32>(find_pending, partition, policy.parent).empty();
}

Ending finalize(const Policy &policy, Oid partition) {
	Ending ending;
	const auto error = attempt([&] { ending = try_to_finalize(policy, partition); });
	if (!error) {
		return ending;
	}
	if (is_blocked(*error)) {
		return {.done = {}, .error = {}, .refusal = Refusal{*error, false}};
	}
	// Somebody else may have been first.
	return {.done = {}, .error = is_pending(policy, partition) ? error : std::nullopt, .refusal = {}};
}

Done plan_finalization(const Policy &policy, Oid partition, bool has_expired) {
	Done done{qualified_name(partition), detach_command(policy, partition, " FINALIZE")};
	if (is_still_wanted(policy, partition, has_expired) && !find_hindrance(policy, partition)) {
		for (const std::string &statement : after_detachment(policy, partition)) {
			done.command += ";\n" + statement;
		}
	}
	return done;
}

void delete_old_departures() {
	std::vector<Oid> old;
	{
		const AsExtension owner;
		Spi spi;
		for (const auto &[partition, parent, is_moving] : spi.query_latest<Oid, Oid, bool>(select_departures)) {
			if (!relation_exists(partition) || (!is_moving && find_detaching(parent) != partition)) {
				old.push_back(partition);
			}
		}
	}
	for (const Oid partition : old) {
		forget(partition);
	}
}

} // namespace warden::partition

/// The worker that detaches a partition.
void partition_depart(Datum argument) {
	warden::pg::serve(argument, warden::partition::work_on);
}
