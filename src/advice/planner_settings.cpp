#include "advice/planner_settings.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace warden::advice {

using namespace pg;

namespace {

constexpr std::array others = std::to_array<std::string_view>({"constraint_exclusion",
                                                               "cpu_index_tuple_cost",
                                                               "cpu_operator_cost",
                                                               "cpu_tuple_cost",
                                                               "cursor_tuple_fraction",
                                                               "datestyle",
                                                               "default_text_search_config",
                                                               "effective_cache_size",
                                                               "effective_io_concurrency",
                                                               "from_collapse_limit",
                                                               "hash_mem_multiplier",
                                                               "intervalstyle",
                                                               "join_collapse_limit",
                                                               "max_parallel_workers_per_gather",
                                                               "min_parallel_index_scan_size",
                                                               "min_parallel_table_scan_size",
                                                               "parallel_leader_participation",
                                                               "parallel_setup_cost",
                                                               "parallel_tuple_cost",
                                                               "plan_cache_mode",
                                                               "random_page_cost",
                                                               "recursive_worktable_factor",
                                                               "row_security",
                                                               "search_path",
                                                               "seq_page_cost",
                                                               "temp_buffers",
                                                               "timezone",
                                                               "work_mem"});

// Those of all databases before those of this one, which win.
constinit pg::Statement select_settings{R"(
SELECT s
FROM pg_db_role_setting r, unnest(r.setconfig) WITH ORDINALITY u (s, n)
WHERE r.setrole = $1 AND r.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY r.setdatabase <> 0, n)"};

bool matters(std::string_view name) {
	std::string lower(name);
	std::ranges::transform(lower, lower.begin(),
	                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
	return lower.starts_with("enable_") || lower.starts_with("geqo") ||
	       std::ranges::find(others, lower) != others.end();
}

} // namespace

const PlannerSettings::OfRole &PlannerSettings::find(Oid role) {
	for (const OfRole &known : roles_) {
		if (known.role == role) {
			return known;
		}
	}
	OfRole found{role, {}};
	const AsExtension owner;
	Spi spi;
	for (const auto &[setting] : spi.query<std::string_view>(select_settings, role)) {
		const std::size_t sign = setting.find('=');
		if (sign != std::string_view::npos && matters(setting.substr(0, sign))) {
			found.values.emplace_back(setting.substr(0, sign), setting.substr(sign + 1));
		}
	}
	roles_.push_back(std::move(found));
	return roles_.back();
}

void PlannerSettings::apply(Oid role) {
	if (role == call(GetSessionUserId)) {
		return;
	}
	for (const auto &[name, value] : find(role).values) {
		PinnedSettings::set(name.c_str(), value.c_str());
	}
}

} // namespace warden::advice
