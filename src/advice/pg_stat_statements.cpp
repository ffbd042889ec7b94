#include "advice/pg_stat_statements.hpp"

#include "advice/statement_text.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace warden::advice {

using namespace pg;

namespace {

// The names of columns differ from version to version of the extension, which need not be that of the server.
constinit pg::Statement find_view{R"(
SELECT c.oid, has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
       bool_or(a.attname = 'total_exec_time'), bool_or(a.attname = 'stats_since'),
       (SELECT i.oid FROM pg_class i
        WHERE i.relname = 'pg_stat_statements_info' AND i.relnamespace = c.relnamespace AND i.relkind = 'v')
FROM pg_extension e
JOIN pg_class c ON c.relname = 'pg_stat_statements' AND c.relnamespace = e.extnamespace AND c.relkind = 'v'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE e.extname = 'pg_stat_statements' GROUP BY c.oid)"};

struct View {
	std::string name;
	std::string info; ///< the view of when it was reset; empty: there is none
	bool has_total_exec_time;
	bool has_since;
};

std::optional<View> find() {
	const PinnedSettings settings;
	Spi spi;
	for (const auto &[view, is_readable, has_total_exec_time, has_since, info] :
	     spi.query<Oid, bool, bool, bool, std::optional<Oid>>(find_view)) {
		if (is_readable) {
			return View{.name = qualified_name(view),
			            .info = info ? qualified_name(*info) : std::string(),
			            .has_total_exec_time = has_total_exec_time,
			            .has_since = has_since};
		}
	}
	return std::nullopt;
}

// An entry that is younger than the reset is of a statement that is new, unless entries had to make room for others:
// then it may have been there before.
std::string select_statements(const View &view) {
	const char *const reset = view.info.empty() ? "pg_postmaster_start_time()" : "i.stats_reset";
	const char *const dealloc = view.info.empty() ? "0" : "i.dealloc";
	std::string since = reset;
	if (view.has_since) {
		since = format("CASE WHEN %s > 0 THEN min(warden.stats_since) ELSE %s END", dealloc, reset);
	}
	const char *const time = view.has_total_exec_time ? "warden.total_exec_time" : "warden.total_time";
	return format(R"(
SELECT warden.queryid, warden.userid, min(warden.query), sum(warden.calls)::double precision, sum(%s)::double precision,
       sum(warden.rows)::double precision, %s
FROM %s warden %s
WHERE warden.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND warden.queryid IS NOT NULL AND warden.calls > 0
GROUP BY warden.queryid, warden.userid%s
ORDER BY 5 DESC, 1, 2 LIMIT 5000)",
	              time, since.c_str(), view.name.c_str(),
	              view.info.empty() ? "" : format("CROSS JOIN %s i", view.info.c_str()).c_str(),
	              view.info.empty() ? "" : ", i.stats_reset, i.dealloc");
}

} // namespace

std::vector<Recorded> read_pg_stat_statements() {
	std::vector<Recorded> recorded;
	const auto view = find();
	if (!view) {
		return recorded;
	}
	const auto error = attempt([&] {
		const PinnedSettings settings;
		Spi spi;
		for (const auto &[id, role, text, calls, milliseconds, rows, since] :
		     spi.query<int64, Oid, std::optional<std::string_view>, double, double, double, Timestamptz>(
				 select_statements(*view).c_str())) {
			Recorded statement{.source = Source::PgStatStatements,
			                   .calls = calls,
			                   .milliseconds = milliseconds,
			                   .rows = rows,
			                   .since = since.value};
			statement.statement.id = id;
			statement.statement.role = role;
			statement.statement.text = text.value_or("");
			recorded.push_back(std::move(statement));
		}
	});
	if (error && error->sqlstate != ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE) { // it is not preloaded
		throw Error(*error);
	}
	return recorded;
}

} // namespace warden::advice
