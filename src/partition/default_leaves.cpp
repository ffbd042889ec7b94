#include "partition/default_leaves.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "commands/tablecmds.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "partitioning/partbounds.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

// $1 the default partition, $2 the parent, $3 the key.  An index serves if it is sorted as the partitions are.
constinit Statement select_leaves{R"(
SELECT c.oid, coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::bigint,
       EXISTS (SELECT FROM pg_index i
               JOIN pg_class x ON x.oid = i.indexrelid
               JOIN pg_am am ON am.oid = x.relam
               JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
               WHERE i.indrelid = c.oid AND a.attname = $3 AND i.indisvalid AND i.indpred IS NULL
                 AND am.amname = 'btree' AND i.indcollation[0] = p.partcollation[0])
FROM pg_partition_tree($1) t
JOIN pg_class c ON c.oid = t.relid
JOIN pg_partitioned_table p ON p.partrelid = $2
WHERE t.isleaf AND c.relkind = 'r')"};

// Server code.  As the server's parser makes it; nullptr: NULL.
Const *make_constant(PartitionKey key, const char *text) {
	Datum value = 0;
	if (text != nullptr) {
		Oid input = InvalidOid;
		Oid parameter = InvalidOid;
		getTypeInputInfo(key->parttypid[0], &input, &parameter);
		value = OidInputFunctionCall(input, pstrdup(text), parameter, key->parttypmod[0]);
	}
	return makeConst(key->parttypid[0], key->parttypmod[0], key->parttypcoll[0], key->parttyplen[0], value,
	                 text == nullptr, key->parttypbyval[0]);
}

// Server code.
PartitionRangeDatum *make_bound(PartitionKey key, const char *text, PartitionRangeDatumKind without) {
	auto *const bound = makeNode(PartitionRangeDatum);
	bound->kind = without;
	bound->location = -1;
	if (text != nullptr) {
		bound->kind = PARTITION_RANGE_DATUM_VALUE;
		bound->value = reinterpret_cast<Node *>(make_constant(key, text));
	}
	return bound;
}

// Server code.
PartitionBoundSpec *make_range(PartitionKey key, const char *lower, const char *upper) {
	auto *const spec = makeNode(PartitionBoundSpec);
	spec->strategy = PARTITION_STRATEGY_RANGE;
	spec->lowerdatums = lappend(NIL, make_bound(key, lower, PARTITION_RANGE_DATUM_MINVALUE));
	spec->upperdatums = lappend(NIL, make_bound(key, upper, PARTITION_RANGE_DATUM_MAXVALUE));
	spec->location = -1;
	return spec;
}

// Server code.
PartitionBoundSpec *make_list(PartitionKey key, const char *text) {
	auto *const spec = makeNode(PartitionBoundSpec);
	spec->strategy = PARTITION_STRATEGY_LIST;
	spec->listdatums = lappend(NIL, make_constant(key, text));
	spec->location = -1;
	return spec;
}

// Server code.  What ATTACH wants to know of the rows of a table below the default partition.
List *wanted_of(Relation leaf, Relation parent, PartitionBoundSpec *spec) {
	List *const wanted = get_proposed_default_constraint(get_qual_from_partbound(parent, spec));
	return map_partition_varattnos(wanted, 1, leaf, parent);
}

// Server code.  A constraint, made ready for the server's prover as the server does.
List *constraint_of(Oid constraint) {
	const HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	if (!HeapTupleIsValid(tuple)) {
		return NIL;
	}
	bool is_null = false;
	const Datum stored = SysCacheGetAttr(CONSTROID, tuple, Anum_pg_constraint_conbin, &is_null);
	Node *expression = is_null ? nullptr : static_cast<Node *>(stringToNode(TextDatumGetCString(stored)));
	ReleaseSysCache(tuple);
	expression = eval_const_expressions(nullptr, expression);
	return make_ands_implicit(canonicalize_qual(reinterpret_cast<Expr *>(expression), true));
}

// Server code.
bool is_proven(Relation leaf, Oid further, List *wanted) {
	return PartConstraintImpliedByRelConstraint(leaf, wanted) ||
	       (OidIsValid(further) && predicate_implied_by(wanted, constraint_of(further), true));
}

} // namespace

