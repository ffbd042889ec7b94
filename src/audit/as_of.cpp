// as_of.cpp - A table as it was.
//
// The invariant: the rows of now and the events since are seen under one snapshot, that of the query; so they fit
// together.  What was logged is read as the extension's owner, the table and its values as the table's owner in a
// security-restricted operation, after the caller has shown that he may read all of it.
#include "audit/audit.hpp"

#include "audit/images.hpp"
#include "audit/incarnation.hpp"
#include "audit/log_rows.hpp"
#include "audit/row_keys.hpp"

#include "pg/error.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/commit_ts.h"
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"
}

namespace warden::audit {

using namespace pg;

namespace {

// $1 the relation, $2 the moment, $3 the incarnation whose transactions have a time of commit, or 0.
constexpr const char *events_after_moment = R"(
SELECT transaction, operation, flags, version, key_number, key, before, CASE WHEN key_number IS NULL THEN after END
FROM (SELECT e.* FROM warden.audit_log e WHERE e.relation = $1 AND e.at > $2
      UNION ALL
      SELECT e.*
      FROM warden.audit_log e
      LEFT JOIN (SELECT DISTINCT transaction FROM warden.audit_log WHERE at > $2) later ON later.transaction = e.transaction
      WHERE e.relation = $1 AND e.at <= $2
        AND (later.transaction IS NOT NULL
             OR CASE WHEN $3 > 0 AND e.transaction >> 52 = $3
                     THEN pg_xact_commit_timestamp((e.transaction & 4503599627370495)::text::xid8::xid) > $2 END)) e
ORDER BY id DESC)";

// $2 the mark.
constexpr const char *events_after_mark = R"(
SELECT e.transaction, e.operation, e.flags, e.version, e.key_number, e.key, e.before,
       CASE WHEN e.key_number IS NULL THEN e.after END
FROM warden.audit_marks m JOIN warden.audit_log e
     ON e.relation = $1
        AND e.transaction >= (m.incarnation::bigint << 52) + pg_snapshot_xmin(m.snapshot)::text::bigint
        AND (e.transaction >> 52 > m.incarnation
             OR NOT pg_visible_in_snapshot((e.transaction & 4503599627370495)::text::xid8, m.snapshot)
                AND NOT (e.transaction = m.transaction AND e.id < m.event))
WHERE m.id = $2
ORDER BY e.id DESC)";

constinit Statement select_mark{"SELECT at FROM warden.audit_marks WHERE id = $1"};

std::string_view bytes_of(const Jsonb *json) {
	return {reinterpret_cast<const char *>(&json->root), VARSIZE(json) - VARHDRSZ};
}

std::string_view bytes_of(const std::int64_t &number) {
	return {reinterpret_cast<const char *>(&number), sizeof number};
}

/// Reads the rows and the events, and writes what there was.
class AsOf {
public:
	AsOf(FunctionCallInfo fcinfo, Oid table, PastTable &past, bool is_partitioned)
		: result_(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo)), past_(past), rows_(past.columns.size()),
		  owner_(owner_of(table)), name_(qualified_name(table)),
		  select_rows_(std::string("SELECT * FROM ") + (is_partitioned ? "" : "ONLY ") + name_) {}

	void run(const Query &events) {
		for_each_live_row([&] { rows_.add_live(live_key()); });
		{
			const AsExtension owner;
			PinnedSettings::set("cursor_tuple_fraction", "1");
			// One sort, of all that has happened since.
			PinnedSettings::set("work_mem", call([] { return GetConfigOption("maintenance_work_mem", false, false); }));
			for_each_row(events, [&](HeapTuple tuple, TupleDesc row) { undo(call(read_change, tuple, row)); });
		}
		for_each_live_row([&] {
			const PastRow *const row = rows_.take_live(live_key());
			if (row == nullptr || row->is_there) {
				write(row, true);
			}
		});
		const AsOwner owner(owner_);
		call(pin_reading_settings);
		for (const PastRow &row : rows_.rows()) {
			if (row.is_there && !row.is_live) {
				const ScratchMemory memory;
				write(&row, false);
			}
		}
		warn();
	}

