#include "advice/sample_board.hpp"

#include "advice/sampler.hpp"

#include <algorithm>
#include <cstddef>

extern "C" {
#include "common/pg_prng.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
}

namespace warden::advice {

namespace {

/// All of it is read and written under the lock.
struct Board {
	int places; ///< how many queries there is room for; set once
	SampledQuery queries[FLEXIBLE_ARRAY_MEMBER];
};

// Set in the postmaster and inherited by every process.
constinit Board *board = nullptr;
constinit LWLock *board_lock = nullptr;
constinit shmem_request_hook_type next_request_hook = nullptr;
constinit shmem_startup_hook_type next_startup_hook = nullptr;

constexpr const char *tranche = "pg_warden samples";

Size board_size() {
	return offsetof(Board, queries) + sizeof(SampledQuery) * static_cast<Size>(sampled_queries());
}

void request_memory() {
	if (next_request_hook != nullptr) {
		next_request_hook();
	}
	if (sampled_queries() > 0) {
		RequestAddinShmemSpace(MAXALIGN(board_size()));
		RequestNamedLWLockTranche(tranche, 1);
	}
}

void attach_memory() {
	if (next_startup_hook != nullptr) {
		next_startup_hook();
	}
	if (sampled_queries() == 0) {
		return;
	}
	bool found = false;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	board = static_cast<Board *>(ShmemInitStruct(tranche, board_size(), &found));
	if (!found) {
		memset(static_cast<void *>(board), 0, board_size());
		board->places = sampled_queries();
	}
	board_lock = &GetNamedLWLockTranche(tranche)->lock;
	LWLockRelease(AddinShmemInitLock);
}

void copy(Sample &to, const Sample &from) {
	memcpy(static_cast<void *>(&to), &from, offsetof(Sample, data) + static_cast<size_t>(from.length));
}

/// The place of a statement; a new one may be that of another.
SampledQuery &place_of(const Observation &observation) {
	SampledQuery *least = board->queries;
	for (SampledQuery *query = board->queries; query < board->queries + board->places; ++query) {
		if (query->query == observation.query && query->role == observation.role && query->database == MyDatabaseId) {
			return *query;
		}
		const bool is_better = !OidIsValid(query->database) || query->milliseconds < least->milliseconds;
		if (OidIsValid(least->database) && is_better) {
			least = query;
		}
	}
	memset(static_cast<void *>(least), 0, offsetof(SampledQuery, samples));
	least->database = MyDatabaseId;
	least->role = observation.role;
	least->query = observation.query;
	return *least;
}

/// Where a sample goes, so that each of those that there were is as likely to stay; nullptr: nowhere.
Sample *room_for_sample(SampledQuery &query) {
	++query.offered;
	if (query.kept < samples_a_query) {
		return &query.samples[query.kept++];
	}
	const uint64 draw = pg_prng_uint64_range(&pg_global_prng_state, 0, static_cast<uint64>(query.offered) - 1);
	return draw < samples_a_query ? &query.samples[draw] : nullptr;
}

} // namespace

static_assert(std::is_trivially_copyable_v<SampledQuery>);

void init_sample_board() {
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}

bool has_sample_board() {
	return board != nullptr;
}

void offer(const Observation &observation) {
	const TimestampTz now = GetCurrentTimestamp();
	if (!LWLockConditionalAcquire(board_lock, LW_EXCLUSIVE)) {
		return;
	}
	SampledQuery &query = place_of(observation);
	query.since = query.since == 0 ? now : query.since;
	query.last = now;
	query.calls += observation.calls;
	query.milliseconds += observation.calls * observation.milliseconds;
	query.rows += observation.calls * observation.rows;
	if (observation.sample != nullptr) {
		if (Sample *const room = room_for_sample(query)) {
			copy(*room, *observation.sample);
		}
	}
	LWLockRelease(board_lock);
}

int copy_sampled(int from, bool take, SampledQuery *to) {
	if (board == nullptr) {
		return -1;
	}
	LWLockAcquire(board_lock, take ? LW_EXCLUSIVE : LW_SHARED);
	int place = from;
	while (place < board->places && board->queries[place].database != MyDatabaseId) {
		++place;
	}
	const bool found = place < board->places;
	if (found) {
		memcpy(static_cast<void *>(to), &board->queries[place], sizeof(SampledQuery));
		if (take) {
			board->queries[place].database = InvalidOid;
		}
	}
	LWLockRelease(board_lock);
	return found ? place + 1 : -1;
}

void forget_samples() {
	if (board == nullptr) {
		return;
	}
	LWLockAcquire(board_lock, LW_EXCLUSIVE);
	for (int i = 0; i < board->places; ++i) {
		if (board->queries[i].database == MyDatabaseId) {
			board->queries[i].database = InvalidOid;
		}
	}
	LWLockRelease(board_lock);
}

} // namespace warden::advice
