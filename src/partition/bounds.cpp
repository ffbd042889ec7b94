#include "partition/bounds.hpp"

#include "pg/spi.hpp"

extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_partitioned_table.h"
#include "nodes/parsenodes.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/date.h"
#include "utils/partcache.h"
#include "utils/syscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

// Server code.  A date that is no timestamp any more is as good as infinite; that it comes before MAXVALUE stays true.
Moment to_moment(Datum datum, Oid type) {
	int overflow = 0;
	const Timestamp moment =
		type == DATEOID ? date2timestamp_opt_overflow(DatumGetDateADT(datum), &overflow) : DatumGetTimestamp(datum);
	if (overflow > 0 || TIMESTAMP_IS_NOEND(moment)) {
		return infinity;
	}
	return overflow < 0 || TIMESTAMP_IS_NOBEGIN(moment) ? minus_infinity : moment;
}

// Server code.
Moment to_moment(PartitionRangeDatumKind kind, Datum datum, Oid type) {
	switch (kind) {
	case PARTITION_RANGE_DATUM_MINVALUE:
		return beginning;
	case PARTITION_RANGE_DATUM_MAXVALUE:
		return end;
	case PARTITION_RANGE_DATUM_VALUE:
		break;
	}
	return to_moment(datum, type);
}

constinit Statement select_detaching{"SELECT inhrelid FROM pg_inherits WHERE inhparent = $1 AND inhdetachpending"};

// The key's parts, for server code to fill.
struct PlainKey {
	Oid type;
	const char *column;
};

// Server code.
bool has_key_expression(Relation parent) {
	const HeapTuple tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(RelationGetRelid(parent)));
	if (!HeapTupleIsValid(tuple)) {
		return false;
	}
	const bool has_expression = !heap_attisnull(tuple, Anum_pg_partitioned_table_partexprs, nullptr);
	ReleaseSysCache(tuple);
	return has_expression;
}

// Server code.
PlainKey read_plain_key(Relation parent) {
	if (parent->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) {
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
		        errmsg("\"%s\" is not a partitioned table", RelationGetRelationName(parent)),
		        errdetail_relkind_not_supported(parent->rd_rel->relkind),
		        errhint("Create the table with PARTITION BY RANGE (a column of type timestamptz, timestamp or date)."));
	}
	// The relation cache evaluates what is constant in an expression, which is code of the table's owner, as whoever
	// asks.
	if (has_key_expression(parent)) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("partition key of table \"%s\" is an expression", RelationGetRelationName(parent)),
		        errhint("Partition the table by a column of type timestamptz, timestamp or date."));
	}
	const PartitionKey key = RelationGetPartitionKey(parent);
	if (key->strategy != PARTITION_STRATEGY_RANGE) {
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
		        errmsg("table \"%s\" is not partitioned by range", RelationGetRelationName(parent)),
		        errdetail("It is partitioned by %s.", key->strategy == PARTITION_STRATEGY_LIST ? "list" : "hash"),
		        errhint("Time needs a table that is created with PARTITION BY RANGE."));
	}
	if (key->partnatts != 1) {
		ereport(
			ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("table \"%s\" has a partition key of %d columns", RelationGetRelationName(parent), key->partnatts),
			errhint("Create the table with PARTITION BY RANGE of one column."));
	}
	const Oid type = key->parttypid[0];
	if (type != TIMESTAMPTZOID && type != TIMESTAMPOID && type != DATEOID) {
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
		        errmsg("partition key of table \"%s\" is of type %s", RelationGetRelationName(parent),
		               format_type_be(type)),
		        errhint("Partition the table by a column of type timestamptz, timestamp or date."));
	}
	return {type, NameStr(TupleDescAttr(RelationGetDescr(parent), key->partattrs[0] - 1)->attname)};
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
Moment to_moment(const List *bound) {
	const auto *const datum = linitial_node(PartitionRangeDatum, bound);
	if (datum->kind != PARTITION_RANGE_DATUM_VALUE) {
		return to_moment(datum->kind, 0, InvalidOid);
	}
	const auto *const value = castNode(Const, datum->value);
	return to_moment(value->constvalue, value->consttype);
}

} // namespace

Bounds read_bounds(const OpenRelation &parent) {
	const PlainKey key = call(read_plain_key, parent.get());
	const Notation notation = key.type == TIMESTAMPTZOID ? Notation::Timestamptz
	                          : key.type == TIMESTAMPOID ? Notation::Timestamp
	                                                     : Notation::Date;
	Bounds bounds{{key.type, notation, key.column}, {}, {}, InvalidOid};

	const PartitionDesc descriptor = call(RelationGetPartitionDesc, parent.get(), false);
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
				bounds.ranges[n] = {to_moment(info->kind[i - 1][0], info->datums[i - 1][0], key.type),
				                    to_moment(info->kind[i][0], info->datums[i][0], key.type)};
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

std::optional<Range> read_range(Oid parent, Oid partition) {
	Range range{};
	const bool found = call([&] {
		const PartitionBoundSpec *const spec = read_bound_spec(partition);
		if (spec == nullptr || spec->is_default || spec->strategy != PARTITION_STRATEGY_RANGE ||
		    get_partition_parent(partition, true) != parent || PartitionHasPendingDetach(partition)) {
			return false;
		}
		range = {to_moment(spec->lowerdatums), to_moment(spec->upperdatums)};
		return true;
	});
	return found ? std::optional(range) : std::nullopt;
}

Zone key_zone(const Key &key, const Zone &zone) {
	return key.notation == Notation::Timestamptz ? zone : no_zone();
}

Moment to_key(Moment instant, const Key &key, const Zone &zone) {
	return instant == beginning || instant == end || key.notation == Notation::Timestamptz ? instant
	                                                                                       : zone.wall(instant);
}

Moment from_key(Moment value, const Key &key, const Zone &zone) {
	return !is_finite(value) || key.notation == Notation::Timestamptz ? value : zone.instant(value);
}

Moment key_now(const Key &key, const Zone &zone) {
	return to_key(call(GetCurrentTimestamp), key, zone);
}

} // namespace warden::partition