private:
	template <class F>
	void for_each_live_row(F &&body) {
		const AsOwner owner(owner_);
		PinnedSettings::set("row_security", "off");
		PinnedSettings::set("cursor_tuple_fraction", "1");
		call(pin_value_settings);
		values_.resize(past_.columns.size() + 1);
		nulls_ = call([&] { return static_cast<bool *>(palloc(sizeof(bool) * (past_.columns.size() + 1))); });
		Datum *const values = values_.data();
		for_each_row({.sql = select_rows_.c_str(), .arguments = 0, .types = {}, .values = {}},
		             [&](HeapTuple tuple, TupleDesc row) {
						 call(heap_deform_tuple, tuple, row, values, nulls_);
						 body();
					 });
	}

	// Of the row that is being read: the key, or all of it.
	std::string_view live_key() {
		if (past_.has_number_key) {
			const std::size_t i = past_.key.front();
			const Encoder::Form form = past_.columns[i].encoder.form;
			number_ = form == Encoder::Form::Int2   ? DatumGetInt16(values_[i])
			          : form == Encoder::Form::Int4 ? DatumGetInt32(values_[i])
			                                        : DatumGetInt64(values_[i]);
			return bytes_of(number_);
		}
		const std::vector<std::size_t> &parts = past_.key.empty() ? past_.sorted : past_.key;
		members_.resize(parts.size() + 1);
		return bytes_of(call([&] {
			Writing writing = begin_writing();
			for (std::size_t i = 0; i < parts.size(); ++i) {
				const TodaysColumn &column = past_.columns[parts[i]];
				members_[i].key = {column.name.data(), column.name.size()};
				members_[i].value = nulls_[parts[i]] ? Item{} : encode(column.encoder, values_[parts[i]], writing);
			}
			end_writing(writing);
			return json_of(members_.data(), parts.size());
		}));
	}

	const PastVersion &version_of(const LogRow &change) const {
		const auto found = past_.versions.find(change.version);
		if (found == past_.versions.end()) {
			throw Error(ERRCODE_DATA_CORRUPTED,
			            format("the audit log has no version %d of table %s", change.version, name_.c_str()));
		}
		return found->second;
	}

	[[noreturn]] void refuse_other_key() const {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED,
		            format("table %s cannot be shown as it was because its key has been changed since", name_.c_str()))
			.with_detail("What was logged before that cannot be told to belong to the rows of now.")
			.with_hint("Read warden.audit_events, or warden.audit_history() of single rows.");
	}

	// A key as it would be logged today; the object that it was, or its number.
	std::string_view todays_key(const LogRow &change, const Jsonb *object) {
		const PastVersion &version = version_of(change);
		if (version.has_current_key) {
			if (!past_.has_number_key) {
				return bytes_of(object == nullptr ? change.key : object);
			}
			if (object == nullptr) {
				number_ = change.key_number;
				return bytes_of(number_);
			}
		}
		if (!version.has_all_keys) {
			refuse_other_key();
		}
		std::vector<KeyPart> parts;
		for (const std::size_t i : past_.key) {
			for (const PastColumn &column : version.columns) {
				if (column.is_key && column.today == static_cast<int>(i)) {
					parts.push_back({past_.columns[i].name, past_.columns[i].type, value_in(change, object, column)});
				}
			}
		}
		const KeyPart *const data = parts.data();
		const KeyForm form = call(key_form, data, parts.size());
		number_ = form.number;
		return form.key == nullptr ? bytes_of(number_) : bytes_of(form.key);
	}

	Datum value_in(const LogRow &change, const Jsonb *object, const PastColumn &column) const {
		const Jsonb *const from = object == nullptr ? change.key : object;
		const std::string_view name = column.name;
		return call([&] {
			JsonbValue value;
			if (from == nullptr) {
				value.type = jbvNumeric;
				value.val.numeric = int64_to_numeric(change.key_number);
			} else if (!find_member(from, name, value)) {
				value.type = jbvNull;
			}
			return PointerGetDatum(JsonbValueToJsonb(&value));
		});
	}

	// Of a table without a key, the whole row is.
	std::string_view whole(const LogRow &change, const Jsonb *image) const {
		if (!version_of(change).is_current) {
			refuse_other_key();
		}
		return bytes_of(image);
	}

	void note_in(PastRow &row, const LogRow &change) {
		const PastVersion &version = version_of(change);
		const PastColumn *const columns = version.columns.data();
		PastValue *const values = row.values.data();
		const MemoryScope scope(memory_);
		call(note, change.before, columns, version.columns.size(), change.version, values);
	}

	void undo(const LogRow &change) {
		if ((change.flags & flag::dropped) != 0) {
			return; // the row of today does not have that column
		}
		if (past_.key.empty() && change.operation != Operation::Truncate) {
			undo_without_key(change);
			return;
		}
		switch (change.operation) {
		case Operation::Insert:
			rows_.undo_insert(todays_key(change, nullptr));
			break;
		case Operation::Update:
			note_in(rows_.undo_update(todays_key(change, nullptr)), change);
			break;
		case Operation::Key: {
			const std::string from(todays_key(change, change.before));
			rows_.undo_arrival(todays_key(change, nullptr), from);
			break;
		}
		case Operation::Delete:
			note_in(rows_.undo_delete(todays_key(change, nullptr)), change);
			break;
		case Operation::Truncate:
			undo_truncate(change);
		}
	}

	void undo_truncate(const LogRow &change) {
		if (change.before == nullptr) {
			is_truncated_ = true;
		} else {
			has_truncated_rows_ = true;
			note_in(rows_.undo_delete(past_.key.empty() ? whole(change, change.before) : todays_key(change, nullptr)),
			        change);
		}
	}

	void undo_without_key(const LogRow &change) {
		if (change.operation == Operation::Insert) {
			rows_.undo_insert(whole(change, change.after));
		} else if (change.operation == Operation::Delete) {
			note_in(rows_.undo_delete(whole(change, change.before)), change);
		} else if (change.operation == Operation::Update) {
			const Jsonb *const after = call([&] {
				return DatumGetJsonbP(
					DirectFunctionCall2(jsonb_concat, PointerGetDatum(change.before), PointerGetDatum(change.after)));
			});
			const std::string_view before = whole(change, change.before);
			rows_.undo_arrival(bytes_of(after), before);
			note_in(rows_.undo_update(before), change);
		}
	}

	void write(const PastRow *row, bool is_live) {
		const TupleDesc description = result_->setDesc;
		const auto count = static_cast<std::size_t>(description->natts);
		auto *const values = call([&] { return static_cast<Datum *>(palloc0(sizeof(Datum) * (count + 1))); });
		auto *const nulls = call([&] { return static_cast<bool *>(palloc0(sizeof(bool) * (count + 1))); });
		std::size_t n = 0;
		for (std::size_t i = 0; i < count; ++i) {
			nulls[i] = true;
			if (TupleDescAttr(description, static_cast<int>(i))->attisdropped) {
				continue;
			}
			TodaysColumn &column = past_.columns[n];
			if (column.is_shown && row != nullptr && row->values[n].value != nullptr) {
				nulls[i] = !read(column, n, row->values[n], values[i]);
			} else if (column.is_shown && is_live) {
				values[i] = values_[n];
				nulls[i] = nulls_[n];
			}
			++n;
		}
		call([&] { tuplestore_putvalues(result_->setResult, description, values, nulls); });
	}

	bool is_same_type(std::size_t column, std::int32_t version) const {
		for (const PastColumn &past : past_.versions.at(version).columns) {
			if (past.today == static_cast<int>(column)) {
				return past.is_same_type;
			}
		}
		return false;
	}

	// False for NULL.
	static bool read(TodaysColumn &column, const PastValue &past, Datum &out, bool is_safe) {
		const auto &value = *static_cast<const JsonbValue *>(past.value);
		Decoded decoded = Decoded::Lost;
		if (is_safe) {
			decoded = call([&] { return decode(column.decoder, value, out); });
		} else {
			const MemoryContext memory = CurrentMemoryContext;
			const auto error = attempt([&] {
				const MemoryScope scope(memory);
				decoded = call([&] { return decode(column.decoder, value, out); });
			});
			decoded = error ? Decoded::Lost : decoded;
		}
		column.losses += decoded == Decoded::Lost ? 1 : 0;
		return decoded == Decoded::Value;
	}

	bool read(TodaysColumn &column, std::size_t n, const PastValue &past, Datum &out) const {
		return read(column, past, out, !column.can_fail && is_same_type(n, past.version));
	}

	void warn() const {
		std::string detail;
		const auto add = [&](const std::string &line) { detail += (detail.empty() ? "" : "\n") + line; };
		for (const std::string &name : past_.dropped) {
			add(format("Column \"%s\" has been dropped since.", name.c_str()));
		}
		for (const TodaysColumn &column : past_.columns) {
			if (column.losses > 0) {
				add(format("%lld values of column \"%s\" were too long for the log, or are none of its type.",
				           static_cast<long long>(column.losses), column.name.c_str()));
			}
		}
		for (const std::string &name : past_.not_logged) {
			add(format("Column \"%s\" is not in the log.", name.c_str()));
		}
		if (is_truncated_ && !has_truncated_rows_) {
			add("TRUNCATE took rows that were not logged, or there were none.");
		}
		if (rows_.gaps() > 0) {
			add(format("%lld changes do not fit the rows: others were not logged.",
			           static_cast<long long>(rows_.gaps())));
		}
		if (!detail.empty()) {
			report(WARNING, Error(ERRCODE_WARNING, format("table %s is not shown quite as it was", name_.c_str()))
			                    .with_detail(detail));
		}
	}

	ReturnSetInfo *const result_;
	PastTable &past_;
	PastRows rows_;
	const Oid owner_;
	const std::string name_;
	const std::string select_rows_;
	const MemoryContext memory_ = CurrentMemoryContext;
	std::vector<Datum> values_;
	bool *nulls_ = nullptr;
	std::vector<Member> members_;
	std::int64_t number_ = 0;
	bool is_truncated_ = false;
	bool has_truncated_rows_ = false;
};

