#include "partition/value.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <span>

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "mb/pg_wchar.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

// Of what is made of a value in a name, in bytes.
constexpr int longest_suffix = 40;

// Server code.
struct Elements {
	Datum *datums;
	bool *nulls;
	int count;
};

// $1 a partition, $2 a column, $3 how many rows.  Of a partitioned one the statistics are those of all below it.
constinit Statement select_frequent{R"(
SELECT m.value
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = $2
               AND s.inherited = (c.relkind = 'p')
CROSS JOIN LATERAL (SELECT value, frequency, n
                    FROM unnest(s.most_common_vals::text::text[], s.most_common_freqs) WITH ORDINALITY v (value, frequency, n)
                    UNION ALL SELECT NULL, s.null_frac, 0) m
WHERE c.oid = $1 AND m.frequency > 0 AND m.frequency * c.reltuples >= $3
ORDER BY m.frequency DESC, m.n)"};

// Server code.
Datum read_value(const ListColumn &column, const char *text) {
	Oid input = InvalidOid;
	Oid parameter = InvalidOid;
	getTypeInputInfo(column.type, &input, &parameter);
	return OidInputFunctionCall(input, const_cast<char *>(text), parameter, column.modifier);
}

// Server code.
const char *write_value(const ListColumn &column, Datum value) {
	Oid output = InvalidOid;
	bool is_varlena = false;
	getTypeOutputInfo(column.type, &output, &is_varlena);
	return OidOutputFunctionCall(output, value);
}

// A text that was read.
struct Reading {
	const char *text;
	Datum datum;
	bool is_repeated;
};

// Server code.
void read_all(const ListColumn &column, Reading *readings, size_t count) {
	FmgrInfo comparison;
	fmgr_info(column.comparison, &comparison);
	for (size_t i = 0; i < count; ++i) {
		CHECK_FOR_INTERRUPTS();
		Reading &reading = readings[i];
		if (reading.text != nullptr) {
			reading.datum = read_value(column, reading.text);
		}
		for (size_t j = 0; j < i && !reading.is_repeated; ++j) {
			const Reading &other = readings[j];
			reading.is_repeated =
				reading.text == nullptr || other.text == nullptr
					? reading.text == other.text
					: DatumGetInt32(FunctionCall2Coll(&comparison, column.collation, reading.datum, other.datum)) == 0;
		}
	}
}

// Server code.
ListColumn read_column(Relation parent) {
	const PartitionKey key = RelationGetPartitionKey(parent);
	return {key->parttypid[0], key->parttypmod[0], key->partsupfunc[0].fn_oid, key->partcollation[0]};
}

// Server code.  nullptr: NULL.
bool is_listed(Relation parent, const char *text) {
	const PartitionKey key = RelationGetPartitionKey(parent);
	const PartitionBoundInfo info = RelationGetPartitionDesc(parent, false)->boundinfo;
	if (info == nullptr || text == nullptr) {
		return info != nullptr && partition_bound_accepts_nulls(info);
	}
	bool is_equal = false;
	const int found = partition_list_bsearch(key->partsupfunc, key->partcollation, info,
	                                         read_value(read_column(parent), text), &is_equal);
	return found >= 0 && is_equal;
}

// Server code.
const char *column_of(Relation parent) {
	const AttrNumber number = RelationGetPartitionKey(parent)->partattrs[0];
	return quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(parent), number - 1)->attname));
}

// Server code: column [COLLATE collation] = , with the operator that the server itself puts into the constraint of a
// default partition.
const char *comparison_with(Relation parent) {
	const PartitionKey key = RelationGetPartitionKey(parent);
	StringInfoData text;
	initStringInfo(&text);
	appendStringInfoString(&text, column_of(parent));
	if (key->partcollation[0] != key->parttypcoll[0]) {
		appendStringInfo(&text, " COLLATE %s", generate_collation_name(key->partcollation[0]));
	}
	const Oid oid =
		get_opfamily_member(key->partopfamily[0], key->partopcintype[0], key->partopcintype[0], BTEqualStrategyNumber);
	const HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple)) {
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
		        errmsg("partition key of table \"%s\" has no operator of equality", RelationGetRelationName(parent)));
	}
	const auto *const form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
	if (form->oprnamespace == PG_CATALOG_NAMESPACE) {
		appendStringInfo(&text, " %s ", NameStr(form->oprname));
	} else {
		appendStringInfo(&text, " OPERATOR(%s.%s) ", quote_identifier(get_namespace_name(form->oprnamespace)),
		                 NameStr(form->oprname));
	}
	ReleaseSysCache(tuple);
	return text.data;
}

std::optional<Error> try_to_read(const ListColumn &column, Oid owner, std::span<const Value> values) {
	return attempt([&] {
		const ScratchMemory memory;
		const AsOwner scope(owner);
		pin_notation();
		for (const Value &value : values) {
			check_for_interrupts();
			if (!value.is_null) {
				std::ignore = call(read_value, column, value.text.c_str());
			}
		}
	});
}

Value null_value() {
	return {.text = {}, .is_null = true};
}

