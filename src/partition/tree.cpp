#include "partition/tree.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/zone.hpp"

#include <algorithm>

extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_partitioned_table.h"
#include "partitioning/partdesc.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constexpr std::size_t most_below = 10'000;

constinit Statement has_failed{R"(
SELECT EXISTS (SELECT FROM warden.partition_states
               WHERE parent = $1 AND (last_error IS NOT NULL OR colliding + skipped > 0)))"};

// Server code.
char strategy_of(Method method) {
	return method == Method::Range  ? PARTITION_STRATEGY_RANGE
	       : method == Method::List ? PARTITION_STRATEGY_LIST
	                                : PARTITION_STRATEGY_HASH;
}

// Server code.  Whether a table is partitioned in a way by one column, and which.
const char *key_column(Oid table, char strategy) {
	const HeapTuple tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(table));
	if (!HeapTupleIsValid(tuple)) {
		return nullptr;
	}
	const auto *const form = reinterpret_cast<Form_pg_partitioned_table>(GETSTRUCT(tuple));
	const AttrNumber number =
		form->partstrat == strategy && form->partnatts == 1 ? form->partattrs.values[0] : InvalidAttrNumber;
	ReleaseSysCache(tuple);
	return number != InvalidAttrNumber ? get_attname(table, number, true) : nullptr;
}

bool is_by(Oid table, Method method, const std::string &column) {
	const char *const found = call(key_column, table, strategy_of(method));
	return found != nullptr && column == found;
}

/// The bounds of a partition, if what is below it is by range of the same column: they are its limits.
std::optional<Range> limits_of(const Policy &above, const Subdivision &below, Oid partition) {
	if (below.method != Method::Range || above.kind.method != Method::Range ||
	    !is_by(above.parent, Method::Range, below.key)) {
		return std::nullopt;
	}
	return read_range(above.parent, partition, above.notation);
}

/// What holds for a partition of a set.
Policy policy_below(const Policy &above, const Subdivision &below, Oid parent) {
	Policy policy = policy_of_kind(parent, below.method);
	policy.kind.modulus = below.modulus;
	policy.kind.keys = below.keys;
	policy.kind.declared_on = above.parent;
	policy.retention = above.retention;
	policy.retention.keep.reset();
	policy.retention.partitions.reset();
	policy.retention.bytes.reset();
	policy.storage_parameters = above.storage_parameters;
	if (below.method != Method::Range) {
		return policy;
	}
	const bool is_number = is_numeric_type(column_type(above.parent, below.key)).value_or(false);
	policy.notation = is_number ? std::optional(Notation::Number) : std::nullopt;
	policy.every = read_span(below.every, is_number);
	const auto span = [&](const std::optional<std::string> &text) {
		return text ? std::optional(read_span(*text, is_number)) : std::nullopt;
	};
	policy.ahead = span(below.ahead).value_or(Span{});
	policy.retention.keep = span(below.keep);
	if (!is_number) {
		policy.timezone = below.timezone;
		policy.anchor =
			default_anchor(step_of(policy.every).value_or(Step{Step::Unit::Day, 1}), server_zone(below.timezone));
	}
	return policy;
}

/// Not a default partition: how it is partitioned is for what nothing else takes.
bool fits(const Policy &above, const Subdivision &below, Oid partition) {
	return is_by(partition, below.method, below.key) && partition != call(get_default_partition_oid, above.parent);
}

/// The policy of a partition that exists.
Policy policy_of_partition(const Policy &above, const Subdivision &below, Oid partition) {
	Policy policy = policy_below(above, below, partition);
	policy.kind.limits = limits_of(above, below, partition);
	const AsExtension owner;
	policy.failed = std::get<0>(Spi().query_latest<bool>(has_failed, partition).front());
	return policy;
}

std::vector<Oid> partitions_of(Oid parent) {
	const OpenRelation table(parent, NoLock);
	const PartitionDesc descriptor = call(RelationGetPartitionDesc, table.get(), false);
	return {descriptor->oids, descriptor->oids + descriptor->nparts};
}

std::string partition_by(Method method, const std::string &column) {
	const char *const name = method == Method::Range ? "RANGE" : method == Method::List ? "LIST" : "HASH";
	return std::string(name) + " (" + call([&] { return quote_identifier(column.c_str()); }) + ")";
}

/// The keys of a list below a set that can be read: another must not keep the tree from being made, and is told of
/// where there is one.
std::vector<Value> readable_keys(const Policy &above, const Subdivision &below) {
	std::vector<Value> keys = below.keys;
	if (OidIsValid(column_type(above.parent, below.key))) {
		const ListColumn column = call([&] {
			ListColumn found{};
			get_atttypetypmodcoll(above.parent, get_attnum(above.parent, below.key.c_str()), &found.type,
			                      &found.modifier, &found.collation);
			return found;
		});
		std::ignore = take_unreadable(column, owner_of(above.parent), keys);
	}
	return keys;
}

