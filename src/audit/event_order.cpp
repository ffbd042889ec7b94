#include "audit/event_order.hpp"

#include "audit/incarnation.hpp"

#include <algorithm>

extern "C" {
#include "access/htup_details.h"
#include "access/xact.h"
#include "utils/memutils.h"
}

namespace warden::audit {

namespace {

// All of this is server code.

/// The first event since the transaction was at a command, and how far the numbers before it are free.
struct First {
	CommandId command;
	std::int64_t floor;
	std::int64_t id; ///< the least that was given out
};

// In the order of the commands, of one transaction.  Few of its statements are still under way, the last ones.
constexpr std::size_t most_firsts = 16384;
constinit First *firsts = nullptr;
constinit std::size_t count = 0;
constinit std::size_t room = 0;
constinit std::int64_t current_transaction = 0;

constexpr std::int64_t alignment = 8; // of positions in the write-ahead log: what is between them, nobody else has

void make_room() {
	if (count < room) {
		return;
	}
	if (room == most_firsts) {
		std::copy(firsts + count / 2, firsts + count, firsts);
		count -= count / 2;
		return;
	}
	const std::size_t more = room == 0 ? 64 : 2 * room;
	firsts = static_cast<First *>(firsts == nullptr ? MemoryContextAlloc(TopMemoryContext, more * sizeof(First))
	                                                : repalloc(firsts, more * sizeof(First)));
	room = more;
}

void note_event(std::int64_t floor, std::int64_t id) {
	const CommandId command = GetCurrentCommandId(true);
	if (count == 0 || firsts[count - 1].command < command) {
		make_room();
		firsts[count++] = {command, floor, id};
	}
}

// 0 if there is none.
std::int64_t id_before(CommandId command) {
	First *const end = firsts + count;
	First *const first =
		std::lower_bound(firsts, end, command, [](const First &a, CommandId b) { return a.command < b; });
	if (first == end) {
		return 0; // its event is yet to come
	}
	const std::int64_t id = first->id - ((first->id - 1) % alignment == 0 ? 2 : 1);
	if (id <= first->floor) {
		return 0;
	}
	first->id = id;
	return id;
}

} // namespace

CommandId overtaking_command(TupleTableSlot *row) {
	if (!TTS_IS_BUFFERTUPLE(row) && !TTS_IS_HEAPTUPLE(row)) {
		return InvalidCommandId;
	}
	const HeapTuple tuple = reinterpret_cast<HeapTupleTableSlot *>(row)->tuple;
	if (tuple == nullptr || (tuple->t_data->t_infomask & HEAP_XMAX_INVALID) != 0 ||
	    HEAP_XMAX_IS_LOCKED_ONLY(tuple->t_data->t_infomask) ||
	    !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(tuple->t_data))) {
		return InvalidCommandId;
	}
	return HeapTupleHeaderGetCmax(tuple->t_data);
}

std::int64_t event_id(CommandId overtaken_by) {
	const std::int64_t transaction = transaction_id();
	if (transaction != current_transaction) {
		current_transaction = transaction;
		count = 0;
	}
	const std::int64_t early = overtaken_by == InvalidCommandId ? 0 : id_before(overtaken_by);
	if (early != 0) {
		return early;
	}
	const std::int64_t floor = latest_id();
	const std::int64_t id = next_id();
	note_event(floor, id);
	return id;
}

} // namespace warden::audit
