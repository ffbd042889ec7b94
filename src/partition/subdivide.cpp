// subdivide.cpp - partition_subdivide(): what is asked for is checked whole, against the columns and the unique indexes
// of the table, before anything is written.
#include "partition/declaration.hpp"

#include "partition/tree.hpp"
#include "partition/work.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "catalog/pg_am_d.h"
#include "commands/defrem.h"
#include "pgtime.h"
#include "utils/lsyscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

// Each new partition and all below it are made in one transaction.
constexpr std::size_t most_below = 1000;
constexpr std::int64_t steps_ahead = 4; // of numbers, when nobody said

// $1 the table, $2 the column.
constinit Statement select_column{R"(
SELECT attgenerated <> '' FROM pg_attribute WHERE attrelid = $1 AND attname = $2 AND attnum > 0 AND NOT attisdropped)"};

// $1 the table, $2 the column: an index that would have to contain it.
constinit Statement select_unique{R"(
SELECT i.indexrelid
FROM pg_index i
WHERE i.indrelid = $1 AND (i.indisunique OR i.indisexclusion)
  AND NOT EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = $1 AND a.attname = $2
                    AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
ORDER BY i.indexrelid LIMIT 1)"};

struct Arguments {
	std::optional<std::string> key;
	std::optional<int32> modulus;
	std::optional<std::string> every;
	std::optional<TextArray> keys;
	std::optional<std::string> ahead;
	std::optional<std::string> keep;
};

Arguments arguments_of(FunctionCallInfo fcinfo) {
	const char *const key =
		call([&] { return fcinfo->args[2].isnull ? nullptr : NameStr(*DatumGetName(fcinfo->args[2].value)); });
	return {.key = key != nullptr ? std::optional<std::string>(key) : std::nullopt,
	        .modulus = argument<std::optional<int32>>(fcinfo, 3),
	        .every = text_argument(fcinfo, 4),
	        .keys = argument<std::optional<TextArray>>(fcinfo, 5),
	        .ahead = text_argument(fcinfo, 6),
	        .keep = text_argument(fcinfo, 7)};
}

Error required(const char *name, const char *hint) {
	return Error(ERRCODE_NULL_VALUE_NOT_ALLOWED, format("\"%s\" must not be null", name)).with_hint(hint);
}

void check_only(Method method, const Arguments &arguments) {
	const auto refuse = [&](bool is_given, const char *name, Method of) {
		if (is_given && of != method) {
			throw invalid(format("\"%s\" is of method %s", name, name_of(of)))
				.with_hint(format("Leave it out for method %s.", name_of(method)));
		}
	};
	refuse(arguments.modulus.has_value(), "modulus", Method::Hash);
	refuse(arguments.keys.has_value(), "keys", Method::List);
	refuse(arguments.every.has_value(), "every", Method::Range);
	refuse(arguments.ahead.has_value(), "ahead", Method::Range);
	refuse(arguments.keep.has_value(), "keep", Method::Range);
}

Method check_method(const std::string &name) {
	const auto method = method_of(name);
	if (!method) {
		throw invalid(format("\"method\" cannot be \"%s\"", name.c_str()))
			.with_hint("Use hash, list or range; or null to have new partitions undivided again.");
	}
	return *method;
}

/// That the server would let a partition be partitioned by the column.
void check_column(Oid parent, const std::string &column, Method method) {
	Spi spi;
	const auto found = spi.query<bool>(select_column, parent, column);
	if (found.empty()) {
		throw Error(ERRCODE_UNDEFINED_COLUMN,
		            format("column \"%s\" of table %s does not exist", column.c_str(), qualified_name(parent).c_str()))
			.with_hint("Type the name of a column for \"key\".");
	}
	if (std::get<0>(found.front())) {
		throw Error(ERRCODE_INVALID_OBJECT_DEFINITION,
		            format("cannot partition by generated column \"%s\"", column.c_str()))
			.with_hint("Use another column for \"key\".");
	}
	const Oid type = column_type(parent, column);
	const char *const access_method = method == Method::Hash ? "hash" : "btree";
	if (!OidIsValid(call(GetDefaultOpClass, type, method == Method::Hash ? HASH_AM_OID : BTREE_AM_OID))) {
		throw Error(ERRCODE_UNDEFINED_OBJECT,
		            format("data type %s has no default operator class for access method \"%s\"",
		                   call([&] { return format_type_be(type); }), access_method))
			.with_hint("Use a column of another type for \"key\".");
	}
	for (const auto &[index] : spi.query<Oid>(select_unique, parent, column)) {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, format("unique index %s does not contain column \"%s\"",
		                                                  qualified_name(index).c_str(), column.c_str()))
			.with_detail(
				"A unique index of a partitioned table contains all columns of the partition key, at each level.")
			.with_hint(format("Add the column to the index or its constraint, or use one that is in it for \"key\"."));
	}
}

