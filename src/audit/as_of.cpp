// as_of.cpp - A table as it was.
//
// The invariant: the rows of now and the events since are seen under one snapshot, that of the query; so they fit
// together.  What was logged is read as the extension's owner, the table and its values as the table's owner in a
// security-restricted operation, after the caller has shown that he may read all of it.
#include "audit/audit.hpp"

#include "audit/as_of_merge.hpp"
#include "audit/images.hpp"
#include "audit/later_events.hpp"
#include "audit/log_rows.hpp"
#include "audit/past_images.hpp"
#include "audit/row_keys.hpp"

#include "pg/error.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"
}

namespace warden::audit {

using namespace pg;

namespace {

// What an event says of a row is in its images.  Where there is no key, they say which row it is as well.
constexpr const char *whole_images = ", e.before, e.after";
constexpr const char *arrivals = ", e.before, NULL::jsonb";
constexpr const char *if_arrival = " AND e.operation = 'K'";
constexpr const char *comings = ", CASE WHEN e.before IS NOT NULL THEN jsonb '{}' END, NULL::jsonb";
constexpr const char *if_coming = " AND e.operation IN ('I', 'D', 'T')";
constexpr const char *old_images = ", e.before, NULL::jsonb";
constexpr const char *if_old_image = " AND e.operation IN ('U', 'D', 'T') AND e.before IS NOT NULL";

std::string_view bytes_of(const Jsonb *json) {
	return {reinterpret_cast<const char *>(&json->root), VARSIZE(json) - VARHDRSZ};
}

std::string_view bytes_of(const std::int64_t &number) {
	return {reinterpret_cast<const char *>(&number), sizeof number};
}

/// Reads the rows and the events, and writes what there was.
class AsOf {
public:
	AsOf(FunctionCallInfo fcinfo, Oid table, PastTable &past, const LaterEvents &later, bool is_partitioned)
		: result_(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo)), past_(past), later_(later),
		  owner_(owner_of(table)), name_(qualified_name(table)),
		  select_rows_(std::string("SELECT * FROM ") + (is_partitioned ? "" : "ONLY ") + name_),
		  values_(past.columns.size() + 1), images_(call([] {
			  return AllocSetContextCreate(CurrentMemoryContext, "warden images", ALLOCSET_DEFAULT_SIZES);
		  })) {}

	void run(Datum relation) {
		relation_ = relation;
		if (!past_.key.empty()) {
			for_each_event(arrivals, if_arrival, [&](const LogRow &change) { add(change); });
		}
		do {
			read_changes();
			if (!past_.key.empty()) {
				for_each_event(old_images, if_old_image, [&](const LogRow &change) { add_image(change); });
			}
			write_rows();
			call(MemoryContextReset, images_);
			bytes_ = 0;
		} while (rows_.next_part());
		warn();
	}

private:
	template <class F>
	void for_each_live_row(F &&body) {
		const AsOwnerOfRows owner(owner_);
		PinnedSettings::set("row_security", "off");
		call(pin_reading_settings);
		for_each_row({.sql = select_rows_.c_str(), .arguments = 0, .types = {}, .values = {}},
		             [&](TupleTableSlot *row) {
						 live_values_ = row->tts_values;
						 live_nulls_ = row->tts_isnull;
						 body();
					 });
	}

	template <class F>
	void for_each_event(const char *images, const char *condition, F &&body) {
		const std::string sql = std::string(log_columns) + images + later_.source() + condition;
		const AsExtension owner;
		for_each_row({sql.c_str(),
		              3,
		              {INT4OID, INT8OID, TIMESTAMPTZOID},
		              {relation_, Int64GetDatum(later_.first), TimestampTzGetDatum(later_.moment)}},
		             [&](TupleTableSlot *row) {
						 const LogRow change = call(read_change, row);
						 // Of a dropped column the row of today has nothing.
						 if ((change.flags & flag::dropped) == 0 &&
			                 later_.has(change.transaction, change.id, change.at)) {
							 body(change);
						 }
					 });
	}

