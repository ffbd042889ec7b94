#include "move/swap_locks.hpp"

#include "partition/references.hpp"
#include "pg/names.hpp"
#include "pg/scoped.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

extern "C" {
#include "storage/lmgr.h"
}

namespace warden::move {

using namespace pg;

namespace {

constexpr double longest_pause_s = 5;
constexpr double busy_share = 4; // a pause is that many times as long as the try before it

} // namespace

int swap_patience_ms(int tries) {
	const double all = lock_timeout_ms();
	return static_cast<int>(std::ceil(std::min(all, all / 6 * std::pow(1.15, tries - 1))));
}

double swap_pause_s(int tries) {
	return std::min(longest_pause_s, busy_share * swap_patience_ms(tries) / 1000 * std::pow(1.1, tries - 1));
}

std::optional<Refusal> take_lock_within(Oid relation, LOCKMODE mode, int milliseconds) {
	if (lock_if_free(relation, mode)) {
		return std::nullopt;
	}
	auto holder = find_holder(relation, mode);
	if (holder && holder->will_last) {
		return holder;
	}
	const auto error = attempt([&] {
		const PinnedSettings settings;
		PinnedSettings::set("lock_timeout", format("%d", milliseconds).c_str());
		call(LockRelationOid, relation, mode);
	});
	if (!error) {
		return std::nullopt;
	}
	if (!is_blocked(*error)) {
		throw Error(*error);
	}
	// Those who were there before us: who has come since may have got the lock when we gave up.
	return Refusal{Error(ERRCODE_LOCK_NOT_AVAILABLE, format("could not obtain lock on %s within %d ms",
	                                                        qualified_name(relation).c_str(), milliseconds))
	                   .with_detail(holder ? holder->error.detail : "Who held it has let go meanwhile."),
	               false};
}

void lock_peers_now(Oid table) {
	std::vector<partition::Peer> peers;
	{
		const OpenRelation relation(table, AccessShareLock);
		peers = partition::find_peers(relation);
	}
	for (const partition::Peer &peer : peers) {
		if (peer.table != table) {
			lock_now(peer.table, AccessShareLock);
		}
	}
}

std::optional<Refusal> lock_for_swap(const Job &job, const std::vector<Side> &sides, int milliseconds,
                                     void (*lock_more)(Oid target)) {
	const Oid target = job.wish.target;
	bool will_last = false;
	const auto error = attempt([&] {
		const PinnedSettings settings;
		for (const Side &side : sides) {
			lock_now(side.relation, AccessExclusiveLock); // autovacuum may be there
		}
		// While nobody waits for us yet: a table that somebody alters or rewrites is not to stop the others at each
		// try.
		lock_peers_now(target);
		if (const auto refusal = take_lock_within(target, AccessExclusiveLock, milliseconds)) {
			will_last = refusal->will_last;
			throw Error(refusal->error);
		}
		if (lock_more != nullptr) {
			lock_more(target);
		}
		lock_peers_now(target); // others, perhaps
	});
	if (error && !is_blocked(*error)) {
		throw Error(*error);
	}
	return error ? std::optional(Refusal{*error, will_last}) : std::nullopt;
}

} // namespace warden::move
