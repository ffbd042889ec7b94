#include "bloat/statistics_basis.hpp"

#include "bloat/heap_packing.hpp"

#include <algorithm>
#include <cmath>

extern "C" {
#include "access/transam.h"
#include "access/xlog.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/fmgrprotos.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

constexpr double most_doubt = 0.05;         // of the file's size
constexpr double most_resized = 0.2;        // of the file, since its rows were counted
constexpr double most_changed = 0.1;        // of the rows: the server analyzes again after so many, by default
constexpr double most_changed_anyway = 50;  // which it adds
constexpr double most_contradiction = 0.1;  // of two counts of the rows
constexpr double least_contradiction = 100; // rows

struct Counters {
	double rows;  ///< of pg_class; negative: never counted
	double pages; ///< when that was
	double pages_now;
	double live; ///< of the activity statistics, as the rest
	double dead;
	double changed; ///< since it was analyzed
	bool is_analyzed;
	bool is_standby;
	bool has_old_transactions; ///< who may see rows that are dead
};

// Server code: functions that are the same in all versions.

double counter(PGFunction function, Relation table) {
	return static_cast<double>(DatumGetInt64(DirectFunctionCall1(function, ObjectIdGetDatum(RelationGetRelid(table)))));
}

Counters read_counters(Relation table) {
	return {.rows = table->rd_rel->reltuples,
	        .pages = static_cast<double>(table->rd_rel->relpages),
	        .pages_now = static_cast<double>(RelationGetNumberOfBlocks(table)),
	        .live = counter(pg_stat_get_live_tuples, table),
	        .dead = counter(pg_stat_get_dead_tuples, table),
	        .changed = counter(pg_stat_get_mod_since_analyze, table),
	        .is_analyzed =
	            counter(pg_stat_get_analyze_count, table) + counter(pg_stat_get_autoanalyze_count, table) > 0,
	        .is_standby = RecoveryInProgress(),
	        .has_old_transactions =
	            TransactionIdPrecedes(GetOldestNonRemovableTransactionId(table), ReadNextTransactionId())};
}

// C++ code.

std::string obstacle_in(const Counters &found) {
	if (found.is_standby) {
		return "what has changed since the last ANALYZE is not known on a standby: ask the primary, or use method "
			   "sample";
	}
	if (found.rows < 0 || !found.is_analyzed) {
		return found.rows < 0
		           ? "it was never analyzed: run ANALYZE"
		           : "what has changed since the last ANALYZE is not known, as activity statistics are younger: "
		             "run ANALYZE";
	}
	if (found.changed > most_changed_anyway + most_changed * std::max(found.rows, found.live)) {
		return format("%.0f rows were changed since the last ANALYZE: run ANALYZE", found.changed);
	}
	if (std::abs(found.pages_now - found.pages) > std::max(1.0, most_resized * found.pages)) {
		return format("the file had %.0f pages when its rows were counted, and has %.0f: run ANALYZE", found.pages,
		              found.pages_now);
	}
	if (std::abs(found.rows - found.live) >
	    std::max(least_contradiction, most_contradiction * std::max(found.rows, found.live))) {
		return format("pg_class counts %.0f rows and the activity statistics %.0f: run ANALYZE", found.rows,
		              found.live);
	}
	return "";
}

std::string size_of(double pages) {
	const double kilobytes = std::max(0.0, std::round(pages)) * page::size / 1024;
	return kilobytes < 10240 ? format("%.0f kB", kilobytes) : format("%.0f MB", kilobytes / 1024);
}

} // namespace

Measurement begin_statistics(Relation relation) {
	Measurement measurement;
	measurement.method = Method::Statistics;
	measurement.bytes = static_cast<std::int64_t>(call([&] { return RelationGetNumberOfBlocks(relation); })) * BLCKSZ;
	return measurement;
}

RowCount count_rows(Relation table, Measurement &measurement) {
	const Counters found = call([&] { return read_counters(table); });
	measurement.withheld = obstacle_in(found);
	return {.rows = found.live,
	        .unsure = std::max(0.0, std::abs(found.rows - found.live) - found.changed),
	        .dead = found.has_old_transactions ? found.dead : 0};
}

std::vector<Doubt> doubts_of(const RowCount &count, double pages) {
	const double per_row = pages / std::max(1.0, count.rows);
	return {
		{.below = count.unsure * per_row,
	     .above = count.unsure * per_row,
	     .reason = "two counts of its rows differ: run ANALYZE"},
		{.below = 0,
	     .above = count.dead * per_row,
	     .reason = format("%.0f rows are dead, and transactions are open that may see them: run VACUUM", count.dead)},
		{.below = 1, .above = 1, .reason = "it is too small: use method exact"}};
}

void conclude(double pages, const std::vector<Doubt> &doubts, Measurement &measurement) {
	double below = 0;
	double above = 0;
	const Doubt *worst = nullptr;
	for (const Doubt &doubt : doubts) {
		below += doubt.below;
		above += doubt.above;
		if (worst == nullptr || doubt.below + doubt.above > worst->below + worst->above) {
			worst = &doubt;
		}
	}
	const double file = static_cast<double>(measurement.bytes) / page::size;
	if (std::max(below, above) > most_doubt * file) {
		measurement.withheld = worst->reason + format(" (a rewrite makes between %s and %s of it)",
		                                              size_of(pages - below).c_str(), size_of(pages + above).c_str());
		return;
	}
	const auto bytes_of = [](double size) {
		return static_cast<std::int64_t>(std::llround(std::max(0.0, size))) * page::size;
	};
	measurement.rewritten = {.bytes = bytes_of(pages),
	                         .low = bytes_of(std::floor(pages - below)),
	                         .high = bytes_of(std::ceil(pages + above))};
	measurement.caveats.emplace_back("estimated from statistics, no page was read");
}

} // namespace warden::bloat