int check_modulus(std::optional<int32> modulus) {
	if (!modulus) {
		throw required("modulus", "Type in how many parts each partition is to be, for instance modulus => 4.");
	}
	if (*modulus <= 0 || static_cast<std::size_t>(*modulus) > most_below) {
		throw invalid(format("\"modulus\" must be between 1 and %zu", most_below))
			.with_hint("Type in how many parts each partition is to be, for instance modulus => 4.");
	}
	return *modulus;
}

std::vector<Value> check_keys(const std::optional<TextArray> &keys, Oid parent, const std::string &column) {
	if (!keys) {
		throw required("keys",
		               "Type the values that each have a part of each partition, for instance keys => '{de,fr}'.");
	}
	const std::vector<Value> texts = values_of(*keys);
	if (texts.size() >= most_below) {
		throw invalid(format("\"keys\" has more than %zu elements", most_below - 1)).with_hint("Use method hash.");
	}
	const ListColumn list = call([&] {
		const AttrNumber number = get_attnum(parent, column.c_str());
		ListColumn found{};
		get_atttypetypmodcoll(parent, number, &found.type, &found.modifier, &found.collation);
		const Oid operators = GetDefaultOpClass(found.type, BTREE_AM_OID);
		const Oid input = get_opclass_input_type(operators);
		found.comparison = get_opfamily_proc(get_opclass_family(operators), input, input, 1);
		return found;
	});
	return read_values(list, owner_of(parent), texts);
}

void check_numbers(std::int64_t every, std::int64_t ahead, const std::optional<Span> &keep) {
	if (every <= 0 || ahead <= 0) {
		throw invalid(every <= 0 ? "\"every\" must be positive" : "\"ahead\" must be positive")
			.with_hint("Type how many numbers, for instance every => '1000000'.");
	}
	if (keep && keep->microseconds < every) {
		throw invalid("\"keep\" must not be smaller than \"every\"")
			.with_hint("Use a smaller \"every\", or a greater \"keep\", or leave it out to keep all partitions.");
	}
}

/// The lengths, as the column's type reads and writes them.
void check_range(const Arguments &arguments, Oid parent, Subdivision &subdivision) {
	const Oid type = column_type(parent, subdivision.key);
	const auto is_number = is_numeric_type(type);
	if (!is_number) {
		throw Error(ERRCODE_DATATYPE_MISMATCH, format("column \"%s\" is of type %s", subdivision.key.c_str(),
		                                              call([&] { return format_type_be(type); })))
			.with_hint("Ranges are of a timestamptz, timestamp, date, smallint, integer, bigint or numeric.");
	}
	if (!arguments.every) {
		throw required("every", *is_number ? "Type how many numbers a part is for, for instance every => '1000000'."
		                                   : "Type how long a part is, for instance every => '1 month'.");
	}
	const Span every = read_span(*arguments.every, *is_number);
	const auto keep = arguments.keep ? std::optional(read_span(*arguments.keep, *is_number)) : std::nullopt;
	Span ahead;
	if (*is_number) {
		const std::int64_t most = end / steps_ahead;
		ahead = arguments.ahead ? read_span(*arguments.ahead, true)
		                        : Span{.microseconds = std::min(every.microseconds, most) * steps_ahead};
		check_numbers(every.microseconds, ahead.microseconds, keep);
	} else {
		const Step step = check_every(every, key_of(type, subdivision.key, std::nullopt));
		ahead = arguments.ahead ? read_span(*arguments.ahead, false) : default_ahead(step);
		check_ahead(ahead);
		if (keep) {
			check_keep(*keep, every);
		}
	}
	pin_notation();
	subdivision.every = write_span(every, *is_number);
	subdivision.ahead = write_span(ahead, *is_number);
	subdivision.keep = keep ? std::optional(write_span(*keep, *is_number)) : std::nullopt;
}

/// That of the set, else the one it had, else that of the session.
std::string choose_timezone(const Policy &policy) {
	if (policy.kind.method == Method::Range && !policy.is_of_numbers()) {
		return policy.timezone;
	}
	const auto &known = policy.kind.subdivision;
	return known && !known->timezone.empty() ? known->timezone
	                                         : std::string(call(pg_get_timezone_name, session_timezone));
}