/// What is asked for: a moment, or a mark and its moment.
struct Wanted {
	Timestamptz moment;
	std::optional<std::int64_t> mark;
};

Wanted wanted(FunctionCallInfo fcinfo) {
	const auto moment = argument<std::optional<Timestamptz>>(fcinfo, 1);
	const auto mark = argument<std::optional<int64>>(fcinfo, 2);
	if (moment.has_value() == mark.has_value()) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "either \"moment\" or \"mark\" must be given")
			.with_hint("Give a time, or mark => with the number of a mark.");
	}
	if (moment) {
		return {*moment, std::nullopt};
	}
	const AsExtension owner;
	const auto found = Spi().query<Timestamptz>(select_mark, *mark);
	if (found.empty()) {
		throw Error(ERRCODE_UNDEFINED_OBJECT, format("mark %lld does not exist", static_cast<long long>(*mark)))
			.with_hint("Marks are made by warden.audit_mark().");
	}
	return {std::get<0>(found.front()), mark};
}

Oid table_of(FunctionCallInfo fcinfo) {
	const Oid table = call([&] { return get_typ_typrelid(get_fn_expr_argtype(fcinfo->flinfo, 0)); });
	if (!OidIsValid(table)) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, "\"row_type\" is not a row of a table")
			.with_hint("Type NULL::name_of_the_table.");
	}
	return table;
}

} // namespace

