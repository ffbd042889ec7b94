#include "partition/default_survey.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "catalog/partition.h"
#include "storage/lmgr.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constexpr std::int64_t bytes_per_page = BLCKSZ;
constexpr std::int64_t megabyte = 1 << 20;
constexpr std::int64_t most_pages = 8 * megabyte / bytes_per_page; // that are read in milliseconds
constexpr std::int64_t pages_per_second = most_pages * 2;          // of a slow disk
constexpr Moment shortest_notice = 300 * microseconds_per_second;  // before a row may be for a range

std::string amount(std::optional<std::int64_t> rows) {
	return !rows ? "rows"
	       : *rows == 1
	           ? "a row"
	           : format("%lld rows", static_cast<long long>(*rows)) + (*rows == most_counted ? " or more" : "");
}

std::string scan_of(Oid default_partition, std::int64_t pages) {
	return format("to attach it would scan %lld MB of default partition %s under a lock",
	              static_cast<long long>(pages * bytes_per_page / megabyte), qualified_name(default_partition).c_str());
}

Error too_long(Oid default_partition, std::int64_t pages, bool is_ahead) {
	const std::string message = scan_of(default_partition, pages);
	return is_ahead
	           ? Error(errcode_prepare_first, message).with_detail("CALL warden.maintain() does it without that scan.")
	           : Error(errcode_left_out, message)
	                 .with_detail("Its range is not far enough ahead to keep rows of it out meanwhile.")
	                 .with_hint("Its rows go to the default partition, and later ranges have their partitions in "
	                            "time. Run the command when nobody uses the table.");
}

/// Of a value a row may come at any time, so that none can be refused.
Error too_long(Oid default_partition, std::int64_t pages, const std::string &condition) {
	return Error(errcode_left_out, scan_of(default_partition, pages))
	    .with_detail("Its rows go to the default partition.")
	    .with_hint(
			format("Give that a valid constraint CHECK (NOT (%s)), or run the command when nobody uses the table.",
	               condition.c_str()));
}

/// Whether rows of a range can be refused for as long as it takes to read so many pages.
bool is_ahead(const Policy &policy, const Set &set, const Range &range, std::int64_t pages) {
	const Window &window = set.window;
	const Moment half = window.horizon / 2 - window.now / 2;
	const bool numbers = policy.is_of_numbers();
	const Moment notice = std::min(numbers ? policy.every.microseconds : shortest_notice, half);
	const Moment reading = numbers ? 0 : pages / pages_per_second * microseconds_per_second;
	return is_finite(window.now) && range.lower != beginning && range.lower > window.now &&
	       range.lower - window.now > notice + reading;
}

/// By an index: without one each range would cost a scan.  In a scope of AsOwner, as scan() is.
void ask_index(const Leaf &leaf, const KeySql &key, const std::vector<Range> &ranges, std::vector<std::int64_t> &rows) {
	const std::string name = qualified_name(leaf.table);
	PinnedSettings::set("enable_seqscan", "off"); // whatever statistics there are
	for (std::size_t i = 0; i < ranges.size(); ++i) {
		Spi spi;
		const std::string query = "SELECT count(*) FROM (SELECT 1 FROM " + name + " WHERE " + key.is_in(ranges[i]) +
		                          format(" LIMIT %lld) row", static_cast<long long>(most_counted));
		rows[i] += std::get<0>(spi.query<int64>(query.c_str()).front());
	}
}

/// All in one scan.
void scan(const Leaf &leaf, const KeySql &key, const std::vector<Range> &ranges, std::vector<std::int64_t> &rows) {
	std::vector<Moment> bounds;
	for (const Range &range : ranges) {
		bounds.insert(bounds.end(), {range.lower, range.upper});
	}
	std::ranges::sort(bounds);
	bounds.erase(std::ranges::unique(bounds).begin(), bounds.end());
	std::erase_if(bounds, [](Moment bound) { return bound == beginning || bound == end; });
	const auto bucket_of = [&](const Range &range) {
		return std::ranges::upper_bound(bounds, range.lower) - bounds.begin();
	};
	Spi spi;
	for (const auto &[bucket, count] : spi.query<std::optional<int32>, int64>(
			 ("SELECT " + key.bucket(bounds) + ", count(*) FROM " + qualified_name(leaf.table) + " GROUP BY 1")
				 .c_str())) {
		for (std::size_t i = 0; i < ranges.size(); ++i) {
			rows[i] += bucket && bucket_of(ranges[i]) == *bucket ? count : 0;
		}
	}
}

struct Unproven {
	std::vector<std::size_t> indexes; ///< among the ranges of the survey
	std::vector<Range> ranges;
};

/// Those of the ranges that still have no partition in sight, and that the leaf may have rows of.
Unproven unproven_of(const Leaf &leaf, const Policy &policy, const Set &set, const Survey &survey) {
	const std::vector<bool> proven =
		proves(policy.parent, leaf.table, InvalidOid, set.bounds.key, set.calendar.zone(), survey.ranges);
	Unproven unproven;
	for (std::size_t i = 0; i < proven.size(); ++i) {
		if (!proven[i]) {
			unproven.indexes.push_back(i);
			unproven.ranges.push_back(survey.ranges[i]);
		}
	}
	return unproven;
}

