#include "partition/place.hpp"

#include "partition/default_survey.hpp"
#include "partition/default_values.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace warden::partition {

using namespace pg;

namespace {

// Values that are told of besides those declared.
constexpr std::size_t most_told = 20;

bool is_covered(const std::vector<Range> &existing, const Range &range) {
	const auto next = std::ranges::upper_bound(existing, range.lower, {}, &Range::upper);
	return next != existing.end() && next->lower < range.upper;
}

/// The server refuses a modulus that does not fit to those that exist; ours may have been declared before them.
void check_modulus(const std::vector<Remainder> &existing, int modulus) {
	if (!is_modulus_for(existing, modulus)) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE,
		            format("modulus %d does not fit to those of the partitions that exist", modulus))
			.with_detail("Of any two moduli of a set one must divide the other.")
			.with_hint("Declare the set anew with warden.partition_by_hash().");
	}
}

/// Those of the values that a default partition has many rows of that have no partition: the most frequent ones, as
/// each is to be counted.
std::vector<Value> undeclared_values(const OpenRelation &parent, const Policy &policy, const Bounds &bounds) {
	if (!OidIsValid(bounds.default_partition) || !policy.kind.min_rows) {
		return {};
	}
	std::vector<Value> values = frequent_values(bounds.default_partition, bounds.key.column, *policy.kind.min_rows);
	std::ignore = take_unreadable(list_column(parent), parent->rd_rel->relowner, values);
	values = without_partition(parent, values);
	values.resize(std::min(values.size(), most_told));
	return values;
}

/// A default partition that is big and has no index is read only to tell somebody: no maintenance can do anything about
/// it.
std::vector<std::int64_t> rows_of_values(const OpenRelation &parent, const Policy &policy, const Bounds &bounds,
                                         const std::vector<Value> &values, Looks looks) {
	if (values.empty() || !OidIsValid(bounds.default_partition)) {
		return std::vector<std::int64_t>(values.size());
	}
	const std::vector<Leaf> leaves = find_leaves(policy.parent, bounds.default_partition, bounds.key);
	if (looks == Looks::ToCreate && is_slow_to_search(leaves)) {
		return std::vector<std::int64_t>(values.size());
	}
	return count_values(parent, bounds.default_partition, leaves, values,
	                    looks == Looks::ToTell ? Collision::most_counted : most_counted);
}

/// Values that differ only in what a name does not show have names of their own.
void tell_apart(std::vector<Value> &values) {
	std::set<std::string> names;
	for (Value &value : values) {
		while (!names.insert(name_suffix(value)).second) {
			++value.namesakes;
		}
	}
}

/// Declared values without a partition, and whether the default partition has rows of them; and others that it has many
/// rows of.  As long as there are none, nothing is read but the descriptor and statistics.
Missing missing_values(const Policy &policy, const Set &set, std::size_t limit, Looks looks) {
	const Bounds &bounds = set.bounds;
	const OpenRelation parent(policy.parent, NoLock);
	const ListColumn column = list_column(parent);
	const Oid owner = parent->rd_rel->relowner;
	std::vector<Value> values = policy.kind.keys;
	Missing missing;
	missing.unreadable = take_unreadable(column, owner, values);
	values = without_partition(parent, values);
	const std::size_t declared = values.size();
	if (looks == Looks::ToTell) {
		std::ranges::copy(undeclared_values(parent, policy, bounds), std::back_inserter(values));
		values = read_values(column, owner, values); // one may be in both
	}
	tell_apart(values);
	const std::vector<std::int64_t> rows = rows_of_values(parent, policy, bounds, values, looks);
	const std::int64_t enough = std::min(policy.kind.min_rows.value_or(1), Collision::most_counted);
	for (std::size_t i = 0; i < values.size() && missing.places.size() < limit; ++i) {
		if (rows[i] >= (i < declared ? 1 : enough)) {
			missing.collisions.push_back({values[i], rows[i], i < declared});
		} else if (i < declared) {
			missing.places.emplace_back(values[i]);
		}
	}
	return missing;
}

