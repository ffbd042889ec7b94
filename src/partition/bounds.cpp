#include "partition/bounds.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <array>

extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_partitioned_table.h"
#include "nodes/parsenodes.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/partcache.h"
#include "utils/syscache.h"
#include "utils/uuid.h"
}

namespace warden::partition {

using namespace pg;

namespace {

// Server code.  A date that is no timestamp any more is as good as infinite; that it comes before MAXVALUE stays true.
Moment moment_of_time(Datum datum, Oid type) {
	int overflow = 0;
	const Timestamp moment =
		type == DATEOID ? date2timestamp_opt_overflow(DatumGetDateADT(datum), &overflow) : DatumGetTimestamp(datum);
	if (overflow > 0 || TIMESTAMP_IS_NOEND(moment)) {
		return infinity;
	}
	return overflow < 0 || TIMESTAMP_IS_NOBEGIN(moment) ? minus_infinity : moment;
}

// Server code.  The first whole number that is not before it; NaN comes after all.
Moment moment_of_numeric(Datum datum) {
	const auto is_before = [](Datum a, Datum b) { return DatumGetInt32(DirectFunctionCall2(numeric_cmp, a, b)) < 0; };
	const Datum least = DirectFunctionCall1(int8_numeric, Int64GetDatum(first_moment));
	const Datum most = DirectFunctionCall1(int8_numeric, Int64GetDatum(last_moment));
	if (is_before(most, datum)) {
		return infinity;
	}
	if (is_before(datum, least)) {
		return minus_infinity;
	}
	const Datum whole = DirectFunctionCall1(numeric_ceil, datum);
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, whole));
}

// Server code.
Moment to_moment(Datum datum, Oid type, Notation notation) {
	switch (type) {
	case INT2OID:
		return moment_of(DatumGetInt16(datum), notation);
	case INT4OID:
		return moment_of(DatumGetInt32(datum), notation);
	case INT8OID:
		return moment_of(DatumGetInt64(datum), notation);
	case NUMERICOID:
		return moment_of_numeric(datum);
	case UUIDOID: {
		std::array<std::uint8_t, UUID_LEN> bytes{};
		memcpy(bytes.data(), DatumGetUUIDP(datum)->data, UUID_LEN);
		return moment_of(bytes);
	}
	case TEXTOID:
	case VARCHAROID: {
		const text *const value = DatumGetTextPP(datum);
		return moment_of_ulid({VARDATA_ANY(value), static_cast<size_t>(VARSIZE_ANY_EXHDR(value))});
	}
	default:
		return moment_of_time(datum, type);
	}
}

// Server code.
Moment to_moment(PartitionRangeDatumKind kind, Datum datum, Oid type, Notation notation) {
	switch (kind) {
	case PARTITION_RANGE_DATUM_MINVALUE:
		return beginning;
	case PARTITION_RANGE_DATUM_MAXVALUE:
		return end;
	case PARTITION_RANGE_DATUM_VALUE:
		break;
	}
	return to_moment(datum, type, notation);
}

constinit Statement select_detaching{"SELECT inhrelid FROM pg_inherits WHERE inhparent = $1 AND inhdetachpending"};

// The key's parts, for server code to fill.
struct PlainKey {
	Oid type;
	Oid collation;
	Notation notation;
	const char *column;
};

// What to do with a key that does not tell the time by itself.
const char *hint_for(Oid type) {
	switch (type) {
	case INT2OID:
	case NUMERICOID:
		return "Use warden.partition_by_number().";
	case INT4OID:
	case INT8OID:
		return "If it is a time, add key_format => 'unix_seconds', 'unix_milliseconds', 'unix_microseconds' or "
			   "'unix_nanoseconds'; else use warden.partition_by_number().";
	case UUIDOID:
		return "Add key_format => 'uuidv7' if the uuids begin with the time.";
	case TEXTOID:
	case VARCHAROID:
		return "Add key_format => 'ulid' if the texts are ULIDs.";
	default:
		return "Partition the table by a column of type timestamptz, timestamp or date.";
	}
}

// Server code.
Notation native_notation(Relation parent, Oid type) {
	switch (type) {
	case TIMESTAMPTZOID:
		return Notation::Timestamptz;
	case TIMESTAMPOID:
		return Notation::Timestamp;
	case DATEOID:
		return Notation::Date;
	default:
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
		        errmsg("partition key of table \"%s\" is of type %s", RelationGetRelationName(parent),
		               format_type_be(type)),
		        errhint("%s", hint_for(type)));
	}
}

