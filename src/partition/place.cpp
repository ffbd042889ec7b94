#include "partition/place.hpp"

#include "partition/default_survey.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <iterator>

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

/// How many rows of a value are in the default partition, up to a limit.
std::int64_t count_rows(Oid default_partition, const std::string &condition, std::int64_t limit) {
	if (!OidIsValid(default_partition)) {
		return 0;
	}
	const std::string name = qualified_name(default_partition);
	const AsOwner owner(owner_of(default_partition));
	pin_notation();
	Spi spi;
	return std::get<0>(spi.query<int64>(format("SELECT count(*) FROM (SELECT FROM %s WHERE %s LIMIT %ld) found",
	                                           name.c_str(), condition.c_str(), limit)
	                                        .c_str())
	                       .front());
}

/// Those of the values that a default partition has many rows of that have no partition: the most frequent ones, as
/// each is to be counted.
std::vector<Value> undeclared_values(const OpenRelation &parent, const Policy &policy, const Bounds &bounds) {
	if (!OidIsValid(bounds.default_partition) || !policy.kind.min_rows) {
		return {};
	}
	auto values =
		without_partition(parent, frequent_values(bounds.default_partition, bounds.key.column, *policy.kind.min_rows));
	values.resize(std::min(values.size(), most_told));
	return values;
}

/// Declared values without a partition, and whether the default partition has rows of them; and others that it has many
/// rows of.  As long as there are none, nothing is read but the descriptor and statistics.  A default partition that is
/// big and has no index is read only to tell somebody: no maintenance can do anything about it.
Missing missing_values(const Policy &policy, const Set &set, std::size_t limit, Looks looks) {
	const Bounds &bounds = set.bounds;
	const OpenRelation parent(policy.parent, NoLock);
	std::vector<Value> values = without_partition(parent, policy.kind.keys);
	const std::size_t declared = values.size();
	if (looks == Looks::ToTell) {
		std::ranges::copy(undeclared_values(parent, policy, bounds), std::back_inserter(values));
		values = read_values(list_column(parent), owner_of(policy.parent), values); // one may be in both
	}
	const bool searches = looks == Looks::ToTell || values.empty() || !is_slow_to_search(policy, set);
	const std::int64_t enough = std::min(policy.kind.min_rows.value_or(1), Collision::most_counted);
	Missing missing;
	for (std::size_t i = 0; i < values.size() && missing.places.size() < limit; ++i) {
		check_for_interrupts();
		const std::int64_t rows = searches ? count_rows(bounds.default_partition, condition_of(parent, values[i]),
		                                                looks == Looks::ToTell ? Collision::most_counted : 1)
		                                   : 0;
		if (rows >= (i < declared ? 1 : enough)) {
			missing.collisions.push_back({values[i], rows, i < declared});
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