/// Adds up the rows of a leaf that belong to the ranges.
void count_rows(const Leaf &leaf, const KeySql &key, const Unproven &unproven, std::vector<std::int64_t> &rows) {
	const AsOwner owner(owner_of(leaf.table));
	std::vector<std::int64_t> found(unproven.ranges.size());
	(leaf.is_indexed ? ask_index : scan)(leaf, key, unproven.ranges, found);
	for (std::size_t i = 0; i < found.size(); ++i) {
		rows[unproven.indexes[i]] += found[i];
	}
}

KeySql key_sql(const Policy &policy, const Set &set) {
	return {OpenRelation(policy.parent, AccessShareLock), set.bounds.key, set.calendar.zone()};
}

void mark_colliding(Survey &survey, const KeySql &key, const std::vector<std::int64_t> &rows) {
	for (std::size_t i = 0; i < rows.size(); ++i) {
		if (rows[i] > 0) {
			survey.obstacles[i] = rows_in_default(survey.default_partition, rows[i], key.is_in(survey.ranges[i]));
		}
	}
}

} // namespace

std::vector<Range> Survey::with(int sqlstate) const {
	std::vector<Range> found;
	for (std::size_t i = 0; i < ranges.size(); ++i) {
		const std::optional<Error> &obstacle = obstacles[i];
		if (obstacle && obstacle->sqlstate == sqlstate) {
			found.push_back(ranges[i]);
		}
	}
	return found;
}

void Survey::replace(int sqlstate, const std::optional<Error> &obstacle) {
	for (std::optional<Error> &known : obstacles) {
		if (known && known->sqlstate == sqlstate) {
			known = obstacle;
		}
	}
}

Survey survey_default(const Policy &policy, const Set &set, const std::vector<Range> &ranges) {
	Survey survey{set.bounds.default_partition, ranges, {}, {}};
	survey.obstacles.resize(ranges.size());
	const PinnedSettings settings;
	const std::vector<Leaf> leaves =
		ranges.empty() ? std::vector<Leaf>{} : find_leaves(policy.parent, survey.default_partition, set.bounds.key);
	if (leaves.empty()) {
		return survey;
	}
	const KeySql key = key_sql(policy, set);
	std::vector<std::int64_t> rows(ranges.size());
	std::vector<std::int64_t> pages(ranges.size());
	for (const Leaf &leaf : leaves) {
		const Unproven unproven = unproven_of(leaf, policy, set, survey);
		for (const std::size_t i : unproven.indexes) {
			pages[i] += leaf.pages;
		}
		if (!unproven.indexes.empty()) {
			survey.unproven.push_back(leaf);
			if (leaf.is_indexed || leaf.pages <= most_pages) {
				count_rows(leaf, key, unproven, rows);
			}
		}
	}
	for (std::size_t i = 0; i < ranges.size(); ++i) {
		if (pages[i] > most_pages) {
			survey.obstacles[i] =
				too_long(survey.default_partition, pages[i], is_ahead(policy, set, ranges[i], pages[i]));
		}
	}
	mark_colliding(survey, key, rows);
	return survey;
}

void search_for_rows(const Policy &policy, const Set &set, Survey &survey) {
	const PinnedSettings settings;
	Survey searched{survey.default_partition, survey.with(errcode_prepare_first), {}, {}};
	searched.obstacles.resize(searched.ranges.size());
	std::vector<std::int64_t> rows(searched.ranges.size());
	const KeySql key = key_sql(policy, set);
	for (const Leaf &leaf : survey.unproven) {
		count_rows(leaf, key, unproven_of(leaf, policy, set, searched), rows);
	}
	mark_colliding(searched, key, rows);
	auto found = searched.obstacles.begin();
	for (std::optional<Error> &obstacle : survey.obstacles) {
		if (obstacle && obstacle->sqlstate == errcode_prepare_first && *found++) {
			obstacle = *std::prev(found);
		}
	}
}

bool is_slow_to_search(const std::vector<Leaf> &leaves) {
	return std::ranges::any_of(leaves, [](const Leaf &leaf) { return !leaf.is_indexed && leaf.pages > most_pages; });
}

Error rows_in_default(Oid default_partition, std::optional<std::int64_t> rows, const std::string &condition) {
	const std::string parent = qualified_name(call(get_partition_parent, default_partition, true));
	return Error(ERRCODE_CHECK_VIOLATION, format("default partition %s holds %s of the new partition",
	                                             qualified_name(default_partition).c_str(), amount(rows).c_str()))
	    .with_detail((rows == 1 ? "It has " : "They have ") + condition + ".")
	    .with_hint("CALL warden.partition_drain(" + quoted_literal(parent) + ") moves " + (rows == 1 ? "it" : "them") +
	               ": the others are created meanwhile.");
}

void check_scan(const Policy &policy, const Set &set, const Place &place) {
	const Oid default_partition = set.bounds.default_partition;
	const auto *const range = std::get_if<Range>(&place);
	const auto *const value = std::get_if<Value>(&place);
	if (range == nullptr && value == nullptr) {
		return; // nothing is left over for a default partition
	}
	std::int64_t pages = 0;
	for (const Leaf &leaf : find_leaves(policy.parent, default_partition, set.bounds.key)) {
		const bool is_proven =
			range != nullptr
				? proves(policy.parent, leaf.table, InvalidOid, set.bounds.key, set.calendar.zone(), {*range}).front()
				: proves(policy.parent, leaf.table, *value);
		pages += is_proven ? 0 : leaf.pages;
	}
	if (pages > most_pages) {
		throw Error(range != nullptr ? too_long(default_partition, pages, is_ahead(policy, set, *range, pages))
		                             : too_long(default_partition, pages, condition_of(place, policy, set)));
	}
}

} // namespace warden::partition
