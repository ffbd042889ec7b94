#include "partition/outlook.hpp"

#include "partition/hold.hpp"
#include "partition/position.hpp"
#include "partition/retention.hpp"
#include "partition/retire.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"
#include "pg/zone.hpp"

#include <algorithm>

extern "C" {
#include "utils/timestamp.h"
}

namespace warden::partition {

using namespace pg;

namespace {

/// By the sequence alone.
std::optional<Moment> last_number(const Policy &policy, const Bounds &bounds) {
	std::optional<Moment> number;
	std::ignore = attempt([&] { number = sequence_position(policy.parent, bounds.key); });
	return number;
}

/// Where the first gap is, if it is not known how far the set has come.
std::optional<Moment> first_gap(const std::vector<Range> &ranges) {
	return ranges.empty() ? std::nullopt : std::optional(covered_until(ranges, ranges.front().lower));
}

bool is_held_by(const std::vector<Oid> &held, Oid partition) {
	return std::ranges::binary_search(held, partition);
}

/// When the next one leaves by age, or because the current partition ends and one more counts.
Moment next_expiry(const Policy &policy, const Bounds &bounds, Moment now, const Zone &calendar_zone) {
	const std::vector<Oid> held = held_partitions();
	const std::vector<Held> in_pairs =
		policy.retention.keep && !held.empty() && may_be_paired(policy) ? held_in_pairs(policy) : std::vector<Held>();
	std::int64_t ended = 0;
	Moment next = end;
	for (std::size_t i = 0; i < bounds.ranges.size(); ++i) {
		const Range &range = bounds.ranges[i];
		ended += range.upper <= now ? 1 : 0;
		if (!is_held_by(held, bounds.oids[i]) && find_held(in_pairs, range) == nullptr) {
			next = std::min(next, expiry(policy, range, calendar_zone));
		}
	}
	const auto current = std::ranges::upper_bound(bounds.ranges, now, {}, &Range::upper);
	if (policy.retention.partitions && ended >= *policy.retention.partitions && current != bounds.ranges.end()) {
		next = std::min(next, current->upper);
	}
	return next;
}

std::string show_moment(Moment moment, const Key &key, const Zone &zone) {
	return show_bound(moment, Side::Upper, key, zone);
}

/// Why one that has expired is there still.
std::string reason_of_expired(const Policy &policy, Oid partition, const Held *held) {
	if (is_held(partition)) {
		return "it has expired, but what is below it, or what it is a part of, is held";
	}
	if (held != nullptr) {
		return "it has expired, but partition " + held->partition + " of table " + held->parent +
		       ", which leaves with it, is held";
	}
	if (const auto hindrance = find_hindrance(policy, partition)) {
		return hindrance->detail.empty() ? hindrance->message : hindrance->message + ": " + hindrance->detail;
	}
	return is_detached_first(policy, partition) && policy.retention.references != Retention::References::Skip
	           ? "it has expired, and goes when no row refers to it any more"
	           : "it has expired, and goes with the next maintenance";
}

bool has_limit(const Policy &policy) {
	return policy.retention.keep || policy.retention.partitions || policy.retention.bytes;
}

/// Until when age alone keeps one: of its set, or of one that takes it along, whichever is first.
std::optional<std::string> kept_until(const Policy &policy, const Range &range, const Expiry &expiry, const Key &key,
                                      const Zone &zone) {
	const Policy *by = nullptr;
	Moment first = end;
	const auto consider = [&](const Policy &one, const Zone &its_zone) {
		const Moment due = one.retention.keep ? add(range.upper, *one.retention.keep, key_zone(key, its_zone)) : end;
		if (one.retention.keep && (by == nullptr || due < first)) {
			first = due;
			by = &one;
		}
	};
	consider(policy, zone);
	for (const Policy &other : expiry.others) {
		consider(other, find_zone(other.timezone).value_or(zone));
	}
	if (by == nullptr) {
		return std::nullopt;
	}
	const char *const until = policy.is_of_numbers() ? "it is kept until number " : "it is kept until ";
	const std::string text = is_finite(first) ? until + show_moment(first, key, zone) : "it is kept for ever";
	return by == &policy ? text : text + ", like those of table " + qualified_name(by->parent);
}

std::string reason_of(const Policy &policy, const Bounds &bounds, std::size_t i, const Outlook &outlook,
                      const Expiry &expiry, const Zone &zone) {
	const Range &range = bounds.ranges[i];
	if (range.upper <= expiry.cutoff) {
		return reason_of_expired(policy, bounds.oids[i], find_held(expiry.held, range));
	}
	if (!has_limit(policy) && std::ranges::none_of(expiry.others, has_limit)) {
		return "nothing is said of retention";
	}
	if (range.upper == end) {
		return "it has no upper bound";
	}
	if (!outlook.now && has_limit(policy)) {
		return "it is not known how far the numbers are, unless its rows are read";
	}
	if (outlook.now && range.upper > *outlook.now) {
		return "it is for rows of now or later";
	}
	if (const auto until = kept_until(policy, range, expiry, bounds.key, zone)) {
		return *until;
	}
	if (has_limit(policy)) {
		return policy.retention.partitions ? "it is among the newest" : "the set may be so large";
	}
	const auto other = std::ranges::find_if(expiry.others, has_limit);
	return "it is kept as long as those of table " + qualified_name(other->parent);
}

} // namespace

Moment expiry(const Policy &policy, const Range &range, const Zone &calendar_zone) {
	return policy.retention.keep && is_finite(range.upper) && !policy.is_of_numbers()
	           ? add(range.upper, *policy.retention.keep, calendar_zone)
	           : end;
}

Outlook look_ahead(const Policy &policy, const Bounds &bounds, const Zone &zone) {
	const bool numbers = policy.is_of_numbers();
	Outlook outlook;
	if (policy.kind.method != Method::Range) {
		return outlook;
	}
	outlook.now = numbers ? last_number(policy, bounds) : key_now(bounds.key, zone);
	outlook.covered = outlook.now ? covered_until(bounds.ranges, *outlook.now) : first_gap(bounds.ranges);
	if (numbers) {
		return outlook;
	}
	const Zone calendar_zone = key_zone(bounds.key, zone);
	const Moment next_creation =
		is_finite(*outlook.covered) ? add(*outlook.covered, policy.ahead, calendar_zone, -1) : end;
	outlook.next_due = std::min(next_creation, next_expiry(policy, bounds, *outlook.now, calendar_zone));
	if (outlook.next_due < end) {
		outlook.next_action = outlook.next_due == next_creation ? "create" : name_of(policy.retention.way);
	}
	return outlook;
}

std::vector<std::string> reasons_to_stay(const Policy &policy, const Bounds &bounds, const Outlook &outlook,
                                         const Zone &zone) {
	Expiry expiry;
	if (policy.kind.method == Method::Range) {
		const Set set = examine(policy, bounds, {outlook.now.value_or(0), outlook.now.has_value()});
		expiry.cutoff = set.window.cutoff;
		find_expiry(policy, set, false, expiry);
	}
	std::vector<std::string> reasons;
	reasons.reserve(bounds.ranges.size());
	for (std::size_t i = 0; i < bounds.ranges.size(); ++i) {
		check_for_interrupts();
		reasons.push_back(reason_of(policy, bounds, i, outlook, expiry, zone));
	}
	return reasons;
}

void warn_of_end(const Policy &policy) {
	const ScratchMemory memory;
	const PinnedSettings settings;
	if (take_lock(policy.parent, AccessShareLock) || !relation_exists(policy.parent)) {
		return;
	}
	const Set set = examine(policy);
	const Moment now = set.window.now;
	const Moment covered = covered_until(set.bounds.ranges, now);
	if (!is_finite(set.window.horizon) || covered >= now + (set.window.horizon - now) / 2) {
		return;
	}
	const std::string table = qualified_name(policy.parent);
	const std::string message = covered == now ? format("table %s has no partition for new rows", table.c_str())
	                                           : format("table %s has partitions only up to %s", table.c_str(),
	                                                    show_moment(covered, set.bounds.key, set.zone).c_str());
	report(WARNING,
	       Error(ERRCODE_WARNING, message)
	           .with_detail("What follows could not be created.")
	           .with_hint(format("The reason is in warden.%s.",
	                             OidIsValid(policy.kind.declared_on) ? "partition_sets_below" : "partition_sets")));
}

} // namespace warden::partition