	void read_changes() {
		if (past_.key.empty()) {
			for_each_event(whole_images, "", [&](const LogRow &change) { add_without_key(change); });
		} else {
			for_each_event(comings, if_coming, [&](const LogRow &change) { add(change); });
		}
		if (rows_.have_changed()) {
			for_each_live_row([&] { rows_.count_live(live_key()); });
			rows_.undo();
		}
	}

	void write_rows() {
		for_each_live_row([&] {
			const PastRows::Found found = rows_.take_live(live_key());
			if (found.is_here && (found.row == nullptr || found.row->is_there)) {
				write(found.row, true);
			}
		});
		const AsOwner owner(owner_);
		call(pin_reading_settings);
		rows_.for_each_lost([&](const PastRow &row) {
			check_for_interrupts();
			const ScratchMemory memory;
			write(&row, false);
		});
	}

	// Of the row that is being read: the key, or all of it.
	std::string_view live_key() {
		if (past_.has_number_key) {
			const std::size_t i = past_.key.front();
			const Encoder::Form form = past_.columns[i].encoder.form;
			number_ = form == Encoder::Form::Int2   ? DatumGetInt16(live_values_[i])
			          : form == Encoder::Form::Int4 ? DatumGetInt32(live_values_[i])
			                                        : DatumGetInt64(live_values_[i]);
			return bytes_of(number_);
		}
		const std::vector<std::size_t> &parts = past_.key.empty() ? past_.sorted : past_.key;
		members_.resize(parts.size() + 1);
		return bytes_of(call([&] {
			Writing writing = begin_writing();
			for (std::size_t i = 0; i < parts.size(); ++i) {
				const TodaysColumn &column = past_.columns[parts[i]];
				members_[i].key = {column.name.data(), column.name.size()};
				members_[i].value =
					live_nulls_[parts[i]] ? Item{} : encode(column.encoder, live_values_[parts[i]], writing);
			}
			end_writing(writing);
			return json_of(members_.data(), parts.size());
		}));
	}

	const PastVersion &version(std::int32_t id) {
		if (version_ == nullptr || version_id_ != id) {
			const auto found = past_.versions.find(id);
			if (found == past_.versions.end()) {
				throw Error(ERRCODE_DATA_CORRUPTED,
				            format("the audit log has no version %d of table %s", id, name_.c_str()));
			}
			version_ = &found->second;
			version_id_ = id;
		}
		return *version_;
	}

	[[noreturn]] void refuse_other_key() const {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED,
		            format("table %s cannot be shown as it was because its key has been changed since", name_.c_str()))
			.with_detail("What was logged before that cannot be told to belong to the rows of now.")
			.with_hint("Read warden.audit_events, or warden.audit_history() of single rows.");
	}