// Server code.  Whether keys of a type can be written so.
bool fits(Oid type, Notation notation) {
	switch (type) {
	case INT2OID:
		return notation == Notation::Number;
	case INT4OID:
		return notation == Notation::Number || notation == Notation::UnixSeconds;
	case INT8OID:
		return notation == Notation::Number || is_unix_time(notation);
	case NUMERICOID:
		return notation == Notation::Number;
	case UUIDOID:
		return notation == Notation::UuidV7;
	case TEXTOID:
	case VARCHAROID:
		return notation == Notation::Ulid;
	default:
		return false;
	}
}

// Server code.
void check_notation(Relation parent, PartitionKey key, Notation notation) {
	const Oid type = key->parttypid[0];
	if (!fits(type, notation)) {
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
		        errmsg("partition key of table \"%s\" is of type %s", RelationGetRelationName(parent),
		               format_type_be(type)),
		        notation == Notation::Number
		            ? errhint("Partition the table by a column of type smallint, integer, bigint or numeric.")
		            : errhint("A key of unix_seconds is an integer or a bigint, one of unix_milliseconds, "
		                      "unix_microseconds or unix_nanoseconds a bigint, of uuidv7 a uuid, of ulid a text."));
	}
}

// Server code.
PartitionKey read_range_key(Relation parent) {
	if (parent->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) {
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
		        errmsg("\"%s\" is not a partitioned table", RelationGetRelationName(parent)),
		        errdetail_relkind_not_supported(parent->rd_rel->relkind),
		        errhint("Create the table with PARTITION BY RANGE."));
	}
	// The relation cache evaluates what is constant in an expression, which is code of the table's owner, as whoever
	// asks.
	if (has_key_expression(parent)) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("partition key of table \"%s\" is an expression", RelationGetRelationName(parent)),
		        errhint("Partition the table by a column."));
	}
	const PartitionKey key = RelationGetPartitionKey(parent);
	if (key->strategy != PARTITION_STRATEGY_RANGE) {
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
		        errmsg("table \"%s\" is not partitioned by range", RelationGetRelationName(parent)),
		        errdetail("It is partitioned by %s.", key->strategy == PARTITION_STRATEGY_LIST ? "list" : "hash"),
		        errhint("Time and numbers need a table that is created with PARTITION BY RANGE."));
	}
	if (key->partnatts != 1) {
		ereport(
			ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("table \"%s\" has a partition key of %d columns", RelationGetRelationName(parent), key->partnatts),
			errhint("Create the table with PARTITION BY RANGE of one column."));
	}
	return key;
}

// Server code.
PlainKey read_plain_key(Relation parent, const Notation *declared) {
	const PartitionKey key = read_range_key(parent);
	const Oid type = key->parttypid[0];
	const Notation notation = declared != nullptr ? *declared : native_notation(parent, type);
	if (declared != nullptr) {
		check_notation(parent, key, notation);
	}
	return {type, key->partcollation[0], notation,
	        NameStr(TupleDescAttr(RelationGetDescr(parent), key->partattrs[0] - 1)->attname)};
}

Integer width_of(Oid type) {
	return type == INT2OID ? Integer::Two : type == INT4OID ? Integer::Four : Integer::Eight;
}

// Server code: the bound of one partition from its catalogue row.
PartitionBoundSpec *read_bound_spec(Oid partition) {
	const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(partition));
	if (!HeapTupleIsValid(tuple)) {
		return nullptr;
	}
	bool is_null = false;
	const Datum bound = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relpartbound, &is_null);
	auto *const spec = is_null ? nullptr : castNode(PartitionBoundSpec, stringToNode(TextDatumGetCString(bound)));
	ReleaseSysCache(tuple);
	return spec;
}

// Server code.
Moment to_moment(const List *bound, Notation notation) {
	const auto *const datum = linitial_node(PartitionRangeDatum, bound);
	if (datum->kind != PARTITION_RANGE_DATUM_VALUE) {
		return to_moment(datum->kind, 0, InvalidOid, notation);
	}
	const auto *const value = castNode(Const, datum->value);
	return to_moment(value->constvalue, value->consttype, notation);
}

