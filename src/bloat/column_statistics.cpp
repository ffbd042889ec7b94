#include "bloat/column_statistics.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

constexpr std::int16_t of_variable_length = -1;
constexpr std::int16_t a_cstring = -2;

/// Some values, of which the lengths were taken; in the current memory context.
struct Values {
	int count;
	const std::uint32_t *lengths;
	const float *frequencies; ///< or null
};

struct Statistics {
	bool exist;
	double null_fraction;
	double mean_length; ///< without its fraction
	double distinct;
	Values common;
	Values others;
};

// The following is server code.

std::uint32_t alignment_of(char alignment) {
	switch (alignment) {
	case TYPALIGN_CHAR:
		return 1;
	case TYPALIGN_SHORT:
		return 2;
	case TYPALIGN_INT:
		return 4;
	default:
		return 8;
	}
}

/// Of a value in memory, as it would be stored if nothing was compressed or moved out.
std::uint32_t stored_length(Datum value, Oid type, const StoredColumn &stored) {
	if (stored.length == a_cstring) {
		const char *const string = type == NAMEOID ? NameStr(*DatumGetName(value)) : DatumGetCString(value);
		return static_cast<std::uint32_t>(strlen(string)) + 1;
	}
	const auto data = static_cast<std::uint32_t>(VARSIZE_ANY_EXHDR(DatumGetPointer(value)));
	const bool is_short = stored.storage != TYPSTORAGE_PLAIN && data + VARHDRSZ_SHORT <= VARATT_SHORT_MAX;
	return data + (is_short ? VARHDRSZ_SHORT : VARHDRSZ);
}

Values read_values(HeapTuple tuple, int kind, const StoredColumn &stored) {
	const int parts = ATTSTATSSLOT_VALUES | (kind == STATISTIC_KIND_MCV ? ATTSTATSSLOT_NUMBERS : 0);
	AttStatsSlot slot;
	if (!get_attstatsslot(&slot, tuple, kind, InvalidOid, parts)) {
		return {};
	}
	Values values{slot.nvalues, nullptr, nullptr};
	if (stored.length < 0) {
		auto *const lengths = static_cast<std::uint32_t *>(palloc(sizeof(std::uint32_t) * (slot.nvalues + 1)));
		for (int i = 0; i < slot.nvalues; ++i) {
			lengths[i] = stored_length(slot.values[i], slot.valuetype, stored);
		}
		values.lengths = lengths;
	}
	if (kind == STATISTIC_KIND_MCV && slot.nnumbers == slot.nvalues) {
		auto *const frequencies = static_cast<float *>(palloc(sizeof(float) * (slot.nvalues + 1)));
		memcpy(frequencies, slot.numbers, sizeof(float) * slot.nvalues);
		values.frequencies = frequencies;
	}
	free_attstatsslot(&slot);
	return values;
}

Statistics read(Oid relation, AttrNumber column, const StoredColumn &stored) {
	Statistics found{};
	const HeapTuple tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relation), Int16GetDatum(column), false);
	if (!HeapTupleIsValid(tuple)) {
		return found;
	}
	const auto *const row = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(tuple));
	found.exist = true;
	found.null_fraction = row->stanullfrac;
	found.mean_length = row->stawidth;
	found.distinct = row->stadistinct;
	found.common = read_values(tuple, STATISTIC_KIND_MCV, stored);
	found.others = read_values(tuple, STATISTIC_KIND_HISTOGRAM, stored);
	ReleaseSysCache(tuple);
	return found;
}

// C++ code.

KnownLengths known_lengths(const Statistics &found, const StoredColumn &stored) {
	// The mean is that of values in rows and in memory, where a name has its fixed length.
	const bool is_mean_right = stored.length == of_variable_length && !stored.is_made_up;
	KnownLengths known{
		.lengths = {}, .shares = {}, .mean = is_mean_right ? std::optional(found.mean_length) : std::nullopt};
	double rest = 1 - found.null_fraction;
	for (int i = 0; i < found.common.count; ++i) {
		const double share = found.common.frequencies != nullptr ? found.common.frequencies[i] : 0;
		known.lengths.push_back(found.common.lengths[i]);
		known.shares.push_back(share);
		rest -= share;
	}
	for (int i = 0; i < found.others.count; ++i) {
		known.lengths.push_back(found.others.lengths[i]);
		known.shares.push_back(std::max(0.0, rest) / found.others.count);
	}
	return known;
}

} // namespace

std::optional<ColumnStatistics> read_statistics(Oid relation, AttrNumber column, const StoredColumn &stored) {
	ColumnStatistics result{
		.width = {.null_fraction = stored.is_always_null ? 1.0 : 0.0,
	              .alignment = alignment_of(stored.alignment),
	              .is_packable = stored.length == of_variable_length && stored.storage != TYPSTORAGE_PLAIN,
	              .lengths = {static_cast<std::uint32_t>(std::max<std::int16_t>(stored.length, 1))}},
		.distinct = 0,
		.frequencies = {},
		.is_spread_known = true,
		.longest = 0};
	if (stored.is_always_null) {
		return result; // a rewrite makes it null
	}
	const Statistics found = call([&] { return read(relation, column, stored); });
	if (!found.exist) {
		return stored.length > 0 && stored.is_never_null ? std::optional(result) : std::nullopt;
	}
	result.width.null_fraction = found.null_fraction;
	result.distinct = found.distinct;
	for (int i = 0; i < found.common.count && found.common.frequencies != nullptr; ++i) {
		result.frequencies.push_back(found.common.frequencies[i]);
	}
	if (stored.length < 0) {
		const KnownLengths known = known_lengths(found, stored);
		for (const std::uint32_t length : known.lengths) {
			result.longest = std::max(result.longest, length);
		}
		if (stored.is_made_up) {
			result.longest = std::max(result.longest, static_cast<std::uint32_t>(found.mean_length));
		}
		result.width.lengths = spread_lengths(known);
		result.is_spread_known = !result.width.lengths.empty() || found.null_fraction >= 1;
		if (result.width.lengths.empty()) {
			result.width.lengths = unknown_lengths(found.mean_length);
		}
	}
	return result;
}

} // namespace warden::bloat
