#include "advice/write_cost.hpp"

#include <algorithm>
#include <cmath>

namespace warden::advice {

namespace {

// The planner's price of looking through one page on the way down, in operators.
constexpr double operators_per_level = 50;
// Writing a page costs its reading again, and logging an entry about as much as a page for each of these bytes.
constexpr double wal_bytes_per_page = 8192;
constexpr double wal_header_bytes = 64;
// An update that is not HOT also leaves dead entries behind that VACUUM takes out.
constexpr double with_clean_up = 1.25;
// One that is HOT no more also changes another page of the table, which is logged, and has to be cleaned by VACUUM: as
// measured that costs about as much as so many entries.
constexpr double entries_worth_of_table = 2;
// A page that is changed for the first time since a checkpoint is logged whole; of the random ones that is as often
// as they are not in memory.
constexpr double page_bytes = 8192;

double miss_share(const IndexUpkeep &index, const Prices &prices) {
	if (index.is_appended_to || index.bytes <= 0) {
		return 0;
	}
	// It shares the memory with its table and everything else: a quarter of it is its own.
	const double own = prices.cache_bytes / 4;
	return std::max(0.0, 1 - own / std::max(index.bytes, own));
}

double wal_of_entry(const IndexUpkeep &index, const Prices &prices) {
	return wal_header_bytes + index.entry_bytes + miss_share(index, prices) * page_bytes;
}

} // namespace

double entry_cost(const IndexUpkeep &index, const WriteRates &table, const Prices &prices) {
	if (index.is_summary) {
		return prices.operator_cost;
	}
	const double comparisons = std::log2(std::max(table.rows * index.share, 2.0));
	const double descent = (comparisons + operators_per_level * (index.height + 1)) * prices.operator_cost;
	const double page = 2 * miss_share(index, prices) * prices.page_cost;
	const double wal = wal_of_entry(index, prices) / wal_bytes_per_page;
	return (descent + page + wal) * index.entries_per_row;
}

WriteCost write_cost(const IndexUpkeep &index, const WriteRates &table, const Prices &prices) {
	const double cost = entry_cost(index, table, prices);
	const double plain_updates = std::max(0.0, table.updates - table.hot_updates);
	const double lost = std::min(table.hot_updates, table.updates * index.changed_share);
	// Entries of this index, and with each lost one also an entry in every other index of the table.
	const double entries = (table.inserts + plain_updates * with_clean_up + lost * with_clean_up) * index.share;
	const double others = lost * with_clean_up * (table.indexes + entries_worth_of_table);
	return {.milliseconds = (entries + others) * cost * prices.milliseconds_per_cost,
	        .lost_hot_updates = lost,
	        .wal_bytes = (entries + others) * index.entries_per_row * wal_of_entry(index, prices)};
}

} // namespace warden::advice
