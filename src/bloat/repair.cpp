// repair.cpp - bloat_repair(): decides what is to be repaired, and has it done.
#include "bloat/bloat.hpp"

#include "bloat/repair_gates.hpp"
#include "bloat/repair_queue.hpp"
#include "bloat/repair_run.hpp"
#include "bloat/repair_settings.hpp"
#include "bloat/snapshots.hpp"

#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "access/xlog.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

using Text = std::optional<std::string>;
using Rows = ResultSet<Oid, Text, std::string, Text, Text, std::optional<int64>, std::optional<int64>, Text, Text>;

// Also what has a worker that has not begun: it will find out.
constinit Statement cancel_pending{R"(
UPDATE warden.bloat_repair_log SET (status, ended, waiting_for) = ('canceled', clock_timestamp(), NULL)
WHERE $1 IN (relation::oid, of_table::oid) AND (status IN ('queued', 'waiting') OR status = 'running' AND pid IS NULL)
RETURNING id)"};
constinit Statement cancel_running{R"(
SELECT pg_cancel_backend(a.pid)
FROM warden.bloat_repair_log l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE $1 IN (relation::oid, of_table::oid) AND l.status = 'running' AND a.backend_type = 'pg_warden worker'
  AND a.backend_start >= l.started)"};

Text text_or_null(const std::string &text) {
	return text.empty() ? std::nullopt : Text(text);
}

constexpr const char *no_worker =
	"No background worker process is free. CALL warden.maintain() tries again; or consider increasing "
	"max_worker_processes, or run the command.";

class Request {
public:
	Request(FunctionCallInfo fcinfo, const Wish &wish, bool dry_run) : rows_(fcinfo), wish_(wish), dry_run_(dry_run) {}

	void answer() {
		const std::vector<Proposal> proposals = propose(wish_);
		const bool queues = !dry_run_ && std::ranges::any_of(proposals, [](const Proposal &proposal) {
			return is_possible(proposal) && owns(proposal.relation);
		});
		std::vector<Text> gates;
		for (const Proposal &proposal : proposals) {
			check_for_interrupts();
			Text gate;
			if (const auto action = proposal.action; action && is_possible(proposal)) {
				gate = find_closed_gate(*action, proposal.relation, proposal.table, proposal.needed);
			}
			gates.push_back(gate);
		}
		std::vector<bool> was_there(proposals.size());
		for (std::size_t i = 0; queues && i < proposals.size(); ++i) {
			if (is_possible(proposals[i]) && owns(proposals[i].relation)) {
				was_there[i] = !enqueue(proposals[i], wish_.forces, call(GetUserId));
			}
		}
		const bool has_room = !queues || start_runner();
		for (std::size_t i = 0; i < proposals.size(); ++i) {
			tell(proposals[i], was_there[i] ? Text("It was in the queue already.") : waits_for(gates[i]), has_room);
		}
	}

private:
	static bool is_possible(const Proposal &proposal) { return proposal.action && proposal.obstacle.empty(); }

	Text waits_for(const Text &gate) const {
		return gate ? Text((dry_run_ ? "It would wait for " : "It will wait for ") + *gate + ".") : std::nullopt;
	}

	void tell(const Proposal &proposal, const Text &detail, bool has_room) {
		const bool is_advised = proposal.action || !proposal.command.empty();
		if (!is_advised && !wish_.relation) {
			return;
		}
		const Text action = proposal.action ? Text(name_of(*proposal.action)) : std::nullopt;
		const Text lock = proposal.action ? Text(lock_of(*proposal.action)) : std::nullopt;
		const auto add = [&](const char *status, const Text &reason, const Text &remark) {
			rows_.add(proposal.relation, action, status, text_or_null(proposal.command), reason, proposal.predicted,
			          proposal.saved, lock, remark);
		};
		const Text reason = text_or_null(proposal.reason);
		if (!owns(proposal.relation)) {
			add("skipped", "must be owner of the table", std::nullopt);
		} else if (!proposal.obstacle.empty()) {
			add("skipped", proposal.obstacle, std::nullopt);
		} else if (!proposal.action) {
			add("skipped", reason,
			    proposal.verdict == "rewrite" ? Text("With rewrite => true it is done here.") : std::nullopt);
		} else if (dry_run_) {
			add("planned", reason, detail);
		} else if (!has_room) {
			add("blocked", reason, no_worker);
		} else {
			add("queued", reason, detail);
		}
	}

	Rows rows_;
	const Wish &wish_;
	const bool dry_run_;
};

void queue_recommended(const Procedure &procedure, const std::vector<Oid> &tables) {
	for (const Oid table : tables) {
		if (const auto error = attempt([&] {
				for (const Proposal &proposal : propose({.relation = table, .rewrites = false, .forces = false})) {
					if (proposal.action && proposal.obstacle.empty()) {
						enqueue(proposal, false, owner_of(proposal.relation));
					}
				}
			})) {
			report(WARNING, Error(error->sqlstate, format("could not queue a repair: %s", error->what())));
		}
		procedure.commit();
	}
}

} // namespace

void maintain(const Procedure &procedure) {
	if (call(RecoveryInProgress)) {
		return;
	}
	const std::vector<Oid> bloated = take_snapshots(procedure);
	if (repairs_by_itself()) {
		queue_recommended(procedure, bloated);
	}
	bool is_due = false;
	if (const auto error = attempt([&] {
			delete_old_repairs();
			is_due = has_work();
		})) {
		report(WARNING, Error(error->sqlstate, format("could not look at the queue of repairs: %s", error->what())));
	}
	procedure.commit();
	if (is_due && !start_runner()) {
		report(LOG, Error(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, "no background worker process is free to repair bloat")
		                .with_detail("The next maintenance tries again.")
		                .with_hint("Consider increasing max_worker_processes."));
	}
}

/// bloat_repair(relation, dry_run, rewrite, force)
PG_FUNCTION(bloat_repair) {
	const Wish wish{.relation = argument<std::optional<Oid>>(fcinfo, 0),
	                .rewrites = required_argument<bool>(fcinfo, 2, "rewrite"),
	                .forces = required_argument<bool>(fcinfo, 3, "force")};
	const bool dry_run = required_argument<bool>(fcinfo, 1, "dry_run");
	if (wish.relation) {
		check_owner(*wish.relation);
	} else if (wish.rewrites || wish.forces) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "\"rewrite\" and \"force\" are for a relation that is named")
			.with_hint("Type relation => with a table or an index.");
	}
	if (!dry_run) {
		call([] { PreventCommandDuringRecovery("warden.bloat_repair()"); });
	}
	Request(fcinfo, wish, dry_run).answer();
	PG_RETURN_NULL();
}

/// bloat_repair_cancel(relation) returns bigint
PG_FUNCTION(bloat_repair_cancel) {
	const Oid relation = argument<Oid>(fcinfo, 0);
	check_owner(relation);
	const AsExtension owner;
	Spi spi;
	const auto pending = spi.change_latest<int64>(cancel_pending, relation).size();
	const auto running = spi.change_latest<bool>(cancel_running, relation).size();
	return result(fcinfo, static_cast<int64>(pending + running));
}

/// bloat_run_repairs()
PG_FUNCTION(bloat_run_repairs) {
	const Procedure procedure(fcinfo, "SELECT * FROM warden.bloat_repair(dry_run => true)");
	run_repairs(procedure);
	PG_RETURN_VOID();
}

} // namespace warden::bloat
