#include "move/move_plan.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "access/xlog.h"
#include "catalog/catalog.h"
#include "commands/extension.h"
#include "catalog/dependency.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
}

namespace warden::move {

using namespace pg;

namespace {

// $1 a table: where its owner may not create any.
constinit Statement select_closed_schema{R"(
SELECT quote_ident(n.nspname), c.relowner::regrole::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = $1 AND NOT has_schema_privilege(c.relowner, n.oid, 'CREATE'))"};

// What a disk does beside an application that goes on.  Measured on two cores, with all in memory, it was several times
// as fast.
constexpr double copied_per_second = 50e6;  // bytes: read, and written with WAL
constexpr double indexed_per_second = 40e6; // bytes of the table for each of its indexes
constexpr int bytes_of_map = 8;             // a row

struct Size {
	std::int64_t heap = 0; ///< with TOAST
	std::int64_t indexes = 0;
	std::int64_t index_count = 0;
	std::int64_t rows = 0;
};

constinit Statement select_size{R"(
SELECT pg_table_size(c.oid), pg_indexes_size(c.oid), (SELECT count(*) FROM pg_index x WHERE x.indrelid = c.oid),
       greatest(c.reltuples, 0)::bigint
FROM pg_class c WHERE c.oid = $1 AND c.relkind = 'r')"};

Size size_of(const std::vector<Oid> &sources) {
	const AsExtension owner;
	Spi spi;
	Size size;
	for (const Oid source : sources) {
		for (const auto &[heap, indexes, count, rows] :
		     spi.query_latest<int64, int64, int64, int64>(select_size, source)) {
			size.heap += heap;
			size.indexes += indexes;
			size.index_count = std::max<std::int64_t>(size.index_count, count);
			size.rows += rows;
		}
	}
	return size;
}

std::string names_of(const std::vector<Oid> &tables) {
	constexpr std::size_t most = 3;
	std::string names;
	for (std::size_t i = 0; i < tables.size() && i < most; ++i) {
		names += (i == 0 ? "" : ", ") + qualified_name(tables[i]);
	}
	return tables.size() > most ? names + format(" and %zu more", tables.size() - most) : names;
}

double seconds_to_copy(const Size &size, const Limits &limits) {
	double seconds = static_cast<double>(size.heap) / copied_per_second;
	if (limits.bytes_per_second) {
		seconds = std::max(seconds, static_cast<double>(size.heap) / static_cast<double>(*limits.bytes_per_second));
	}
	if (limits.rows_per_second) {
		seconds = std::max(seconds, static_cast<double>(size.rows) / static_cast<double>(*limits.rows_per_second));
	}
	return seconds;
}

std::string text_of(const PlanStep &step) {
	std::string text = step.action;
	const auto add = [&](const char *before, const std::optional<std::string> &what) {
		if (what) {
			text += before + *what;
		}
	};
	add(" ", step.relation);
	add("; locks: ", step.lock);
	if (step.seconds) {
		text += format("; about %.*f s", *step.seconds < 1 ? 2 : 0, *step.seconds);
	}
	if (step.bytes) {
		text += format("; about %lld bytes", static_cast<long long>(*step.bytes));
	}
	add("; ", step.detail);
	add("\n", step.command);
	return text;
}

template <class T>
std::optional<T> positive(FunctionCallInfo fcinfo, int n, const char *name) {
	const auto value = argument<std::optional<T>>(fcinfo, n);
	if (value && *value <= 0) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("\"%s\" must be greater than zero", name))
			.with_hint("Leave it out for no limit.");
	}
	return value;
}

struct Nature {
	char kind;
	char persistence;
	Oid method;
	bool is_system;
	bool is_member;
};

// Server code.
Nature nature_of(Relation relation) {
	return {relation->rd_rel->relkind, relation->rd_rel->relpersistence, relation->rd_rel->relam,
	        IsSystemRelation(relation),
	        OidIsValid(getExtensionOfObject(RelationRelationId, RelationGetRelid(relation)))};
}

} // namespace

void add_steps(PlanRows &rows, const std::vector<PlanStep> &steps) {
	int32 number = 0;
	for (const PlanStep &step : steps) {
		rows.add(++number, step.action, step.command, step.lock, step.relation, step.bytes, step.seconds, step.detail);
	}
}

void tell_steps(const std::vector<PlanStep> &steps) {
	int number = 0;
	for (const PlanStep &step : steps) {
		report(INFO, format("%d. ", ++number) + text_of(step));
	}
	if (steps.empty()) {
		report(INFO, "nothing is to be done");
	}
}

