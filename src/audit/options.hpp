// options.hpp - What audit_enable() and audit_enable_schema() are told.
#pragma once

#include "partition/policy.hpp"

#include "pg/datum.hpp"

#include <optional>
#include <string>
#include <vector>

namespace warden::audit {

struct Options {
	std::optional<pg::TextArray> columns;
	std::optional<pg::TextArray> except_columns;
	std::optional<partition::Span> keep;
	bool require_context;
	std::string on_truncate;
	bool keep_dropped;
	bool dry_run;
};

/// Arguments 1 to 7 of the function being called.  Errors 22004, 22023.
Options read_options(FunctionCallInfo fcinfo);

/// Error 22023 unless rows can be kept for that long; null is for ever.
void check_keep(const std::optional<partition::Span> &keep);

/// Statements as the column "command" has them.
std::string join(const std::vector<std::string> &statements);

/// Whether tables of a schema are the system's or our own, which cannot be audited.
bool is_system_schema(Oid schema);

} // namespace warden::audit
