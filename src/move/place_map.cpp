// place_map.cpp - The table of the map, read and written directly: once a block, not once a row.
#include "move/place_map.hpp"

#include "move/job_table.hpp"

#include "pg/names.hpp"
#include "pg/primary_key.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;

struct PlaceMap::State {
	Relation table;
	Oid index;
	CatalogIndexState indexes;
};

namespace {

enum Column : AttrNumber { SourceNumber = 1, Block, Places };
constexpr int columns = Places;

// A source that is none: its blocks are the numbers of sides, and what is there is a side's storage.
constexpr std::int16_t of_sides = -1;
constexpr std::uint16_t only = 1;

// Server code.
struct Packed {
	const std::byte *bytes;
	std::size_t size;
};

// Server code.  What has changed in this very command is seen as well: nobody else writes here.
SysScanDesc begin_scan(Relation table, Oid index, std::int16_t source, std::uint32_t block) {
	ScanKeyData keys[2];
	ScanKeyInit(&keys[0], SourceNumber, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(source));
	ScanKeyInit(&keys[1], Block, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(std::int64_t{block}));
	return systable_beginscan(table, index, true, SnapshotSelf, lengthof(keys), keys);
}

// Server code.  In the current memory; null if there is nothing.
Packed read_row(Relation table, Oid index, std::int16_t source, std::uint32_t block) {
	const SysScanDesc scan = begin_scan(table, index, source, block);
	Packed packed = {nullptr, 0};
	if (const HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple)) {
		bool is_null = false;
		const Datum datum = heap_getattr(tuple, Places, RelationGetDescr(table), &is_null);
		const bytea *const bytes = DatumGetByteaPCopy(datum);
		packed = {reinterpret_cast<const std::byte *>(VARDATA_ANY(bytes)), VARSIZE_ANY_EXHDR(bytes)};
	}
	systable_endscan(scan);
	return packed;
}

// Server code.
HeapTuple form_row(Relation table, std::int16_t source, std::uint32_t block, const Packed &packed) {
	auto *const bytes = static_cast<bytea *>(palloc(VARHDRSZ + packed.size));
	SET_VARSIZE(bytes, VARHDRSZ + packed.size);
	memcpy(VARDATA(bytes), packed.bytes, packed.size);
	Datum values[columns] = {Int16GetDatum(source), Int64GetDatum(std::int64_t{block}), PointerGetDatum(bytes)};
	bool nulls[columns] = {};
	return heap_form_tuple(RelationGetDescr(table), values, nulls);
}

// Server code.  Nothing packed: the row goes.
void write_row(Relation table, Oid index, CatalogIndexState indexes, std::int16_t source, std::uint32_t block,
               const Packed &packed) {
	const SysScanDesc scan = begin_scan(table, index, source, block);
	const HeapTuple before = systable_getnext(scan);
	if (packed.size > 0) {
		const HeapTuple tuple = form_row(table, source, block, packed);
		if (HeapTupleIsValid(before)) {
			CatalogTupleUpdateWithInfo(table, &before->t_self, tuple, indexes);
		} else {
			CatalogTupleInsertWithInfo(table, tuple, indexes);
		}
	} else if (HeapTupleIsValid(before)) {
		CatalogTupleDelete(table, &before->t_self);
	}
	systable_endscan(scan);
	CHECK_FOR_INTERRUPTS();
}

// Server code.
Oid filenode_of(Oid oid) {
	const Relation relation = try_relation_open(oid, RowExclusiveLock);
	if (relation == nullptr) {
		return InvalidOid;
	}
	const Oid filenode = relation->rd_rel->relfilenode;
	relation_close(relation, NoLock);
	return filenode;
}

} // namespace

Oid create_map(std::int64_t job) {
	const std::string name = format("partition_move_map_%lld", static_cast<long long>(job));
	const Oid map = create_job_table(
		name,
		"(source smallint, block bigint, places bytea NOT NULL, PRIMARY KEY (source, block)) WITH (fillfactor = 80)");
	// A block of rows in random order is beyond what is stored in the row; and is to be, for it is changed in place.
	const AsExtension extension;
	Spi spi;
	spi.execute(("ALTER TABLE warden." + name + " ALTER COLUMN places SET STORAGE PLAIN").c_str());
	return map;
}

PlaceMap::PlaceMap(Oid map)
	: state_(call([&] {
		  auto *const state = static_cast<State *>(palloc(sizeof(State)));
		  state->table = table_open(map, RowExclusiveLock);
		  state->index = pg::primary_key_index(state->table);
		  state->indexes = CatalogOpenIndexes(state->table);
		  return state;
	  })) {}

PlaceMap::~PlaceMap() {
	release([this] {
		CatalogCloseIndexes(state_->indexes);
		table_close(state_->table, NoLock);
		pfree(state_);
	});
}

RowPlaces PlaceMap::read(std::int16_t source, std::uint32_t block) {
	const ScratchMemory memory;
	const Packed packed = call(read_row, state_->table, state_->index, source, block);
	auto places = RowPlaces::unpack({packed.bytes, packed.size});
	if (!places) {
		throw Error(ERRCODE_DATA_CORRUPTED,
		            format("the map of a move is damaged at block %u of source %d", block, source))
			.with_hint("Use warden.partition_cancel(), and begin again.");
	}
	return std::move(*places);
}

void PlaceMap::write(std::int16_t source, std::uint32_t block, const RowPlaces &places) {
	const ScratchMemory memory;
	const std::vector<std::byte> bytes = places.pack();
	call(write_row, state_->table, state_->index, state_->indexes, source, block, Packed{bytes.data(), bytes.size()});
}

void PlaceMap::check_storage(const std::vector<Side> &sides) {
	for (const Side &side : sides) {
		const auto number = static_cast<std::uint32_t>(side.number);
		const Oid filenode = call(filenode_of, side.relation);
		const std::optional<Copy> known = read(of_sides, number).find(only);
		if (!OidIsValid(filenode) || (known && known->block != filenode)) {
			throw Error(errcode_begin_anew, "a table that rows were copied into has been rewritten or dropped");
		}
		if (!known) {
			RowPlaces storage;
			storage.put(only, {side.number, filenode, only});
			write(of_sides, number, storage);
		}
	}
}

} // namespace warden::move