	// A key as it would be logged today; the object that it was, or its number.
	std::string_view todays_key(const LogRow &change, const Jsonb *object) {
		const PastVersion &then = version(change.version);
		if (then.has_current_key) {
			if (!past_.has_number_key) {
				return bytes_of(object == nullptr ? change.key : object);
			}
			if (object == nullptr) {
				number_ = change.key_number;
				return bytes_of(number_);
			}
		}
		if (!then.has_all_keys) {
			refuse_other_key();
		}
		std::vector<KeyPart> parts;
		for (const std::size_t i : past_.key) {
			for (const PastColumn &column : then.columns) {
				if (column.is_key && column.today == static_cast<int>(i)) {
					parts.push_back({past_.columns[i].name, past_.columns[i].type, value_in(change, object, column)});
				}
			}
		}
		const KeyPart *const data = parts.data();
		const AsOwner owner(owner_); // whose types' functions are called
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

	// Of a table without a key, the whole row is: all that is logged of it, now as then.
	std::string_view whole(const LogRow &change, const Jsonb *image) {
		if (!version(change.version).is_current || JB_ROOT_COUNT(image) != past_.sorted.size()) {
			refuse_other_key();
		}
		current_version_ = &version(change.version);
		return bytes_of(image);
	}

	void add(const LogRow &change) {
		switch (change.operation) {
		case Operation::Insert:
			rows_.add_insert(change.id, todays_key(change, nullptr));
			break;
		case Operation::Key: {
			const std::string from(todays_key(change, change.before));
			rows_.add_arrival(change.id, todays_key(change, nullptr), from);
			break;
		}
		case Operation::Truncate:
			if (!add_truncate(change)) {
				break;
			}
			[[fallthrough]];
		case Operation::Delete:
			rows_.add_delete(change.id, todays_key(change, nullptr));
			break;
		case Operation::Update:
			break;
		}
		keep_in_memory();
	}

	// False for TRUNCATE itself.
	bool add_truncate(const LogRow &change) {
		is_truncated_ = is_truncated_ || change.before == nullptr;
		has_truncated_rows_ = has_truncated_rows_ || change.before != nullptr;
		return change.before != nullptr;
	}

	void add_without_key(const LogRow &change) {
		if (change.operation == Operation::Insert) {
			rows_.add_insert(change.id, whole(change, change.after));
		} else if (change.operation == Operation::Update) {
			const Jsonb *const after = call([&] {
				return DatumGetJsonbP(
					DirectFunctionCall2(jsonb_concat, PointerGetDatum(change.before), PointerGetDatum(change.after)));
			});
			rows_.add_arrival(change.id, bytes_of(after), whole(change, change.before));
		} else if (change.operation == Operation::Delete || add_truncate(change)) {
			rows_.add_delete(change.id, whole(change, change.before));
		}
	}

	void add_image(const LogRow &change) {
		PastRow *const row = rows_.find(change.id, todays_key(change, nullptr));
		if (row != nullptr) {
			auto *images = static_cast<PastImage *>(row->images);
			bytes_ += call([&] { return note(images, change.id, change.version, change.before, images_); });
			row->images = images;
			keep_in_memory();
		}
	}

	// What does not fit into maintenance_work_mem is done later.
	void keep_in_memory() {
		constexpr std::size_t bytes_of_kilobyte = 1024;
		while (static_cast<std::size_t>(bytes_) + rows_.size() >
		           static_cast<std::size_t>(maintenance_work_mem) * bytes_of_kilobyte &&
		       rows_.halve([&](PastRow &row) {
				   bytes_ -= call(forget, static_cast<PastImage *>(row.images));
				   row.images = nullptr;
			   })) {
		}
	}

	// What the log says of a row.
	void find_values(const PastRow &row) {
		values_.assign(values_.size(), {});
		PastValue *const values = values_.data();
		const auto add = [&](const PastVersion &then, const JsonbContainer *object) {
			const PastColumn *const columns = then.columns.data();
			call(add_values, object, columns, then.columns.size(), values);
		};
		if (past_.key.empty() && row.key != nullptr) {
			add(*current_version_, reinterpret_cast<const JsonbContainer *>(row.key->data()));
		}
		for (const auto *image = static_cast<const PastImage *>(row.images); image != nullptr; image = image->next) {
			add(version(image->version), &image->image.root);
		}
	}

	void write(const PastRow *row, bool is_live) {
		const TupleDesc description = result_->setDesc;
		const auto count = static_cast<std::size_t>(description->natts);
		auto *const values = call([&] { return static_cast<Datum *>(palloc0(sizeof(Datum) * (count + 1))); });
		auto *const nulls = call([&] { return static_cast<bool *>(palloc0(sizeof(bool) * (count + 1))); });
		if (row != nullptr) {
			find_values(*row);
		}
		std::size_t n = 0;
		for (std::size_t i = 0; i < count; ++i) {
			nulls[i] = true;
			if (TupleDescAttr(description, static_cast<int>(i))->attisdropped) {
				continue;
			}
			TodaysColumn &column = past_.columns[n];
			if (column.is_shown && row != nullptr && values_[n].of != nullptr) {
				nulls[i] = !read(column, values_[n], values[i]);
			} else if (column.is_shown && is_live) {
				values[i] = live_values_[n];
				nulls[i] = live_nulls_[n];
			}
			++n;
		}
		call([&] { tuplestore_putvalues(result_->setResult, description, values, nulls); });
	}

	// False for NULL.
	static bool read(TodaysColumn &column, const PastValue &past, Datum &out) {
		Decoded decoded = Decoded::Lost;
		if (!column.can_fail && past.of->is_same_type) {
			decoded = call([&] { return decode(column.decoder, past.value, out); });
		} else {
			const MemoryContext memory = CurrentMemoryContext;
			const auto error = attempt([&] {
				const MemoryScope scope(memory);
				decoded = call([&] { return decode(column.decoder, past.value, out); });
			});
			decoded = error ? Decoded::Lost : decoded;
		}
		column.losses += decoded == Decoded::Lost ? 1 : 0;
		return decoded == Decoded::Value;
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
	const LaterEvents &later_;
	PastRows rows_;
	const Oid owner_;
	const std::string name_;
	const std::string select_rows_;
	Datum relation_ = 0;
	const PastVersion *version_ = nullptr; ///< that was asked for last
	std::int32_t version_id_ = 0;
	const PastVersion *current_version_ = nullptr;
	const Datum *live_values_ = nullptr; ///< of the row that is being read
	const bool *live_nulls_ = nullptr;
	std::vector<PastValue> values_; ///< of the row that is being written
	std::vector<Member> members_;
	std::int64_t number_ = 0;
	MemoryContext images_;
	std::ptrdiff_t bytes_ = 0; ///< of images
	bool is_truncated_ = false;
	bool has_truncated_rows_ = false;
};

Oid table_of(FunctionCallInfo fcinfo) {
	const Oid table = call([&] { return get_typ_typrelid(get_fn_expr_argtype(fcinfo->flinfo, 0)); });
	if (!OidIsValid(table)) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, "\"row_type\" is not a row of a table")
			.with_hint("Type NULL::name_of_the_table.");
	}
	return table;
}

