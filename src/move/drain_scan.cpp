#include "move/drain_scan.hpp"

#include <array>

extern "C" {
#include "access/heapam.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"
}

namespace warden::move {

using namespace pg;
using partition::Key;
using partition::Notation;

namespace {

constexpr std::size_t batch_size = 256;

// Server code.  The key of the moment that is not after it.
Datum rounded_down(Datum datum, Oid type, Notation notation) {
	switch (type) {
	case NUMERICOID:
		return DirectFunctionCall1(numeric_floor, datum);
	case UUIDOID: {
		auto *const uuid = static_cast<pg_uuid_t *>(palloc0(sizeof(pg_uuid_t)));
		memcpy(uuid->data, DatumGetUUIDP(datum)->data, 6); // the milliseconds
		return UUIDPGetDatum(uuid);
	}
	case TEXTOID:
	case VARCHAROID: {
		const text *const value = DatumGetTextPP(datum);
		const auto length = VARSIZE_ANY_EXHDR(value);
		return PointerGetDatum(
			cstring_to_text_with_len(VARDATA_ANY(value), static_cast<int>(length < 10 ? length : 10)));
	}
	default:
		if (notation == Notation::UnixNanoseconds) {
			const int64 key = DatumGetInt64(datum);
			return Int64GetDatum(key - floor_modulo(key, 1000));
		}
		return datum;
	}
}

/// A table being read from its beginning to its end.
class Reading : Scoped {
public:
	Reading(Oid table, const std::string &column) : snapshot_(GetLatestSnapshot), relation_(table, NoLock) {
		const char *const name = column.c_str();
		number_ = call([&] { return get_attnum(RelationGetRelid(relation_.get()), name); });
		call([&] {
			slot_ = table_slot_create(relation_.get(), nullptr);
			scan_ = table_beginscan(relation_.get(), GetActiveSnapshot(), 0, nullptr);
			memory_ = AllocSetContextCreate(CurrentMemoryContext, "warden keys", ALLOCSET_DEFAULT_SIZES);
		});
	}
	~Reading() {
		release([this] {
			table_endscan(scan_);
			ExecDropSingleTupleTableSlot(slot_);
			MemoryContextDelete(memory_);
		});
	}

	/// Hands the next keys to server code; how many there were.  What it allocates lasts until the next call.
	template <class F>
	std::size_t next(F &&take) {
		return call([&] {
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(memory_);
			const MemoryContext context = MemoryContextSwitchTo(memory_);
			std::size_t count = 0;
			while (count < batch_size && !is_at_end_) {
				if (!table_scan_getnextslot(scan_, ForwardScanDirection, slot_)) {
					is_at_end_ = true; // the next call would begin anew
					break;
				}
				bool is_null = false;
				const Datum key = slot_getattr(slot_, number_, &is_null);
				take(count++, key, is_null);
			}
			MemoryContextSwitchTo(context);
			return count;
		});
	}

private:
	const SnapshotScope snapshot_;
	const OpenRelation relation_;
	AttrNumber number_ = InvalidAttrNumber;
	TupleTableSlot *slot_ = nullptr;
	TableScanDesc scan_ = nullptr;
	MemoryContext memory_ = nullptr;
	bool is_at_end_ = false;
};

} // namespace

void scan_moments(Oid table, const Key &key, const std::function<void(const KeyMoments &)> &visit) {
	Reading reading(table, key.column);
	std::array<KeyMoments, batch_size> batch;
	const auto take = [&](std::size_t i, Datum datum, bool is_null) {
		batch[i] = {.is_null = is_null};
		if (!is_null) {
			batch[i].before =
				partition::moment_of_key(rounded_down(datum, key.type, key.notation), key.type, key.notation);
			batch[i].after = partition::moment_of_key(datum, key.type, key.notation);
		}
	};
	while (const std::size_t count = reading.next(take)) {
		for (std::size_t i = 0; i < count; ++i) {
			visit(batch[i]);
		}
	}
}

void scan_texts(Oid table, const std::string &column, const std::function<void(const char *)> &visit) {
	Oid output = InvalidOid;
	const char *const name = column.c_str();
	call([&] {
		bool is_varlena = false;
		getTypeOutputInfo(get_atttype(table, get_attnum(table, name)), &output, &is_varlena);
	});
	Reading reading(table, column);
	std::array<const char *, batch_size> batch{};
	const auto take = [&](std::size_t i, Datum datum, bool is_null) {
		batch[i] = is_null ? nullptr : OidOutputFunctionCall(output, datum);
	};
	while (const std::size_t count = reading.next(take)) {
		for (std::size_t i = 0; i < count; ++i) {
			visit(batch[i]);
		}
	}
}

} // namespace warden::move
