#include "move/keys_aside.hpp"

#include "move/key_clones.hpp"
#include "pg/call.hpp"

#include <algorithm>

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
}

namespace warden::move {

using namespace pg;

namespace {

Form_pg_constraint form_of(HeapTuple key) {
	return reinterpret_cast<Form_pg_constraint>(GETSTRUCT(key));
}

/// Whether a key is part of another one: that of a partition at the other end, whose whole is cloned.
bool is_part(HeapTuple key, const std::vector<HeapTuple> &of) {
	return std::ranges::any_of(of, [&](HeapTuple whole) { return form_of(whole)->oid == form_of(key)->conparentid; });
}

std::vector<HeapTuple> wholes(const std::vector<HeapTuple> &keys) {
	std::vector<HeapTuple> wholes;
	std::ranges::copy_if(keys, std::back_inserter(wholes), [&](HeapTuple key) { return !is_part(key, keys); });
	// Triggers fire by name, which has a number that grows: in the same order for a partition as for the table.
	std::ranges::sort(wholes, {}, [](HeapTuple key) { return form_of(key)->oid; });
	return wholes;
}

std::vector<HeapTuple> keys_by(const std::vector<HeapTuple> &keys, Oid FormData_pg_constraint::*end, Oid table) {
	std::vector<HeapTuple> found;
	std::ranges::copy_if(keys, std::back_inserter(found), [&](HeapTuple key) { return form_of(key)->*end == table; });
	return found;
}

} // namespace

ForeignKeysAside::ForeignKeysAside(Oid table) : table_(table) {
	const KeyRows keys = call(read_keys, table);
	rows_.assign(keys.rows, keys.rows + keys.count);
	for (const HeapTuple key : rows_) {
		call(delete_key, key);
	}
}

void ForeignKeysAside::put_back(const std::vector<Side> &partitions) const {
	for (const HeapTuple key : rows_) {
		call(insert_key, key);
	}
	// A key of the table to itself is both.
	for (const HeapTuple key : wholes(keys_by(rows_, &FormData_pg_constraint::conrelid, table_))) {
		for (const Side &side : partitions) {
			call(clone_referring, key, side.relation);
		}
	}
	for (const HeapTuple key : wholes(keys_by(rows_, &FormData_pg_constraint::confrelid, table_))) {
		int number = 0;
		for (const Side &side : partitions) {
			call(clone_referenced, key, side.relation, &number);
		}
	}
}

void drop_reference_clones(Oid partition) {
	call(delete_referenced_clones, partition);
}

} // namespace warden::move
