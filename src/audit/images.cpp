#include "audit/images.hpp"

extern "C" {
#include "executor/tuptable.h"
}

namespace warden::audit {

// All of this is server code.

namespace {

// Column i of the selection, or of all.
std::size_t column_at(const std::size_t *selection, std::size_t i) {
	return selection == nullptr ? i : selection[i];
}

Jsonb *columns_of(const CapturePlan &plan, TupleTableSlot *row, const std::size_t *selection, std::size_t count,
                  bool &is_cut) {
	slot_getsomeattrs(row, plan.last);
	auto *const members = static_cast<Member *>(palloc(sizeof(Member) * (count + 1)));
	Writing writing = begin_writing();
	for (;;) {
		for (std::size_t i = 0; i < count; ++i) {
			const Column &column = plan.columns[column_at(selection, i)];
			const int n = column.number - 1;
			members[i].key = column.name;
			members[i].value = row->tts_isnull[n] ? Item{} : encode(column.encoder, row->tts_values[n], writing);
		}
		if (room_for_object(members, count) <= most_json_bytes) {
			break;
		}
		// Many long values together are more than JSON can hold: a row is logged all the same.
		writing.most /= 2;
	}
	end_writing(writing);
	is_cut = is_cut || writing.is_cut;
	return json_of(members, count);
}

bool differ(const Column &column, TupleTableSlot *before, TupleTableSlot *after) {
	const int n = column.number - 1;
	if (before->tts_isnull[n] || after->tts_isnull[n]) {
		return before->tts_isnull[n] != after->tts_isnull[n];
	}
	return !are_identical(before->tts_values[n], after->tts_values[n], column.by_value, column.length);
}

} // namespace

Jsonb *json_of(const Member *members, std::size_t count) {
	auto *const json = static_cast<Jsonb *>(palloc(VARHDRSZ + room_for_object(members, count)));
	const std::size_t size = write_object(reinterpret_cast<char *>(&json->root), members, count);
	SET_VARSIZE(json, VARHDRSZ + size);
	return json;
}

Jsonb *image_of(const CapturePlan &plan, TupleTableSlot *row, bool &is_cut) {
	return columns_of(plan, row, nullptr, plan.count, is_cut);
}

Jsonb *key_of(const CapturePlan &plan, TupleTableSlot *row) {
	bool is_cut = false;
	return columns_of(plan, row, plan.key, plan.keys, is_cut);
}

ChangedColumns change_between(const CapturePlan &plan, TupleTableSlot *before, TupleTableSlot *after) {
	slot_getsomeattrs(before, plan.last);
	slot_getsomeattrs(after, plan.last);
	ChangedColumns change{0, false, static_cast<std::size_t *>(palloc(sizeof(std::size_t) * (plan.count + 1)))};
	std::size_t key = 0;
	for (std::size_t i = 0; i < plan.count; ++i) {
		const bool is_key = key < plan.keys && plan.key[key] == i;
		key += is_key ? 1 : 0;
		if (differ(plan.columns[i], before, after)) {
			change.columns[change.count++] = i;
			change.of_key = change.of_key || is_key;
		}
	}
	return change;
}

Jsonb *part_of(const CapturePlan &plan, TupleTableSlot *row, const ChangedColumns &change, bool &is_cut) {
	return columns_of(plan, row, change.columns, change.count, is_cut);
}

} // namespace warden::audit