// Server code.  False if it is no range.
bool read_range(const PartitionBoundSpec *spec, std::optional<Notation> declared, Range &range) {
	if (spec == nullptr || spec->is_default || spec->strategy != PARTITION_STRATEGY_RANGE) {
		return false;
	}
	const Notation notation = declared.value_or(Notation::Timestamptz); // time is read by its type
	range = {to_moment(spec->lowerdatums, notation), to_moment(spec->upperdatums, notation)};
	return true;
}

// $1 a collation: whether it orders text by its bytes.
constinit Statement is_bytewise{R"(
SELECT CASE WHEN collprovider = 'c' THEN collcollate IN ('C', 'POSIX')
            WHEN collprovider = 'd' THEN datlocprovider = 'c' AND datcollate IN ('C', 'POSIX') OR datlocprovider = 'b'
            ELSE collprovider = 'b' END
FROM pg_collation c, pg_database d
WHERE c.oid = $1 AND d.datname = current_database())"};

void check_collation(const OpenRelation &parent, const PlainKey &key) {
	const PinnedSettings settings;
	Spi spi;
	const auto found = spi.query<bool>(is_bytewise, key.collation);
	if (found.empty() || !std::get<0>(found.front())) {
		throw Error(ERRCODE_DATATYPE_MISMATCH, format("partition key of table \"%s\" is not sorted by its bytes",
		                                              NameStr(parent->rd_rel->relname)))
			.with_detail("ULIDs are in the order of time in collation \"C\" only.")
			.with_hint(format("Create the table with PARTITION BY RANGE (%s COLLATE \"C\").",
		                      call([&] { return quote_identifier(key.column); })));
	}
}

struct Bound {
	Moment moment;
	const char *text;
};

// Server code.  Those that are keys, in order.
size_t read_bounds_as_text(Relation parent, Notation notation, Bound *bounds) {
	const PartitionBoundInfo info = RelationGetPartitionDesc(parent, false)->boundinfo;
	const Oid type = RelationGetPartitionKey(parent)->parttypid[0];
	Oid output = InvalidOid;
	bool is_varlena = false;
	getTypeOutputInfo(type, &output, &is_varlena);
	size_t count = 0;
	for (int i = 0; i < info->ndatums; ++i) {
		if (info->kind[i][0] == PARTITION_RANGE_DATUM_VALUE) {
			bounds[count++] = {to_moment(info->datums[i][0], type, notation),
			                   OidOutputFunctionCall(output, info->datums[i][0])};
		}
	}
	return count;
}

std::map<Moment, Foreign> read_foreign(Relation parent, const Key &key) {
	const size_t most = call([&] {
		const PartitionBoundInfo info = RelationGetPartitionDesc(parent, false)->boundinfo;
		return info != nullptr ? static_cast<size_t>(info->ndatums) : 0;
	});
	std::vector<Bound> bounds(most);
	Bound *const data = bounds.data();
	const size_t count = most > 0 ? call(read_bounds_as_text, parent, key.notation, data) : 0;
	std::map<Moment, Foreign> foreign;
	for (size_t i = 0; i < count; ++i) {
		const auto &[moment, text] = bounds[i];
		if (foreign.contains(moment)) {
			foreign[moment].greatest = text;
		} else if (!is_finite(moment) || literal(moment, key.notation, no_zone()) != text) {
			foreign[moment] = {text, text};
		}
	}
	return foreign;
}

} // namespace

bool has_finer_keys(Oid type, Notation notation) {
	return type == NUMERICOID || type == UUIDOID || type == TEXTOID || type == VARCHAROID ||
	       notation == Notation::UnixNanoseconds;
}

bool fits_notation(Oid type, std::optional<Notation> declared) {
	return declared ? fits(type, *declared) : type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
}

const char *hint_for_key(Oid type) {
	return hint_for(type);
}

bool has_key_expression(Relation parent) {
	const HeapTuple tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(RelationGetRelid(parent)));
	if (!HeapTupleIsValid(tuple)) {
		return false;
	}
	const bool has_expression = !heap_attisnull(tuple, Anum_pg_partitioned_table_partexprs, nullptr);
	ReleaseSysCache(tuple);
	return has_expression;
}

Key read_key(const OpenRelation &parent, std::optional<Notation> declared) {
	const PlainKey key = call(read_plain_key, parent.get(), declared ? &*declared : nullptr);
	if (key.notation == Notation::Ulid) {
		check_collation(parent, key);
	}
	return key_of(key.type, key.column, key.notation);
}