/// The query was planned before the table was locked.
void check_result(FunctionCallInfo fcinfo, Oid table) {
	const auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	const TupleDesc now = result->setDesc;
	const TupleDesc planned = result->expectedDesc;
	bool is_same = planned == nullptr || planned->natts == now->natts;
	for (int i = 0; is_same && planned != nullptr && i < now->natts; ++i) {
		is_same = TupleDescAttr(now, i)->atttypid == TupleDescAttr(planned, i)->atttypid;
	}
	if (!is_same) {
		throw Error(ERRCODE_OBJECT_IN_USE, format("table %s was altered meanwhile", qualified_name(table).c_str()))
			.with_hint("Try again.");
	}
}

} // namespace

/// audit_as_of(row_type anyelement, moment timestamptz, mark bigint) returns setof anyelement
PG_FUNCTION(audit_as_of) {
	const Oid table = table_of(fcinfo);
	call(LockRelationOid, table, AccessShareLock);
	call(InitMaterializedSRF, fcinfo, 0U);
	check_result(fcinfo, table);
	const Readable rights = readable(table);
	if (rights.table != table) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE, format("%s is a partition", qualified_name(table).c_str()))
			.with_hint(format("Type NULL::%s, and say which rows.", qualified_name(rights.table).c_str()));
	}
	const OpenRelation relation(table, NoLock);
	check_whole(rights);
	const auto moment = argument<std::optional<Timestamptz>>(fcinfo, 1);
	const auto mark = argument<std::optional<int64>>(fcinfo, 2);
	if (moment.has_value() == mark.has_value()) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "either \"moment\" or \"mark\" must be given")
			.with_hint("Give a time, or mark => with the number of a mark.");
	}
	const Timestamptz then = mark ? moment_of(*mark) : *moment;
	const std::int32_t number = relation_at(table, then);
	const LaterEvents later = mark ? events_after_mark(number, *mark) : events_after(number, then);
	PastTable past = past_table(number, table, later);
	AsOf(fcinfo, table, past, later, relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE).run(Int32GetDatum(number));
	PG_RETURN_NULL();
}

} // namespace warden::audit
