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

/// What is to be known of every place to find one, next to each other.  Free if `database` is 0.
struct Key {
	Oid database, role;
	int64 query;
	double milliseconds;
};

// Shared memory, read and written under the lock.  The addresses are set in the postmaster and inherited by every
// process.
constinit Key *keys = nullptr;
constinit SampledQuery *queries = nullptr; ///< of the same places
constinit LWLock *board_lock = nullptr;
constinit shmem_request_hook_type next_request_hook = nullptr;
constinit shmem_startup_hook_type next_startup_hook = nullptr;

constexpr const char *tranche = "pg_warden samples";

Size board_size() {
	return (sizeof(Key) + sizeof(SampledQuery)) * static_cast<Size>(sampled_queries());
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
	keys = static_cast<Key *>(ShmemInitStruct(tranche, board_size(), &found));
	queries = reinterpret_cast<SampledQuery *>(keys + sampled_queries());
	if (!found) {
		memset(static_cast<void *>(keys), 0, board_size());
	}
	board_lock = &GetNamedLWLockTranche(tranche)->lock;
	LWLockRelease(AddinShmemInitLock);
}

void copy(Sample &to, const Sample &from) {
	memcpy(static_cast<void *>(&to), &from, offsetof(Sample, data) + static_cast<size_t>(from.length));
}

/// The place of a statement; a new one may be that of another.
int place_of(const Execution &execution) {
	int least = 0;
	for (int i = 0; i < sampled_queries(); ++i) {
		const Key &key = keys[i];
		if (key.query == execution.query && key.role == execution.role && key.database == MyDatabaseId) {
			return i;
		}
		const bool is_better = !OidIsValid(key.database) || key.milliseconds < keys[least].milliseconds;
		if (OidIsValid(keys[least].database) && is_better) {
			least = i;
		}
	}
	memset(static_cast<void *>(&queries[least]), 0, offsetof(SampledQuery, samples));
	queries[least].role = execution.role;
	queries[least].query = execution.query;
	keys[least] = {.database = MyDatabaseId, .role = execution.role, .query = execution.query, .milliseconds = 0};
	return least;
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
	return keys != nullptr;
}

void offer(const Execution &execution) {
	const TimestampTz now = GetCurrentTimestamp();
	if (!LWLockConditionalAcquire(board_lock, LW_EXCLUSIVE)) {
		return;
	}
	const int place = place_of(execution);
	SampledQuery &query = queries[place];
	query.since = query.since == 0 ? now : query.since;
	query.last = now;
	query.calls += execution.calls;
	query.milliseconds += execution.calls * execution.milliseconds;
	keys[place].milliseconds = query.milliseconds;
	query.rows += execution.calls * execution.rows;
	if (execution.sample != nullptr) {
		if (Sample *const room = room_for_sample(query)) {
			copy(*room, *execution.sample);
		}
	}
	LWLockRelease(board_lock);
}

int copy_sampled(int from, bool take, SampledQuery *to) {
	if (keys == nullptr) {
		return -1;
	}
	LWLockAcquire(board_lock, take ? LW_EXCLUSIVE : LW_SHARED);
	int place = from;
	while (place < sampled_queries() && keys[place].database != MyDatabaseId) {
		++place;
	}
	const bool found = place < sampled_queries();
	if (found) {
		memcpy(static_cast<void *>(to), &queries[place], sizeof(SampledQuery));
		if (take) {
			keys[place].database = InvalidOid;
		}
	}
	LWLockRelease(board_lock);
	return found ? place + 1 : -1;
}

} // namespace warden::advice