PlanStep capture_step(const std::string &names) {
	return {.action = "capture",
	        .lock = "SHARE ROW EXCLUSIVE on " + names + ", each for some milliseconds",
	        .relation = names,
	        .detail = "A trigger logs which rows change, by their place only. Readers notice nothing."};
}

std::vector<PlanStep> common_steps(const Wish &wish, const std::vector<Oid> &sources, std::size_t sides) {
	Size size = size_of(sources);
	size.rows = std::max(size.rows, wish.rows_total); // counted, perhaps, where the server has no estimate yet
	const std::string names = names_of(sources);
	const std::int64_t needed = size.heap + size.indexes + size.rows * bytes_of_map;
	std::vector<PlanStep> steps;
	steps.push_back(capture_step(names));
	steps.push_back(
		{.action = "copy",
	     .lock = "ACCESS SHARE on " + names,
	     .relation = names,
	     .bytes = size.heap + size.rows * bytes_of_map,
	     .seconds = seconds_to_copy(size, wish.limits),
	     .detail = format("About %lld rows into %zu tables, in batches. Assumes %.0f MB/s. At most %lld bytes of "
	                      "disk are needed until the end, and about as much of WAL is written, which replicas "
	                      "receive.",
	                      static_cast<long long>(size.rows), sides, copied_per_second / 1e6,
	                      static_cast<long long>(needed))});
	if (size.index_count > 0) {
		steps.push_back({.action = "index",
		                 .bytes = size.indexes,
		                 .seconds = static_cast<double>(size.heap * size.index_count) / indexed_per_second,
		                 .detail = format("%lld for each table, built when the rows are there. Assumes %.0f MB/s.",
		                                  static_cast<long long>(size.index_count), indexed_per_second / 1e6)});
	}
	steps.push_back({.action = "replay", .detail = "What has changed meanwhile, until hardly anything is left."});
	steps.push_back({.action = "wait",
	                 .detail =
	                     "For transactions that began before the copy, as long as they last, without any lock; at most "
	                     "warden.partition_move_wait."});
	return steps;
}

void check_source(Oid oid) {
	if (call(RecoveryInProgress)) {
		throw Error(ERRCODE_READ_ONLY_SQL_TRANSACTION, "rows cannot be moved on a standby")
			.with_hint("Use the primary server.");
	}
	const std::string name = qualified_name(oid);
	const OpenRelation relation(oid, AccessShareLock);
	const Nature nature = call(nature_of, relation.get());
	const auto refuse = [&](const char *what, const char *hint) {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, format("cannot move rows of %s: it is %s", name.c_str(), what))
			.with_hint(hint);
	};
	if (nature.is_system) {
		refuse("a table of the system", "Only tables of users can be moved.");
	}
	if (nature.is_member) {
		refuse("a member of an extension",
		       "Use ALTER EXTENSION ... DROP TABLE first, if it is to be a table of yours.");
	}
	if (nature.persistence == RELPERSISTENCE_TEMP) {
		refuse("a temporary table", "Only its own session sees it: create the one you want, and INSERT ... SELECT.");
	}
	if (nature.kind == RELKIND_FOREIGN_TABLE) {
		refuse("a foreign table", "Do it on the server where its rows are, or DETACH it first.");
	}
	if (nature.kind != RELKIND_RELATION) {
		refuse("not a table with rows of its own", "Name the table itself.");
	}
	if (nature.method != HEAP_TABLE_AM_OID) {
		refuse("of an access method that is not heap", "Copy it to a table USING heap first.");
	}
}

void check_can_create(Oid table, const char *what) {
	const PinnedSettings settings;
	Spi spi;
	for (const auto &[schema, owner] :
	     spi.query_latest<std::string_view, std::string_view>(select_closed_schema, table)) {
		const std::string name(schema);
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE, format("permission denied for schema %s", name.c_str()))
			.with_detail(format("%s of %s are made there by its owner.", what, qualified_name(table).c_str()))
			.with_hint(format("Use GRANT CREATE ON SCHEMA %s TO %s.", name.c_str(), std::string(owner).c_str()));
	}
}

Limits limits_of(FunctionCallInfo fcinfo, int n) {
	Limits limits;
	limits.rows_per_second = positive<int64>(fcinfo, n, "max_rows_per_second");
	limits.bytes_per_second = positive<int64>(fcinfo, n + 1, "max_bytes_per_second");
	limits.lag_bytes = positive<int64>(fcinfo, n + 2, "max_lag_bytes");
	limits.sessions = positive<int32>(fcinfo, n + 3, "max_sessions");
	return limits;
}

} // namespace warden::move
