#include "bloat/heap_order.hpp"

namespace warden::bloat {

namespace {

/// A version of a row that comes from an update: by whom, and where it is.
struct Version {
	TransactionId transaction;
	ItemPointerData place;
	uint16 padding; ///< the key of a hash table is all of its bytes
};

Version make_version(TransactionId transaction, const ItemPointerData &place) {
	return {.transaction = transaction, .place = place, .padding = 0};
}

struct Tuple {
	ItemPointerData place;
	std::uint16_t length;
	TransactionId updater; ///< who has made it of one that is kept too, or 0
};

struct Held {
	Version successor;
	Tuple tuple;
};

HTAB *make_table(const char *name, Size entry) {
	HASHCTL control{};
	control.keysize = sizeof(Version);
	control.entrysize = entry;
	control.hcxt = CurrentMemoryContext;
	return hash_create(name, 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

// A rewrite remembers all of them, however many; what we are about is not worth that.
bool has_room(const HeapOrder &order) {
	constexpr Size overhead = 32; // of the table, for each
	const Size held = static_cast<Size>(hash_get_num_entries(order.held)) * (sizeof(Held) + overhead);
	const Size written = static_cast<Size>(hash_get_num_entries(order.written)) * (sizeof(Version) + overhead);
	return held + written < static_cast<Size>(maintenance_work_mem) * 1024;
}

void write(HeapOrder &order, Tuple tuple) {
	for (;;) {
		order.packing->add(tuple.length);
		if (!TransactionIdIsValid(tuple.updater)) {
			return;
		}
		const Version version = make_version(tuple.updater, tuple.place);
		const auto *const held = static_cast<const Held *>(hash_search(order.held, &version, HASH_FIND, nullptr));
		if (held == nullptr) {
			if (has_room(order)) {
				hash_search(order.written, &version, HASH_ENTER, nullptr);
			}
			return;
		}
		tuple = held->tuple;
		hash_search(order.held, &version, HASH_REMOVE, nullptr);
	}
}

void add(HeapOrder &order, HeapTupleHeader header, const Tuple &tuple, bool is_blocked) {
	const bool has_successor = is_blocked && has_room(order) && !HeapTupleHeaderIndicatesMovedPartitions(header) &&
	                           !ItemPointerEquals(&header->t_ctid, const_cast<ItemPointer>(&tuple.place));
	if (has_successor) {
		const Version successor = make_version(HeapTupleHeaderGetUpdateXid(header), header->t_ctid);
		bool was_written = false;
		hash_search(order.written, &successor, HASH_REMOVE, &was_written);
		if (!was_written) {
			static_cast<Held *>(hash_search(order.held, &successor, HASH_ENTER, nullptr))->tuple = tuple;
			return;
		}
	}
	write(order, tuple);
}

} // namespace

HeapOrder begin_order(TransactionId horizon, HeapPacking &packing) {
	return {.horizon = horizon,
	        .packing = &packing,
	        .held = make_table("warden held", sizeof(Held)),
	        .written = make_table("warden written", sizeof(Version))};
}

void add_in_order(HeapOrder &order, Page page, BlockNumber block, const HeapPage &found) {
	if (found.recent == 0) {
		for (int i = 0; i < found.kept; ++i) {
			order.packing->add(found.lengths[i]);
		}
		return;
	}
	for (int i = 0; i < found.kept; ++i) {
		const OffsetNumber item = found.items[i];
		const auto header = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, PageGetItemId(page, item)));
		Tuple tuple{.place = {}, .length = found.lengths[i], .updater = InvalidTransactionId};
		ItemPointerSet(&tuple.place, block, item);
		if (is_recent_version(header, order.horizon)) {
			tuple.updater = HeapTupleHeaderGetRawXmin(header);
		}
		add(order, header, tuple, found.is_blocked[i]);
	}
}

void finish_order(HeapOrder &order) {
	HASH_SEQ_STATUS scan;
	hash_seq_init(&scan, order.held);
	while (const auto *const held = static_cast<const Held *>(hash_seq_search(&scan))) {
		order.packing->add(held->tuple.length);
	}
	hash_destroy(order.held);
	hash_destroy(order.written);
}

} // namespace warden::bloat