bool is_plain(unsigned char c) {
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
}

} // namespace

std::vector<Value> values_of(TextArray array) {
	const Elements elements = call([&] {
		Elements found{};
		deconstruct_array(DatumGetArrayTypeP(array.datum), TEXTOID, -1, false, TYPALIGN_INT, &found.datums,
		                  &found.nulls, &found.count);
		return found;
	});
	std::vector<Value> values;
	for (int i = 0; i < elements.count; ++i) {
		const Datum datum = elements.datums[i];
		values.push_back(elements.nulls[i] ? null_value()
		                                   : Value{call([&] { return text_to_cstring(DatumGetTextPP(datum)); })});
	}
	return values;
}

TextArray array_of(const std::vector<Value> &values) {
	return call([&] {
		int count = static_cast<int>(values.size());
		auto *const datums = static_cast<Datum *>(palloc0(sizeof(Datum) * values.size() + 1));
		auto *const nulls = static_cast<bool *>(palloc0(values.size() + 1));
		for (size_t i = 0; i < values.size(); ++i) {
			nulls[i] = values[i].is_null;
			datums[i] = nulls[i] ? 0 : CStringGetTextDatum(values[i].text.c_str());
		}
		int lower_bound = 1;
		return TextArray{PointerGetDatum(
			construct_md_array(datums, nulls, 1, &count, &lower_bound, TEXTOID, -1, false, TYPALIGN_INT))};
	});
}

void pin_notation() {
	PinnedSettings::set("datestyle", "ISO, YMD");
	PinnedSettings::set("intervalstyle", "postgres");
	PinnedSettings::set("extra_float_digits", "1");
	PinnedSettings::set("lc_monetary", "C");
	PinnedSettings::set("array_nulls", "on");
}

ListColumn list_column(const OpenRelation &parent) {
	return call(read_column, parent.get());
}

std::vector<Value> read_values(const ListColumn &column, Oid owner, const std::vector<Value> &texts) {
	std::vector<Reading> readings;
	readings.reserve(texts.size());
	for (const Value &value : texts) {
		readings.push_back({value.is_null ? nullptr : value.text.c_str(), 0, false});
	}
	const AsOwner scope(owner);
	Reading *const data = readings.data();
	const size_t count = readings.size();
	call(read_all, column, data, count); // as the session has them
	pin_notation();
	std::vector<Value> values;
	for (const Reading &reading : readings) {
		if (!reading.is_repeated) {
			values.push_back(reading.text != nullptr ? Value{call(write_value, column, reading.datum)} : null_value());
		}
	}
	return values;
}

std::vector<Unreadable> take_unreadable(const ListColumn &column, Oid owner, std::vector<Value> &values) {
	std::vector<Unreadable> unreadable;
	if (!try_to_read(column, owner, values)) {
		return unreadable;
	}
	std::erase_if(values, [&](const Value &value) {
		auto error = try_to_read(column, owner, {&value, 1});
		if (error) {
			unreadable.push_back({value, std::move(*error)});
		}
		return error.has_value();
	});
	return unreadable;
}

std::vector<Value> without_partition(const OpenRelation &parent, const std::vector<Value> &values) {
	const AsOwner owner(parent->rd_rel->relowner);
	pin_notation();
	std::vector<Value> left = values;
	std::erase_if(left, [&](const Value &value) {
		return call(is_listed, parent.get(), value.is_null ? nullptr : value.text.c_str());
	});
	return left;
}

std::string condition_of(const OpenRelation &parent, const Value &value) {
	const ListColumn column = list_column(parent);
	if (value.is_null) {
		return call(column_of, parent.get()) + std::string(" IS NULL");
	}
	return call(comparison_with, parent.get()) + quoted_literal(value.text) +
	       "::" + call([&] { return format_type_with_typemod(column.type, column.modifier); });
}

std::string name_suffix(const Value &value) {
	if (value.is_null) {
		return "_null";
	}
	// What char(n) is padded with is no part of a name.
	const std::string text = value.text.substr(0, value.text.find_last_not_of(' ') + 1);
	std::string suffix = "_";
	for (const char c : text) {
		const auto lower = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
		suffix += is_plain(static_cast<unsigned char>(lower)) ? lower : '_';
	}
	const int length =
		call([&] { return pg_mbcliplen(suffix.c_str(), static_cast<int>(suffix.size()), longest_suffix); });
	suffix = text.empty() ? "_empty" : suffix.substr(0, static_cast<size_t>(length));
	return value.namesakes == 0 ? suffix : suffix + format("_%d", value.namesakes);
}

std::vector<Value> frequent_values(Oid partition, const std::string &column, std::int64_t min_rows) {
	const AsExtension owner;
	pin_notation();
	Spi spi;
	std::vector<Value> values;
	for (const auto &[text] : spi.query_latest<std::optional<std::string_view>>(select_frequent, partition, column,
	                                                                            static_cast<double>(min_rows))) {
		values.push_back(text ? Value{std::string(*text)} : null_value());
	}
	return values;
}

} // namespace warden::partition
