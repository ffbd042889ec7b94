#include "audit/context.hpp"

#include "audit/audit.hpp"
#include "audit/dropped_column.hpp"
#include "audit/encoders.hpp"
#include "audit/stopwatch.hpp"

#include "pg/datum.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constinit char *context = nullptr; // warden.audit_context

constexpr int most_megabytes = 100; // bytea as text is twice as long, and a string of jsonb has 256 MB at most

// Server code.
void set_context(const char *text) {
	set_config_option("warden.audit_context", text, PGC_INTERNAL, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

} // namespace

const char *current_context() {
	return context == nullptr ? "" : context;
}

void init() {
	watch_columns();
	DefineCustomStringVariable("warden.audit_context", "What the audit log is told of the current transaction.",
	                           "It is set by warden.audit_set_context().", &context, "", PGC_INTERNAL,
	                           GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, nullptr, nullptr, nullptr);
	DefineCustomIntVariable(
		"warden.audit_max_value", "Sets the length from which on the audit log has only the digest of a value.",
		nullptr, &most_kilobytes, 1024, 1, most_megabytes * 1024, PGC_SUSET, GUC_UNIT_KB, nullptr, nullptr, nullptr);
	if (process_shared_preload_libraries_in_progress) {
		init_stopwatch();
	}
}

void add_to_context(const char *name, std::int64_t value) {
	Spi spi;
	const std::string old = current_context();
	const auto merged = spi.query<std::string_view>(
		"SELECT (coalesce(nullif($1, '')::jsonb, '{}') || jsonb_build_object($2, $3))::text", old, std::string(name),
		int64{value});
	const std::string text(std::get<0>(merged.front()));
	call(set_context, text.c_str());
}

/// audit_set_context(context jsonb) returns void
PG_FUNCTION(audit_set_context) {
	call([&] {
		Jsonb *const json = PG_GETARG_JSONB_P(0);
		if (!JB_ROOT_IS_OBJECT(json)) {
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the context is not a JSON object"),
			        errhint("Use SELECT warden.audit_set_context('{\"user\": \"...\"}')."));
		}
		const char *const text = JsonbToCString(nullptr, &json->root, static_cast<int>(VARSIZE(json)));
		set_context(text);
	});
	PG_RETURN_VOID();
}

} // namespace warden::audit
