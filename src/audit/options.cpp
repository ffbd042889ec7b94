#include "audit/options.hpp"

#include "partition/calendar.hpp"

extern "C" {
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "utils/array.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constexpr double most_years = 1000; // what is as long ago as "keep" says, is a moment

// Server code.  A name[] as text[].
TextArray text_of(ArrayType *names) {
	Datum *values = nullptr;
	int count = 0;
	deconstruct_array(names, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &values, nullptr, &count);
	for (int i = 0; i < count; ++i) {
		values[i] = CStringGetTextDatum(NameStr(*DatumGetName(values[i])));
	}
	return {PointerGetDatum(construct_array(values, count, TEXTOID, -1, false, TYPALIGN_INT))};
}

std::optional<TextArray> names_argument(FunctionCallInfo fcinfo, int n, const char *name) {
	ArrayType *const names = call([&] { return PG_ARGISNULL(n) ? nullptr : PG_GETARG_ARRAYTYPE_P(n); });
	if (names == nullptr) {
		return std::nullopt;
	}
	if (call([&] { return array_contains_nulls(names); })) {
		throw Error(ERRCODE_NULL_VALUE_NOT_ALLOWED, format("\"%s\" must not contain nulls", name))
			.with_hint("Name columns of the table.");
	}
	return call([&] { return text_of(names); });
}

} // namespace

Options read_options(FunctionCallInfo fcinfo) {
	Options options{.columns = names_argument(fcinfo, 1, "columns"),
	                .except_columns = names_argument(fcinfo, 2, "except_columns"),
	                .keep = argument<std::optional<partition::Span>>(fcinfo, 3),
	                .require_context = required_argument<bool>(fcinfo, 4, "require_context"),
	                .on_truncate = std::string(required_argument<std::string_view>(fcinfo, 5, "on_truncate")),
	                .keep_dropped = required_argument<bool>(fcinfo, 6, "keep_dropped"),
	                .dry_run = required_argument<bool>(fcinfo, 7, "dry_run")};
	check_keep(options.keep);
	if (options.on_truncate != "rows" && options.on_truncate != "event" && options.on_truncate != "refuse") {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE,
		            format("\"on_truncate\" cannot be \"%s\"", options.on_truncate.c_str()))
			.with_hint("Use rows, event or refuse.");
	}
	return options;
}

void check_keep(const std::optional<partition::Span> &keep) {
	const double length = keep ? partition::nominal_microseconds(*keep) : 1;
	if (length <= 0) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "\"keep\" must be positive")
			.with_hint("Type for instance keep => '90 days', or leave it out to keep all.");
	}
	if (length > most_years * 365.25 * static_cast<double>(microseconds_per_day)) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "\"keep\" is too long")
			.with_hint("Use at most a thousand years, or leave it out to keep all.");
	}
}

std::string join(const std::vector<std::string> &statements) {
	std::string text;
	for (const std::string &statement : statements) {
		text += (text.empty() ? "" : ";\n") + statement;
	}
	return text;
}

bool is_system_schema(Oid schema) {
	return call([&] {
		return IsCatalogNamespace(schema) || IsToastNamespace(schema) || schema == get_namespace_oid("warden", false);
	});
}

} // namespace warden::audit
