#include "advice/index_sample.hpp"

#include "advice/entry_maker.hpp"
#include "advice/value_statistics.hpp"

#include "bloat/heap_page.hpp"
#include "bloat/page_reader.hpp"
#include "bloat/sample_draw.hpp"
#include "bloat/stored_values.hpp"
#include "bloat/tuple_fate.hpp"

#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "portability/instr_time.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
}

namespace warden::advice {

using namespace pg;

using bloat::Fate;
using bloat::Fates;
using bloat::PageReader;

namespace {

constexpr double wanted_rows = 30'000;
constexpr double least_pages = 150;
constexpr double most_pages = 1000;
constexpr double most_in_time = 200'000;     // pages that could be read at the very best
constexpr std::size_t least_of_slow = 10;    // pages, however long they take
constexpr double most_milliseconds = 400;    // for expressions that take their time
constexpr Size most_bytes_kept = 32U << 20U; // of their values

/// A value of an expression.
struct KeptValue {
	Datum value;
	bool is_null;
	std::uint32_t page;
};

/// Plain, in server memory.
struct Collector {
	MemoryContext memory; ///< of all of it
	PageReader reader;
	Fates fates;
	EntryMaker *maker;
	BlockNumber block;
	double pages;
	double rows;
	double held;
	SeenKey *keys;
	std::size_t key_count;
	std::size_t key_room;
	KeptValue *values[INDEX_MAX_KEYS]; ///< of each key that is an expression
	std::size_t value_count;
	std::size_t value_room;
	Size value_bytes;
};

// Server code ---------------------------------------------------------------------------------------------------------

template <class T>
T *grown(MemoryContext memory, T *array, std::size_t room) {
	const Size size = room * sizeof(T);
	return static_cast<T *>(array == nullptr ? MemoryContextAllocHuge(memory, size) : repalloc_huge(array, size));
}

void add_key(void *context, std::uint64_t hash, std::uint32_t size) {
	auto *const collector = static_cast<Collector *>(context);
	if (collector->key_count == collector->key_room) {
		collector->key_room = Max(collector->key_room * 2, 4096);
		collector->keys = grown(collector->memory, collector->keys, collector->key_room);
	}
	collector->keys[collector->key_count++] = {.hash = hash, .page = collector->block, .size = size};
}

bool is_expression(const EntryMaker *maker, int i) {
	return maker->info->ii_IndexAttrNumbers[i] == 0;
}

void keep_values(Collector *collector) {
	EntryMaker *const maker = collector->maker;
	if (collector->value_bytes > most_bytes_kept) {
		return;
	}
	if (collector->value_count == collector->value_room) {
		collector->value_room = Max(collector->value_room * 2, 4096);
		for (int i = 0; i < maker->keys; ++i) {
			if (is_expression(maker, i)) {
				collector->values[i] = grown(collector->memory, collector->values[i], collector->value_room);
			}
		}
	}
	for (int i = 0; i < maker->keys; ++i) {
		if (!is_expression(maker, i)) {
			continue;
		}
		KeptValue kept{.value = 0, .is_null = maker->nulls[i], .page = collector->block};
		if (!kept.is_null) {
			int16 length = 0;
			bool is_by_value = false;
			get_typlenbyval(maker->types[i].given, &length, &is_by_value);
			kept.value = datumCopy(maker->values[i], is_by_value, length);
			collector->value_bytes += is_by_value ? sizeof(Datum) : datumGetSize(kept.value, false, length);
		}
		collector->values[i][collector->value_count] = kept;
	}
	++collector->value_count;
}

void look_at_page(Collector *collector, Page page, Relation table) {
	const OffsetNumber last = PageIsNew(page) ? 0 : PageGetMaxOffsetNumber(page);
	for (OffsetNumber i = FirstOffsetNumber; i <= last; ++i) {
		const ItemId item = PageGetItemId(page, i);
		if (!ItemIdIsNormal(item) || ItemIdGetOffset(item) + ItemIdGetLength(item) > BLCKSZ) {
			continue;
		}
		auto *const header = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
		const std::uint32_t length = ItemIdGetLength(item);
		if (!bloat::has_sound_header(header, length) || collector->fates.of(header) != Fate::Kept ||
		    !bloat::has_sound_values(header, length, RelationGetDescr(table))) {
			continue;
		}
		HeapTupleData row{};
		row.t_len = length;
		row.t_data = header;
		row.t_tableOid = RelationGetRelid(table);
		ItemPointerSet(&row.t_self, collector->block, i);
		++collector->rows;
		if (take_row(collector->maker, &row)) {
			++collector->held;
			make_entries(collector->maker, add_key, collector);
			keep_values(collector);
		}
	}
}

double milliseconds_since(instr_time begin) {
	instr_time now;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, begin);
	return INSTR_TIME_GET_MILLISEC(now);
}

/// Pages in the order in which they were drawn, so that those that were read until it is late are a sample too.
Collector *collect(const IndexShape &shape, Relation table, const std::uint32_t *blocks, std::size_t count) {
	auto *const collector = static_cast<Collector *>(palloc0(sizeof(Collector)));
	collector->memory = CurrentMemoryContext;
	collector->fates = Fates(bloat::horizon_of(table));
	collector->maker = make_entry_maker(shape, table);
	collector->reader = bloat::begin_reading(table, 0);
	const auto ahead = static_cast<std::size_t>(Max(0, bloat::prefetch_distance(collector->reader)));
	instr_time begin;
	INSTR_TIME_SET_CURRENT(begin);
	for (std::size_t i = 0; i < count; ++i) {
		if (i + ahead < count) {
			bloat::prefetch_page(collector->reader, blocks[i + ahead]);
		}
		collector->block = blocks[i];
		look_at_page(collector, bloat::read_page(collector->reader, blocks[i]), table);
		++collector->pages;
		if (i >= least_of_slow && milliseconds_since(begin) > most_milliseconds) {
			break;
		}
	}
	bloat::end_reading(collector->reader);
	return collector;
}

int compare_pages(const void *left, const void *right) {
	const auto a = static_cast<const KeptValue *>(left)->page;
	const auto b = static_cast<const KeptValue *>(right)->page;
	return a < b ? -1 : (a > b ? 1 : 0);
}

/// The values of an expression, as those of an index are analyzed; nullptr if there is nothing to be said.
HeapTuple analyze(const Collector *collector, int i, double index_rows, double distinct) {
	const auto count = static_cast<int>(collector->value_count);
	qsort(collector->values[i], collector->value_count, sizeof(KeptValue), compare_pages);
	const EntryMaker *const maker = collector->maker;
	const SampledValues values{.type = maker->types[i].given,
	                           .typmod = maker->types[i].given_typmod,
	                           .collation = maker->types[i].collation,
	                           .values = static_cast<Datum *>(palloc(sizeof(Datum) * (count + 1))),
	                           .nulls = static_cast<bool *>(palloc(sizeof(bool) * (count + 1))),
	                           .count = count,
	                           .rows = index_rows,
	                           .distinct = distinct};
	for (int row = 0; row < count; ++row) {
		values.values[row] = collector->values[i][row].value;
		values.nulls[row] = collector->values[i][row].is_null;
	}
	return analyze_values(values);
}

/// What of a value is to be counted by.
std::uint64_t hash_of_value(const Collector *collector, int i, std::size_t row) {
	int16 length = 0;
	bool is_by_value = false;
	get_typlenbyval(collector->maker->types[i].given, &length, &is_by_value);
	return hash_of(collector->values[i][row].value, is_by_value, length);
}

// C++ -----------------------------------------------------------------------------------------------------------------

double distinct_values(const Collector *collector, int i, double times) {
	std::vector<SeenKey> seen;
	for (std::size_t row = 0; row < collector->value_count; ++row) {
		const KeptValue &kept = collector->values[i][row];
		if (!kept.is_null) {
			const auto hash = call([&] { return hash_of_value(collector, i, row); });
			seen.push_back({.hash = hash, .page = kept.page, .size = 0});
		}
	}
	return estimate_population(std::move(seen), times).keys();
}

void add_statistics(IndexSample &sample, const Collector *collector, double times) {
	const EntryMaker *const maker = collector->maker;
	for (int i = 0; i < maker->keys; ++i) {
		std::string row;
		if (is_expression(maker, i) && collector->value_count > 0) {
			const double distinct = distinct_values(collector, i, times);
			const double rows = collector->held * times;
			const HeapTuple tuple = call([&] { return analyze(collector, i, rows, distinct); });
			if (tuple != nullptr) {
				row.assign(reinterpret_cast<const char *>(tuple->t_data), tuple->t_len);
			}
		}
		sample.statistics.push_back(std::move(row));
	}
}

std::vector<std::uint32_t> draw_pages(double table_pages, double table_rows, SampleExtent extent) {
	const double needed = wanted_rows * table_pages / std::max(table_rows, 1.0);
	const double wanted = extent == SampleExtent::Most ? std::min(table_pages, most_in_time)
	                                                   : std::clamp(needed, least_pages, most_pages);
	bloat::RandomNumbers numbers(1);
	return bloat::draw(numbers, static_cast<std::uint32_t>(table_pages), static_cast<std::uint64_t>(wanted));
}

} // namespace

IndexSample sample_index(const IndexShape &shape, Relation table, double table_pages, double table_rows,
                         SampleExtent extent) {
	const ScratchMemory memory;
	const std::vector<std::uint32_t> blocks = draw_pages(table_pages, table_rows, extent);
	IndexSample sample;
	const auto error = try_out([&] {
		const AsReadingOwner as(table->rd_rel->relowner);
		const SnapshotScope snapshot;
		Collector *const found = call([&] { return collect(shape, table, blocks.data(), blocks.size()); });
		sample.pages = found->pages;
		sample.rows = found->rows;
		sample.held = found->held;
		sample.keys.assign(found->keys, found->keys + found->key_count);
		add_statistics(sample, found, table_pages / std::max(found->pages, 1.0));
		call([&] { end_entry_maker(found->maker); });
	});
	if (error) {
		const std::string state = call([&] { return static_cast<const char *>(unpack_sql_state(error->sqlstate)); });
		sample.obstacle = error->message + " (SQLSTATE " + state + ")";
	}
	return sample;
}

} // namespace warden::advice
