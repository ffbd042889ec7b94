#include "move/convert_request.hpp"

#include "partition/declaration.hpp"
#include "partition/tree.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/zone.hpp"

extern "C" {
#include "pgtime.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;
using partition::Key;
using partition::Notation;
using partition::Policy;

namespace {

// $1 the table, $2 the column: whether it is generated, and sorted by its bytes.
constinit Statement select_column{R"(
SELECT a.attgenerated <> '',
       CASE WHEN l.oid IS NULL THEN true
            WHEN l.collprovider = 'c' THEN l.collcollate IN ('C', 'POSIX')
            WHEN l.collprovider = 'd' THEN d.datlocprovider = 'c' AND d.datcollate IN ('C', 'POSIX') OR d.datlocprovider = 'b'
            ELSE l.collprovider = 'b' END
FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation
JOIN pg_database d ON d.datname = current_database()
WHERE a.attrelid = $1 AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped)"};

constinit Statement build_request{R"(
SELECT jsonb_strip_nulls(jsonb_build_object('key', $1, 'every', $2, 'ahead', $3, 'keep', $4, 'timezone', $5, 'anchor', $6,
                                            'key_format', $7, 'metadata_only', $8, 'default_partition', $9,
                                            'widen_key', $10))::text)"};

constinit Statement parse_request{R"(
SELECT j ->> 'key', j ->> 'every', j ->> 'ahead', j ->> 'keep', j ->> 'timezone', j ->> 'anchor', j ->> 'key_format',
       (j -> 'metadata_only')::bool, (j -> 'default_partition')::bool, (j -> 'widen_key')::bool
FROM (SELECT $1::jsonb) r (j))"};

// $1 a moment, as the clock of UTC shows it.
constinit Statement write_instant{"SELECT to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00' || "
                                  "CASE WHEN $1 < '0001-01-01+00' THEN ' BC' ELSE '' END"};

std::optional<std::string> own(std::optional<std::string_view> text) {
	return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::string required_text(FunctionCallInfo fcinfo, int n, const char *name) {
	return std::string(required_argument<std::string_view>(fcinfo, n, name));
}

Moment read_instant(const std::string &text) {
	return call([&] {
		return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text.c_str()),
		                                               ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	});
}

std::int64_t read_number(const std::string &text) {
	return partition::read_span(text, true).microseconds;
}

Policy policy_of_numbers(const Request &request, Oid table) {
	const std::int64_t every = read_number(request.every);
	const std::int64_t ahead = request.ahead ? read_number(*request.ahead)
	                           : every > 0   ? partition::default_ahead(every)
	                                         : 1;
	const auto keep = request.keep ? std::optional(read_number(*request.keep)) : std::nullopt;
	partition::check_numbers(every, ahead, keep);
	if (request.timezone) {
		throw partition::invalid("\"timezone\" is of a key of time")
			.with_hint(format("Leave it out for column \"%s\".", request.key.c_str()));
	}
	Policy policy{};
	policy.parent = table;
	policy.notation = Notation::Number;
	policy.every = {.microseconds = every};
	policy.ahead = {.microseconds = ahead};
	if (keep) {
		policy.retention.keep = partition::Span{.microseconds = *keep};
	}
	policy.timezone = "UTC";
	policy.anchor = request.anchor ? floor_modulo(read_number(*request.anchor), every) : 0;
	return policy;
}

Policy policy_of_time(const Request &request, Oid table, const Key &key) {
	Policy policy{};
	policy.parent = table;
	policy.notation = partition::check_key_format(request.key_format);
	policy.every = partition::read_span(request.every, false);
	const partition::Step step = partition::check_every(policy.every, key);
	policy.ahead = request.ahead ? partition::read_span(*request.ahead, false) : partition::default_ahead(step);
	partition::check_ahead(policy.ahead);
	if (request.keep) {
		policy.retention.keep = partition::read_span(*request.keep, false);
		partition::check_keep(*policy.retention.keep, policy.every);
	}
	policy.timezone = request.timezone ? *request.timezone : call(pg_get_timezone_name, session_timezone);
	const Zone zone = server_zone(policy.timezone);
	policy.anchor =
		request.anchor ? read_instant(*request.anchor) : from_key(default_anchor(step, key_zone(key, zone)), key, zone);
	partition::check_anchor(policy.anchor);
	return policy;
}

} // namespace

Request request_of(FunctionCallInfo fcinfo) {
	const char *const key =
		call([&] { return fcinfo->args[1].isnull ? nullptr : NameStr(*DatumGetName(fcinfo->args[1].value)); });
	if (key == nullptr) {
		throw Error(ERRCODE_NULL_VALUE_NOT_ALLOWED, "\"key\" must not be null")
			.with_hint("Type the column that the table is to be partitioned by.");
	}
	return {.key = key,
	        .every = required_text(fcinfo, 2, "every"),
	        .ahead = partition::text_argument(fcinfo, 3),
	        .keep = partition::text_argument(fcinfo, 4),
	        .timezone = partition::text_argument(fcinfo, 5),
	        .anchor = partition::text_argument(fcinfo, 6),
	        .key_format = partition::text_argument(fcinfo, 7),
	        .metadata_only = required_argument<bool>(fcinfo, 8, "metadata_only"),
	        .default_partition = required_argument<bool>(fcinfo, 9, "default_partition"),
	        .widen_key = required_argument<bool>(fcinfo, 10, "widen_key")};
}

std::string write_request(const Request &request) {
	const PinnedSettings settings;
	Spi spi;
	return std::string(
		std::get<0>(spi.query<std::string_view>(build_request, request.key, request.every, request.ahead, request.keep,
	                                            request.timezone, request.anchor, request.key_format,
	                                            request.metadata_only, request.default_partition, request.widen_key)
	                    .front()));
}

Request read_request(const std::string &text) {
	using Text = std::string_view;
	using Maybe = std::optional<std::string_view>;
	const PinnedSettings settings;
	Spi spi;
	const auto rows = spi.query<Text, Text, Maybe, Maybe, Maybe, Maybe, Maybe, bool, bool, bool>(parse_request, text);
	const auto &[key, every, ahead, keep, timezone, anchor, key_format, metadata_only, default_partition, widen_key] =
		rows.front();
	return {.key = std::string(key),
	        .every = std::string(every),
	        .ahead = own(ahead),
	        .keep = own(keep),
	        .timezone = own(timezone),
	        .anchor = own(anchor),
	        .key_format = own(key_format),
	        .metadata_only = metadata_only,
	        .default_partition = default_partition,
	        .widen_key = widen_key};
}

Key key_for(const Request &request, Oid table) {
	const std::optional<Notation> notation = partition::check_key_format(request.key_format);
	const PinnedSettings settings;
	Spi spi;
	const auto found = spi.query_latest<bool, bool>(select_column, table, request.key);
	if (found.empty()) {
		throw Error(ERRCODE_UNDEFINED_COLUMN, format("column \"%s\" of table %s does not exist", request.key.c_str(),
		                                             qualified_name(table).c_str()))
			.with_hint("Type the name of a column for \"key\".");
	}
	const auto &[is_generated, is_bytewise] = found.front();
	if (is_generated) {
		throw Error(ERRCODE_INVALID_OBJECT_DEFINITION,
		            format("cannot partition by generated column \"%s\"", request.key.c_str()))
			.with_hint("Use another column for \"key\".");
	}
	const Oid type = partition::column_type(table, request.key);
	const bool is_number = !notation && partition::is_numeric_type(type).value_or(false);
	const auto declared = is_number ? std::optional(Notation::Number) : notation;
	if (!partition::fits_notation(type, declared)) {
		throw Error(ERRCODE_DATATYPE_MISMATCH, format("column \"%s\" is of type %s", request.key.c_str(),
		                                              call([&] { return format_type_be(type); })))
			.with_hint(notation ? "A key of unix_seconds is an integer or a bigint, one of unix_milliseconds, "
		                          "unix_microseconds or unix_nanoseconds a bigint, of uuidv7 a uuid, of ulid a text."
		                        : partition::hint_for_key(type));
	}
	if (!is_bytewise && declared == Notation::Ulid) {
		throw Error(ERRCODE_DATATYPE_MISMATCH, format("column \"%s\" is not sorted by its bytes", request.key.c_str()))
			.with_detail("ULIDs are in the order of time in collation \"C\" only.")
			.with_hint(format("Use ALTER TABLE ... ALTER COLUMN %s TYPE text COLLATE \"C\".",
		                      call([&] { return quote_identifier(request.key.c_str()); })));
	}
	return partition::key_of(type, request.key, declared);
}

Policy policy_for(const Request &request, Oid table, const Key &key) {
	return key.notation == Notation::Number ? policy_of_numbers(request, table) : policy_of_time(request, table, key);
}

Request complete(Request request, const Policy &policy) {
	const bool is_number = policy.is_of_numbers();
	const PinnedSettings settings;
	partition::pin_notation();
	request.every = partition::write_span(policy.every, is_number);
	request.ahead = partition::write_span(policy.ahead, is_number);
	if (policy.retention.keep) {
		request.keep = partition::write_span(*policy.retention.keep, is_number);
	}
	if (is_number) {
		request.anchor = format("%ld", policy.anchor);
		return request;
	}
	request.timezone = policy.timezone;
	Spi spi;
	request.anchor =
		std::string(std::get<0>(spi.query<std::string_view>(write_instant, Timestamptz{policy.anchor}).front()));
	return request;
}

std::string declaration_of(const Request &request, const std::string &table, bool is_number) {
	std::string text = std::string("SELECT * FROM warden.") +
	                   (is_number ? "partition_by_number(" : "partition_by_time(") + quoted_literal(table) +
	                   ", every => " + quoted_literal(request.every);
	const auto add = [&](const char *name, const std::optional<std::string> &value) {
		if (value) {
			text += std::string(", ") + name + " => " + quoted_literal(*value);
		}
	};
	add("ahead", request.ahead);
	add("keep", request.keep);
	add("timezone", request.timezone);
	add("anchor", request.anchor);
	add("key_format", request.key_format);
	return text + ")";
}

} // namespace warden::move
