#include "audit/stopwatch.hpp"

extern "C" {
#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

namespace warden::audit {

namespace {

// All of this is server code.

constexpr std::uint32_t one_in = 256;          // calls
constexpr std::uint32_t most_relations = 1024; // of all databases; a power of two

struct Meter {
	pg_atomic_uint64 owner; ///< database and relation; 0 if it is free
	pg_atomic_uint64 calls;
	pg_atomic_uint64 nanoseconds;
};

// Set in the postmaster and inherited by every process.
constinit Meter *meters = nullptr;
constinit shmem_request_hook_type next_request_hook = nullptr;
constinit shmem_startup_hook_type next_startup_hook = nullptr;

constexpr std::size_t size = sizeof(Meter) * most_relations;

void request_memory() {
	if (next_request_hook != nullptr) {
		next_request_hook();
	}
	RequestAddinShmemSpace(MAXALIGN(size));
}

void attach_memory() {
	if (next_startup_hook != nullptr) {
		next_startup_hook();
	}
	bool found = false;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	meters = static_cast<Meter *>(ShmemInitStruct("pg_warden audit", size, &found));
	for (std::uint32_t i = 0; !found && i < most_relations; ++i) {
		pg_atomic_init_u64(&meters[i].owner, 0);
		pg_atomic_init_u64(&meters[i].calls, 0);
		pg_atomic_init_u64(&meters[i].nanoseconds, 0);
	}
	LWLockRelease(AddinShmemInitLock);
}

// The one of a relation, which is made if that is asked for and there is room.
Meter *meter_of(std::int32_t relation, bool is_to_be_made) {
	const std::uint64_t owner = std::uint64_t{MyDatabaseId} << 32 | static_cast<std::uint32_t>(relation);
	const std::uint32_t first = murmurhash32(static_cast<std::uint32_t>(relation) ^ murmurhash32(MyDatabaseId));
	for (std::uint32_t i = 0; i < most_relations; ++i) {
		Meter &meter = meters[(first + i) % most_relations];
		std::uint64_t found = pg_atomic_read_u64(&meter.owner);
		if (found == 0 && is_to_be_made) {
			found = pg_atomic_compare_exchange_u64(&meter.owner, &found, owner) ? owner : found;
		}
		if (found == owner || found == 0) {
			return found == owner ? &meter : nullptr;
		}
	}
	return nullptr;
}

} // namespace

namespace detail {

constinit std::uint32_t calls_left = 1;

// The first one of a session is any, so that short sessions count as they should.
bool begin_round() {
	static bool is_first = true;
	const bool is_due = !is_first;
	calls_left = is_first ? 1 + pg_prng_uint32(&pg_global_prng_state) % one_in : one_in;
	is_first = false;
	return is_due && meters != nullptr;
}

} // namespace detail

void note_time(std::int32_t relation, instr_time begin) {
	instr_time passed;
	INSTR_TIME_SET_CURRENT(passed);
	INSTR_TIME_SUBTRACT(passed, begin);
	if (Meter *const meter = meter_of(relation, true)) {
		pg_atomic_fetch_add_u64(&meter->nanoseconds, static_cast<std::int64_t>(INSTR_TIME_GET_DOUBLE(passed) * 1e9));
		pg_atomic_fetch_add_u64(&meter->calls, 1);
	}
}

Times times_of(std::int32_t relation) {
	Meter *const meter = meters == nullptr ? nullptr : meter_of(relation, false);
	const std::uint64_t calls = meter == nullptr ? 0 : pg_atomic_read_u64(&meter->calls);
	if (calls == 0) {
		return {0, 0};
	}
	return {static_cast<std::int64_t>(calls),
	        static_cast<double>(pg_atomic_read_u64(&meter->nanoseconds)) / 1000 / static_cast<double>(calls)};
}

bool has_stopwatch() {
	return meters != nullptr;
}

void init_stopwatch() {
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}

} // namespace warden::audit