/// audit_as_of(row_type anyelement, moment timestamptz, mark bigint) returns setof anyelement
PG_FUNCTION(audit_as_of) {
	const Oid table = table_of(fcinfo);
	call(LockRelationOid, table, AccessShareLock);
	call(InitMaterializedSRF, fcinfo, 0U);
	const Readable rights = readable(table);
	if (rights.table != table) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, format("%s is a partition", qualified_name(table).c_str()))
			.with_hint(format("Type NULL::%s, and say which rows.", qualified_name(rights.table).c_str()));
	}
	const OpenRelation relation(table, NoLock);
	check_whole(rights);
	const Wanted what = wanted(fcinfo);
	const std::int32_t number = relation_at(table, what.moment);
	PastTable past = past_table(number, table, what.moment.value);
	const std::int32_t incarnation = what.mark || !track_commit_timestamp ? 0 : call(known_incarnation);
	const Query events =
		what.mark ? Query{events_after_mark, 2, {INT4OID, INT8OID}, {Int32GetDatum(number), Int64GetDatum(*what.mark)}}
				  : Query{events_after_moment,
	                      3,
	                      {INT4OID, TIMESTAMPTZOID, INT4OID},
	                      {Int32GetDatum(number), TimestampTzGetDatum(what.moment.value), Int32GetDatum(incarnation)}};
	AsOf(fcinfo, table, past, relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE).run(events);
	PG_RETURN_NULL();
}

} // namespace warden::audit