Subdivision check_arguments(Method method, const Arguments &arguments, const Policy &policy) {
	const Oid parent = policy.parent;
	check_only(method, arguments);
	if (!arguments.key) {
		throw required("key", "Type the column that partitions are partitioned by.");
	}
	check_column(parent, *arguments.key, method);
	Subdivision subdivision;
	subdivision.method = method;
	subdivision.key = *arguments.key;
	switch (method) {
	case Method::Hash:
		subdivision.modulus = check_modulus(arguments.modulus);
		break;
	case Method::List:
		subdivision.keys = check_keys(arguments.keys, parent, subdivision.key);
		break;
	case Method::Range:
		check_range(arguments, parent, subdivision);
		subdivision.timezone = choose_timezone(policy);
		break;
	}
	return subdivision;
}

/// What was made before stays as it is, which is said once.
void tell_undivided(OutcomeRows &rows, const Policy &policy, const Subdivision &below) {
	const std::size_t count = count_undivided(policy, below);
	if (count > 0) {
		rows.add(policy.parent, std::nullopt, "maintain", "skipped", std::nullopt,
		         format("%zu %s not partitioned by %s of column \"%s\", and %s as %s.", count,
		                count == 1 ? "partition is" : "partitions are", name_of(below.method), below.key.c_str(),
		                count == 1 ? "stays" : "stay", count == 1 ? "it is" : "they are"));
	}
}

const char *how_to_have_fewer(Method method) {
	return method == Method::Hash   ? "Use a smaller \"modulus\""
	       : method == Method::List ? "Use fewer \"keys\""
	                                : "Use a longer \"every\", or a shorter \"ahead\"";
}

/// A tree is made in one transaction, and dropped in one.
void check_below(const Policy &policy, Method method) {
	const std::size_t below = count_below(policy, examine(policy));
	if (below > most_below) {
		throw invalid(format("more than %zu partitions would be made below each", most_below))
			.with_hint(format("%s.", how_to_have_fewer(method)));
	}
	const std::size_t each = locks_per_partition(policy.parent);
	if (each * (1 + below) > locks_of_the_server()) {
		throw Error(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
		            format("a partition with %zu partitions below it needs more locks than the server has", below))
			.with_detail(
				format("To make one and to drop it takes about %zu locks in one transaction, %zu for each table. "
		               "The server has %zu for all transactions.",
		               each * (1 + below), each, locks_of_the_server()))
			.with_hint(format("%s, or increase \"max_locks_per_transaction\".", how_to_have_fewer(method)));
	}
}

Policy declared_policy(Oid parent) {
	auto policy = find_policy(parent);
	if (!policy) {
		throw Error(ERRCODE_UNDEFINED_OBJECT, format("table %s is not managed", qualified_name(parent).c_str()))
			.with_hint(
				"Declare it first, with warden.partition_by_time(), partition_by_number(), partition_by_list() or "
				"partition_by_hash().");
	}
	return std::move(*policy);
}

} // namespace

/// partition_subdivide(parent regclass, method text, key name, modulus int, every text, keys text[], ahead text, keep
/// text, dry_run boolean) returns table (parent, partition, action, status, command, detail)
PG_FUNCTION(partition_subdivide) {
	const auto parent = required_argument<Oid>(fcinfo, 0, "parent");
	const auto dry_run = required_argument<bool>(fcinfo, 8, "dry_run");
	check_owner(parent);
	if (!dry_run) {
		call(PreventCommandIfReadOnly, "warden.partition_subdivide()");
	}
	OutcomeRows rows(fcinfo);
	const Arguments arguments = arguments_of(fcinfo);
	const auto method = text_argument(fcinfo, 1);
	const PinnedSettings settings;
	lock(parent, dry_run ? AccessShareLock : ShareUpdateExclusiveLock);
	Policy policy = declared_policy(parent);
	if (method) {
		policy.kind.subdivision = check_arguments(check_method(*method), arguments, policy);
		check_below(policy, policy.kind.subdivision->method);
	} else {
		policy.kind.subdivision.reset();
	}
	if (!dry_run) {
		write_subdivision(parent, policy.kind.subdivision);
	}
	std::size_t locks = locks_of_a_transaction();
	maintain_tree(rows, policy, dry_run ? Mode::DryRun : Mode::Declare, locks);
	if (const auto &below = policy.kind.subdivision) {
		tell_undivided(rows, policy, *below);
	}
	PG_RETURN_NULL();
}

} // namespace warden::partition