std::string condition_of(const Range &range, const Key &key, const Zone &zone) {
	const std::string column = call([&] { return quote_identifier(key.column.c_str()); });
	const std::string type = call([&] { return format_type_be(key.type); });
	const auto bound = [&](Moment moment, Side side) { return write_bound(moment, side, key, zone) + "::" + type; };
	std::string condition = range.lower == beginning ? "" : column + " >= " + bound(range.lower, Side::Lower);
	if (range.upper != end) {
		condition += (condition.empty() ? "" : " AND ") + column + " < " + bound(range.upper, Side::Upper);
	}
	return condition;
}

std::string name_suffix(const Range &range, const Key &key, const Calendar &calendar) {
	if (range.lower == beginning) {
		return "_first";
	}
	return key.notation == Notation::Number ? partition::name_suffix(range.lower)
	                                        : partition::name_suffix(range.lower, calendar.step(), calendar.zone());
}

std::string bound_of(const Range &range, const Key &key, const Zone &zone) {
	return "FOR VALUES FROM (" + write_bound(range.lower, Side::Lower, key, zone) + ") TO (" +
	       write_bound(range.upper, Side::Upper, key, zone) + ")";
}

} // namespace

Missing find_missing(const Policy &policy, const Set &set, std::size_t limit, Looks looks) {
	Missing missing;
	switch (policy.kind.method) {
	case Method::Range:
		std::ranges::copy(set.missing(limit), std::back_inserter(missing.places));
		break;
	case Method::Hash:
		check_modulus(set.bounds.remainders, policy.kind.modulus);
		std::ranges::copy(missing_remainders(set.bounds.remainders, policy.kind.modulus, limit),
		                  std::back_inserter(missing.places));
		break;
	case Method::List:
		missing = missing_values(policy, set, limit, looks);
		break;
	}
	return missing;
}

bool is_taken(const Place &place, const Policy &policy, const Bounds &bounds) {
	if (const auto *const range = std::get_if<Range>(&place)) {
		return is_covered(bounds.ranges, *range);
	}
	if (const auto *const wanted = std::get_if<Remainder>(&place)) {
		return std::ranges::any_of(bounds.remainders, [&](const Remainder &other) { return overlap(other, *wanted); });
	}
	return without_partition(OpenRelation(policy.parent, NoLock), {*std::get_if<Value>(&place)}).empty();
}

std::string name_suffix(const Place &place, const Set &set) {
	if (const auto *const range = std::get_if<Range>(&place)) {
		return name_suffix(*range, set.bounds.key, set.calendar);
	}
	if (const auto *const part = std::get_if<Remainder>(&place)) {
		return format("_h%d_%d", part->modulus, part->remainder);
	}
	return name_suffix(*std::get_if<Value>(&place));
}

std::string bound_of(const Place &place, const Set &set) {
	if (const auto *const range = std::get_if<Range>(&place)) {
		return bound_of(*range, set.bounds.key, set.calendar.zone());
	}
	if (const auto *const part = std::get_if<Remainder>(&place)) {
		return format("FOR VALUES WITH (MODULUS %d, REMAINDER %d)", part->modulus, part->remainder);
	}
	const auto *const value = std::get_if<Value>(&place);
	return "FOR VALUES IN (" + (value->is_null ? "NULL" : quoted_literal(value->text)) + ")";
}

std::string condition_of(const Place &place, const Policy &policy, const Set &set) {
	if (const auto *const range = std::get_if<Range>(&place)) {
		return condition_of(*range, set.bounds.key, set.calendar.zone());
	}
	if (const auto *const value = std::get_if<Value>(&place)) {
		return condition_of(OpenRelation(policy.parent, NoLock), *value);
	}
	return "";
}

} // namespace warden::partition