/// What a partition has below it from the beginning.
std::vector<Placement> placements_below(const Policy &above, const Subdivision &below, const Place &place) {
	// Nothing is there yet: what can be known of it is known of the set above.
	Policy policy = policy_below(above, below, above.parent);
	Bounds bounds{{}, {}, {}, InvalidOid, {}};
	if (below.method == Method::Range) {
		const auto *const range = std::get_if<Range>(&place);
		policy.kind.limits =
			range != nullptr && is_by(above.parent, Method::Range, below.key) ? std::optional(*range) : std::nullopt;
		bounds.key = key_of(column_type(above.parent, below.key), below.key, policy.notation);
	}
	std::vector<Place> places;
	const Set set = examine(policy, std::move(bounds));
	if (below.method == Method::List) {
		for (const Value &value : readable_keys(above, below)) {
			places.emplace_back(value);
		}
	} else {
		places = find_missing(policy, set, most_below, Looks::ToCreate).places;
	}
	std::vector<Placement> placements;
	placements.reserve(places.size() + 1);
	for (const Place &child : places) {
		placements.push_back({name_suffix(child, set), bound_of(child, set), "", {}});
	}
	if (below.method == Method::List) {
		placements.push_back({"_default", "DEFAULT", "", {}});
	}
	return placements;
}

} // namespace

std::optional<Policy> governing_policy(Oid parent) {
	std::vector<Policy> declared = read_policies(parent);
	if (!declared.empty()) {
		return std::move(declared.front());
	}
	if (!call(get_rel_relispartition, parent)) {
		return std::nullopt;
	}
	declared = read_policies(call(get_partition_parent, parent, true));
	if (declared.empty()) {
		return std::nullopt;
	}
	const Policy &above = declared.front();
	const auto &below = above.kind.subdivision;
	return below && fits(above, *below, parent) ? std::optional(policy_of_partition(above, *below, parent))
	                                            : std::nullopt;
}

Policy known_policy(Oid parent) {
	std::optional<Policy> policy = governing_policy(parent);
	if (!policy) {
		throw Error(ERRCODE_UNDEFINED_OBJECT, format("table %s is not managed", qualified_name(parent).c_str()))
			.with_hint("Declare it with warden.partition_by_time(), partition_by_number(), partition_by_list() or "
		               "partition_by_hash().");
	}
	return std::move(*policy);
}

Policy own_policy(Oid parent) {
	check_owner(parent);
	return known_policy(parent);
}

std::vector<Policy> policies_below(const Policy &policy) {
	std::vector<Policy> policies;
	const PinnedSettings settings;
	const auto &below = policy.kind.subdivision;
	if (!below || take_lock(policy.parent, AccessShareLock) || !relation_exists(policy.parent)) {
		return policies;
	}
	const Oid detaching = find_detaching(policy.parent);
	for (const Oid partition : partitions_of(policy.parent)) {
		check_for_interrupts();
		if (fits(policy, *below, partition) && owns(partition) && partition != detaching) {
			policies.push_back(policy_of_partition(policy, *below, partition));
		}
	}
	return policies;
}

std::size_t count_undivided(const Policy &policy, const Subdivision &below) {
	std::vector<Oid> partitions = partitions_of(policy.parent);
	std::erase_if(partitions, [&](Oid partition) { return fits(policy, below, partition); });
	return partitions.size();
}

Placement placement_of(const Policy &policy, const Set &set, const Place &place) {
	Placement placement{name_suffix(place, set), bound_of(place, set), "", {}};
	if (const auto &below = policy.kind.subdivision) {
		placement.partition_by = partition_by(below->method, below->key);
		placement.children = placements_below(policy, *below, place);
	}
	return placement;
}

std::size_t count_below(const Policy &policy, const Set &set) {
	const auto &below = policy.kind.subdivision;
	if (!below) {
		return 0;
	}
	const std::int64_t current = set.calendar.number(is_finite(set.window.now) ? set.window.now : 0);
	const Range range{set.calendar.start(current), set.calendar.start(current + 1)};
	return placements_below(policy, *below, range).size();
}

Oid column_type(Oid table, const std::string &column) {
	return call([&] {
		const AttrNumber number = get_attnum(table, column.c_str());
		return number > 0 ? get_atttype(table, number) : InvalidOid;
	});
}

std::optional<bool> is_numeric_type(Oid type) {
	switch (type) {
	case TIMESTAMPTZOID:
	case TIMESTAMPOID:
	case DATEOID:
		return false;
	case INT2OID:
	case INT4OID:
	case INT8OID:
	case NUMERICOID:
		return true;
	default:
		return std::nullopt;
	}
}

Span read_span(const std::string &text, bool is_number) {
	return call([&] {
		if (is_number) {
			const Datum number = DirectFunctionCall1(int8in, CStringGetDatum(text.c_str()));
			return Span{.microseconds = DatumGetInt64(number)};
		}
		return SqlType<Span>::from_datum(DirectFunctionCall3(interval_in, CStringGetDatum(text.c_str()),
		                                                     ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	});
}

std::string write_span(const Span &span, bool is_number) {
	if (is_number) {
		return format("%ld", span.microseconds);
	}
	return call([&] { return DatumGetCString(DirectFunctionCall1(interval_out, SqlType<Span>::to_datum(span))); });
}

} // namespace warden::partition
