#include "move/source_state.hpp"

#include "move/row_capture.hpp"

#include <algorithm>

extern "C" {
#include "access/table.h"
#include "catalog/pg_class.h"
#include "utils/partcache.h"
}

namespace warden::move {

using namespace pg;

namespace {

Relation open_source(const Source &source) {
	const Relation relation = call(try_relation_open, source.relation, AccessShareLock);
	if (relation == nullptr) {
		throw Error(errcode_begin_anew,
		            format("a table whose rows are moved, with OID %u, does not exist any more", source.relation));
	}
	const std::string name = RelationGetRelationName(relation);
	if (!OidIsValid(source.filenode) || relation->rd_rel->relfilenode != source.filenode) {
		throw Error(errcode_begin_anew,
		            format("table \"%s\" was rewritten or truncated while its rows were moved", name.c_str()));
	}
	if (!is_captured(source)) {
		throw Error(errcode_begin_anew,
		            format("changes of table \"%s\" were not logged while its rows were moved", name.c_str()))
			.with_detail("Somebody has disabled or dropped a trigger of the system.");
	}
	return relation;
}

// Server code.  Null: it is not partitioned by a column.
const char *partition_column(Oid oid) {
	const Relation relation = table_open(oid, AccessShareLock);
	const PartitionKey key = RelationGetPartitionKey(relation);
	const AttrNumber number = key == nullptr ? InvalidAttrNumber : key->partattrs[0];
	const char *const name =
		number <= 0 ? nullptr : pstrdup(NameStr(TupleDescAttr(RelationGetDescr(relation), number - 1)->attname));
	table_close(relation, NoLock);
	return name;
}

} // namespace

OpenSource::OpenSource(const Source &source) : relation_(open_source(source)) {}

OpenSource::~OpenSource() {
	release([this] { relation_close(relation_, NoLock); });
}

std::string key_of(const Job &job, const std::vector<Side> &sides) {
	if (std::ranges::all_of(sides, &Side::takes_rest)) {
		return {};
	}
	if (job.wish.key) {
		return *job.wish.key;
	}
	const char *const column = call(partition_column, job.wish.target);
	return column == nullptr ? std::string() : column;
}

LatestSnapshot::LatestSnapshot()
	: snapshot_(call([] {
		  const Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
		  PushActiveSnapshot(snapshot);
		  return snapshot;
	  })) {}

LatestSnapshot::~LatestSnapshot() {
	release([this] {
		PopActiveSnapshot();
		UnregisterSnapshot(snapshot_);
	});
}

} // namespace warden::move