Key key_of(Oid type, const std::string &column, std::optional<Notation> declared) {
	const Notation notation = declared               ? *declared
	                          : type == DATEOID      ? Notation::Date
	                          : type == TIMESTAMPOID ? Notation::Timestamp
	                                                 : Notation::Timestamptz;
	return {type, notation, domain_of(notation, width_of(type)), column, {}};
}

Bounds read_bounds(const OpenRelation &parent, std::optional<Notation> declared) {
	Bounds bounds{read_key(parent, declared), {}, {}, InvalidOid, {}};
	const Oid type = bounds.key.type;
	const Notation notation = bounds.key.notation;

	if (has_finer_keys(type, notation)) {
		bounds.key.foreign = read_foreign(parent.get(), bounds.key);
	}
	const PartitionDesc descriptor = call(RelationGetPartitionDesc, parent.get(), false);
	bounds.is_detaching = descriptor->detached_exist;
	const PartitionBoundInfo info = descriptor->boundinfo;
	if (info == nullptr) {
		return bounds; // no partitions
	}
	if (info->default_index >= 0) {
		bounds.default_partition = descriptor->oids[info->default_index];
	}
	const auto count = static_cast<size_t>(descriptor->nparts);
	bounds.ranges.resize(count);
	bounds.oids.resize(count);
	// datums[i] ends the partition indexes[i], or a gap if that is -1, and datums[i - 1] begins it.
	const size_t found = call([&] {
		size_t n = 0;
		for (int i = 1; i < info->ndatums; ++i) {
			if (info->indexes[i] >= 0) {
				bounds.ranges[n] = {to_moment(info->kind[i - 1][0], info->datums[i - 1][0], type, notation),
				                    to_moment(info->kind[i][0], info->datums[i][0], type, notation)};
				bounds.oids[n] = descriptor->oids[info->indexes[i]];
				++n;
			}
		}
		return n;
	});
	bounds.ranges.resize(found);
	bounds.oids.resize(found);
	return bounds;
}

Oid find_detaching(Oid parent) {
	Spi spi;
	const auto found = spi.query_latest<Oid>(select_detaching, parent);
	return found.empty() ? InvalidOid : std::get<0>(found.front());
}

std::optional<Range> read_range(Oid parent, Oid partition, std::optional<Notation> declared) {
	Range range{};
	const bool found = call([&] {
		return read_range(read_bound_spec(partition), declared, range) &&
		       get_partition_parent(partition, true) == parent && !PartitionHasPendingDetach(partition);
	});
	return found ? std::optional(range) : std::nullopt;
}

std::optional<Range> range_of_bound(const std::string &bound, std::optional<Notation> declared) {
	Range range{};
	const char *const text = bound.c_str();
	const bool found =
		call([&] { return read_range(castNode(PartitionBoundSpec, stringToNode(text)), declared, range); });
	return found ? std::optional(range) : std::nullopt;
}

Moment moment_of_key(Datum datum, Oid type, Notation notation) {
	return to_moment(datum, type, notation);
}

Zone key_zone(const Key &key, const Zone &zone) {
	return has_instants(key.notation) ? zone : no_zone();
}

Moment to_key(Moment instant, const Key &key, const Zone &zone) {
	return instant == beginning || instant == end || has_instants(key.notation) ? instant : zone.wall(instant);
}

Moment from_key(Moment value, const Key &key, const Zone &zone) {
	return !is_finite(value) || has_instants(key.notation) ? value : zone.instant(value);
}

Moment key_now(const Key &key, const Zone &zone) {
	return to_key(call(GetCurrentTimestamp), key, zone);
}

std::string show_bound(Moment bound, Side side, const Key &key, const Zone &zone) {
	if (const auto found = key.foreign.find(bound); found != key.foreign.end()) {
		// What ends there must not reach into the first of them, and what begins there not be reached by the last.
		return side == Side::Upper ? found->second.least : found->second.greatest;
	}
	if (is_finite(bound)) {
		return literal(bound, key.notation, key_zone(key, zone));
	}
	return bound == beginning ? "MINVALUE" : bound == end ? "MAXVALUE" : bound == infinity ? "infinity" : "-infinity";
}

std::string write_bound(Moment bound, Side side, const Key &key, const Zone &zone) {
	const std::string text = show_bound(bound, side, key, zone);
	return bound == beginning || bound == end ? text : quoted_literal(text);
}

} // namespace warden::partition
