#include "advice/index_verdict.hpp"

#include "pg/error.hpp"

#include <algorithm>
#include <string_view>

namespace warden::advice {

namespace {

constexpr std::int64_t microseconds_a_day = std::int64_t{86400} * 1000 * 1000;
constexpr std::int64_t least_bytes = std::int64_t{8} * 1024 * 1024; // below, nothing is wide

// Writes are not worth a word below so many a day; nor if every so many of them are read once.
constexpr double many_writes_a_day = 1000;
constexpr double many_writes_a_scan = 10000;

constexpr int many_columns = 5;

std::int64_t days(std::int64_t microseconds) {
	return microseconds / microseconds_a_day;
}

long long number(std::int64_t value) {
	return static_cast<long long>(value);
}

std::string observed(const IndexUse &use) {
	return format("in %lld days of observation", number(days(use.now - use.since.value_or(use.now))));
}

bool is_watched(const IndexUse &use) {
	return use.since && *use.since <= use.now - use.window;
}

bool was_used(const IndexUse &use) {
	return use.last && *use.last > use.now - use.window;
}

std::optional<IndexVerdict> judge_writes(const IndexUse &use) {
	if (!is_watched(use)) {
		return std::nullopt;
	}
	const double passed =
		static_cast<double>(use.now - use.since.value_or(use.now)) / static_cast<double>(microseconds_a_day);
	const auto writes = static_cast<double>(use.writes);
	if (writes < many_writes_a_day * passed || writes < many_writes_a_scan * static_cast<double>(use.scans)) {
		return std::nullopt;
	}
	return IndexVerdict{.verdict = "write_heavy",
	                    .reason = format("%lld writes and %lld scans %s", number(use.writes), number(use.scans),
	                                     observed(use).c_str())};
}

std::optional<IndexVerdict> judge_width(const IndexRole &role) {
	if (!role.is_btree || role.bytes < least_bytes) {
		return std::nullopt;
	}
	if (role.bytes > role.table_bytes) {
		return IndexVerdict{.verdict = "wide", .reason = "it is larger than its table: of many columns, or bloated"};
	}
	if (role.columns > many_columns && role.bytes > role.table_bytes / 2) {
		return IndexVerdict{.verdict = "wide",
		                    .reason =
		                        format("it has %d columns, and more than half of the size of its table", role.columns)};
	}
	return std::nullopt;
}

/// Of one that was not seen to be used.
IndexVerdict judge_silence(const IndexRole &role, const IndexUse &use) {
	if (use.is_standby) {
		return {.reason = "it was not scanned here; on a standby none is said to be unused"};
	}
	if (use.silent && !use.silent->empty()) {
		return {.reason = format("standby \"%s\" has not reported whether it uses it", use.silent->c_str())};
	}
	if (!use.since) {
		return {.reason = "it is not observed yet: that is done by CALL warden.maintain()"};
	}
	if (!is_watched(use)) {
		const std::int64_t missing = *use.since + use.window - use.now;
		return {.reason = format("it was not scanned %s, which is %lld too few to tell", observed(use).c_str(),
		                         number(days(missing + microseconds_a_day - 1)))};
	}
	if (!role.foreign_key.empty()) {
		return {.reason = format("it was not scanned %s, but is the only one for foreign key \"%s\"",
		                         observed(use).c_str(), role.foreign_key.c_str())};
	}
	return {.verdict = "unused",
	        .reason = format("it was not scanned %s, with %lld writes", observed(use).c_str(), number(use.writes)),
	        .may_go = true};
}

bool is_named_like(std::string_view name, std::string_view ending) {
	const std::size_t end = name.find_last_not_of("0123456789");
	return end != std::string_view::npos && name.substr(0, end + 1).ends_with(ending);
}

} // namespace

IndexVerdict judge_use(const IndexRole &role, const IndexUse &use) {
	if (!role.protection.empty()) {
		return {.reason = role.protection};
	}
	if (role.is_unique) {
		return {.reason = "it keeps its columns unique"};
	}
	if (!role.takes_over.empty()) {
		return {.reason = format("%s is to go because of it", role.takes_over.c_str())};
	}
	if (!was_used(use)) {
		return judge_silence(role, use);
	}
	if (const auto verdict = judge_writes(use)) {
		return *verdict;
	}
	if (const auto verdict = judge_width(role)) {
		return *verdict;
	}
	return {.reason = "it is used"};
}

InvalidVerdict judge_invalid(const InvalidIndex &index) {
	const auto because = [](std::string reason) {
		return IndexVerdict{.verdict = "invalid", .reason = std::move(reason)};
	};
	if (index.builder) {
		return {.verdict = {.reason = format("it is not valid, and process %d may be building or dropping it",
		                                     *index.builder)}};
	}
	if (index.is_partitioned) {
		return {.verdict = because("it becomes valid when all partitions have one that is attached to it"),
		        .repair = Repair::Attach};
	}
	const std::string use = format("no query can use it%s%s", index.is_ready ? "; each write has to write it" : "",
	                               index.is_ready && index.is_unique ? ", and duplicates are rejected" : "");
	if (index.is_constraint) {
		return {.verdict = because(use), .repair = Repair::Reindex};
	}
	if (is_named_like(index.name, "_ccnew")) {
		return {.verdict =
		            because(use + ". It was left by a REINDEX CONCURRENTLY that failed, which is to be done again"),
		        .repair = Repair::Drop};
	}
	if (is_named_like(index.name, "_ccold")) {
		return {.verdict = because(use + ". It was left by a REINDEX CONCURRENTLY, which has put another in its place"),
		        .repair = Repair::Drop};
	}
	return {.verdict = because(use + ". A CREATE or DROP INDEX CONCURRENTLY has failed"), .repair = Repair::Reindex};
}

} // namespace warden::advice
