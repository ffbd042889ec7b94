#include "partition/flat.hpp"

#include "pg/names.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_partitioned_table.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/partcache.h"
#include "utils/syscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

const char *strategy_name(PartitionKey key) {
	return key->strategy == PARTITION_STRATEGY_RANGE  ? "range"
	       : key->strategy == PARTITION_STRATEGY_LIST ? "list"
	                                                  : "hash";
}

// Server code.
PartitionKey read_flat_key(Relation parent, const char *method, bool is_list) {
	if (parent->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) {
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
		        errmsg("\"%s\" is not a partitioned table", RelationGetRelationName(parent)),
		        errdetail_relkind_not_supported(parent->rd_rel->relkind),
		        errhint("Create the table with PARTITION BY %s.", is_list ? "LIST" : "HASH"));
	}
	// The relation cache evaluates what is constant in it, as whoever asks.
	if (has_key_expression(parent)) {
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		        errmsg("partition key of table \"%s\" is an expression", RelationGetRelationName(parent)),
		        errhint("Partition the table by a column."));
	}
	const PartitionKey key = RelationGetPartitionKey(parent);
	if (key->strategy != (is_list ? PARTITION_STRATEGY_LIST : PARTITION_STRATEGY_HASH)) {
		ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
		        errmsg("table \"%s\" is not partitioned by %s", RelationGetRelationName(parent), method),
		        errdetail("It is partitioned by %s.", strategy_name(key)),
		        errhint("Create the table with PARTITION BY %s.", is_list ? "LIST" : "HASH"));
	}
	return key;
}

// Server code.  The partition of a bound of a hash has the number of the bound.
size_t read_remainders(PartitionBoundInfo info, Remainder *remainders) {
	for (int i = 0; i < info->ndatums; ++i) {
		remainders[i] = {DatumGetInt32(info->datums[i][0]), DatumGetInt32(info->datums[i][1])};
	}
	return static_cast<size_t>(info->ndatums);
}

} // namespace

Bounds read_flat_bounds(const OpenRelation &parent, Method method) {
	const bool is_list = method == Method::List;
	const PartitionKey key = call(read_flat_key, parent.get(), name_of(method), is_list);
	Bounds bounds{{key->parttypid[0], Notation::Number, {first_moment, last_moment}, "", {}}, {}, {}, InvalidOid, {}};
	if (is_list) {
		bounds.key.column = call(
			[&] { return NameStr(TupleDescAttr(RelationGetDescr(parent.get()), key->partattrs[0] - 1)->attname); });
	}
	const PartitionDesc descriptor = call(RelationGetPartitionDesc, parent.get(), false);
	bounds.is_detaching = descriptor->detached_exist;
	const PartitionBoundInfo info = descriptor->boundinfo;
	for (int i = 0; i < descriptor->nparts; ++i) {
		if (info->default_index == i) {
			bounds.default_partition = descriptor->oids[i];
		} else {
			bounds.oids.push_back(descriptor->oids[i]);
		}
	}
	if (method == Method::Hash && info != nullptr) {
		bounds.remainders.resize(static_cast<size_t>(info->ndatums));
		Remainder *const data = bounds.remainders.data();
		call(read_remainders, info, data);
	}
	return bounds;
}

} // namespace warden::partition