KeySql::KeySql(const OpenRelation &parent, const Key &key, const Zone &zone)
	: key_(key), zone_(zone), column_(call([&] { return quote_identifier(key.column.c_str()); })) {
	// The operators of varchar are those of text, and the collation need not be that of the column.
	const bool is_varchar = key.type == VARCHAROID;
	const Oid type = is_varchar ? static_cast<Oid>(TEXTOID) : key.type;
	type_ = call([&] { return format_type_be(type); });
	operand_ = column_ + (is_varchar ? "::" + type_ : "");
	const PartitionKey partition_key = call(RelationGetPartitionKey, parent.get());
	if (partition_key->partcollation[0] != partition_key->parttypcoll[0]) {
		operand_ += " COLLATE ";
		operand_ += call([&] { return generate_collation_name(partition_key->partcollation[0]); });
	}
}

std::string KeySql::bound(Moment moment, Side side) const {
	return write_bound(moment, side, key_, zone_) + "::" + type_;
}

std::string KeySql::is_in(const Range &range) const {
	std::string condition = range.lower == beginning ? "" : from(range.lower);
	if (range.upper != end) {
		condition += (condition.empty() ? "" : " AND ") + before(range.upper);
	}
	return condition.empty() ? "true" : condition;
}

std::string KeySql::is_outside(const std::vector<Range> &ranges) const {
	std::string condition = column_ + " IS NULL";
	for (std::size_t i = 0; i < ranges.size(); ++i) {
		const bool is_first = i == 0;
		if (!is_first && ranges[i - 1].upper == ranges[i].lower) {
			continue;
		}
		if (!is_first) {
			condition += " OR (" + from(ranges[i - 1].upper) + " AND " + before(ranges[i].lower) + ")";
		} else if (ranges[i].lower != beginning) {
			condition += " OR " + before(ranges[i].lower);
		}
	}
	if (ranges.back().upper != end) {
		condition += " OR " + from(ranges.back().upper);
	}
	return condition;
}

std::string KeySql::bucket(const std::vector<Moment> &bounds) const {
	std::string list;
	for (const Moment moment : bounds) {
		list += (list.empty() ? "" : ", ") + bound(moment, Side::Lower);
	}
	return "width_bucket(" + operand_ + ", ARRAY[" + list + "])";
}

std::vector<Leaf> find_leaves(Oid parent, Oid default_partition, const Key &key) {
	std::vector<Leaf> leaves;
	if (!OidIsValid(default_partition)) {
		return leaves;
	}
	// So that whoever is in the way is named.
	const List *const tree = call(find_all_inheritors, default_partition, NoLock, static_cast<List **>(nullptr));
	for (int i = 0; i < tree->length; ++i) {
		lock(tree->elements[i].oid_value, AccessShareLock);
	}
	Spi spi;
	for (const auto &[table, pages, is_indexed] :
	     spi.query_latest<Oid, int64, bool>(select_leaves, default_partition, parent, key.column)) {
		if (pages > 0) {
			leaves.push_back({table, pages, is_indexed});
		}
	}
	return leaves;
}

std::vector<bool> proves(Oid parent, Oid leaf, Oid further, const Key &key, const Zone &zone,
                         const std::vector<Range> &ranges) {
	const ScratchMemory memory;
	lock(leaf, AccessShareLock);
	const AsOwner owner(owner_of(leaf));
	const OpenRelation parent_table(parent, AccessShareLock);
	const OpenRelation table(leaf, NoLock);
	std::vector<bool> proven;
	for (const Range &range : ranges) {
		const std::string lower = show_bound(range.lower, Side::Lower, key, zone);
		const std::string upper = show_bound(range.upper, Side::Upper, key, zone);
		const char *const from = range.lower == beginning ? nullptr : lower.c_str();
		const char *const to = range.upper == end ? nullptr : upper.c_str();
		proven.push_back(call([&] {
			PartitionBoundSpec *const spec = make_range(RelationGetPartitionKey(parent_table.get()), from, to);
			return is_proven(table.get(), further, wanted_of(table.get(), parent_table.get(), spec));
		}));
		check_for_interrupts();
	}
	return proven;
}

bool proves(Oid parent, Oid leaf, const Value &value) {
	const ScratchMemory memory;
	lock(leaf, AccessShareLock);
	const OpenRelation parent_table(parent, AccessShareLock);
	const OpenRelation table(leaf, NoLock);
	PartitionBoundSpec *spec = nullptr;
	{
		const AsOwner owner(owner_of(parent)); // whose choice the type of the key is
		const char *const text = value.is_null ? nullptr : value.text.c_str();
		spec = call([&] { return make_list(RelationGetPartitionKey(parent_table.get()), text); });
	}
	const AsOwner owner(owner_of(leaf));
	return call([&] { return is_proven(table.get(), InvalidOid, wanted_of(table.get(), parent_table.get(), spec)); });
}

} // namespace warden::partition
