#include "bloat/repair_plan.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

namespace warden::bloat {

using namespace pg;

namespace {

// $1 a relation or null.  An index, or a table that is to be rewritten, has an obstacle.
constinit Statement measure{R"(
SELECT m.relation::oid, m.of_table::oid, coalesce(pg_relation_filenode(m.relation), 0::oid), m.kind, coalesce(m.verdict, ''),
       coalesce(m.reason, ''), coalesce(m.command, ''), coalesce(m.bytes, 0), m.rewrite_bytes, m.wasted_bytes,
       coalesce(m.truncatable_bytes, 0), coalesce(m.rewrite_bytes, m.bytes, 0),
       coalesce(sum(coalesce(m.rewrite_bytes, m.bytes)) OVER (PARTITION BY m.of_table), 0)::bigint,
       CASE WHEN c.relpersistence = 't' THEN 'it is temporary'
            WHEN m.kind = 'table' THEN ''
            WHEN m.of_table::oid < 16384 THEN 'an index of a catalog cannot be rebuilt concurrently'
            WHEN x.indisexclusion THEN 'an index of an exclusion constraint cannot be rebuilt concurrently'
            WHEN NOT (x.indisvalid AND x.indisready AND x.indislive) THEN 'the index is invalid'
            WHEN h.relkind = 't' AND NOT r.rolsuper THEN 'an index of a TOAST table can only be rebuilt by name by a superuser'
            ELSE '' END
FROM warden.bloat_measure($1) WITH ORDINALITY m JOIN pg_class c ON c.oid = m.relation
LEFT JOIN pg_index x ON x.indexrelid = m.relation
LEFT JOIN pg_class h ON h.oid = x.indrelid
LEFT JOIN pg_roles r ON r.oid = c.relowner ORDER BY m.ordinality)"};

struct Named {
	Action action;
	const char *name;
	const char *lock;
};

constexpr Named actions[] = {
	{Action::Reindex, "reindex", "SHARE UPDATE EXCLUSIVE"},
	{Action::Vacuum, "vacuum", "SHARE UPDATE EXCLUSIVE"},
	{Action::Truncate, "truncate", "SHARE UPDATE EXCLUSIVE, and for a moment ACCESS EXCLUSIVE"},
	{Action::Rewrite, "rewrite", "ACCESS EXCLUSIVE"},
};

const Named &named(Action action) {
	return *std::ranges::find(actions, action, &Named::action);
}

// None of a TOAST table, because its table's is for it as well, nor of an index where VACUUM (FULL) makes it anew.
std::optional<Action> forced_action(const Wish &wish, Oid relation, std::string_view kind) {
	if (kind == "table") {
		return wish.rewrites ? Action::Rewrite : Action::Vacuum;
	}
	const bool is_rebuilt = kind == "index" && (!wish.rewrites || wish.relation == relation);
	return is_rebuilt ? std::optional(Action::Reindex) : std::nullopt;
}

std::optional<Action> recommended_action(std::string_view verdict, bool rewrites) {
	if (verdict == "reindex" || verdict == "dedup_gain") {
		return Action::Reindex;
	}
	if (verdict == "vacuum_starved" || verdict == "pending_list") {
		return Action::Vacuum;
	}
	if (verdict == "truncatable") {
		return Action::Truncate;
	}
	return verdict == "rewrite" && rewrites ? std::optional(Action::Rewrite) : std::nullopt;
}

bool is_planned(const std::vector<Proposal> &proposals, const Proposal &proposal) {
	return proposal.action && std::ranges::any_of(proposals, [&](const Proposal &other) {
			   return other.relation == proposal.relation && other.action == proposal.action;
		   });
}

} // namespace

const char *name_of(Action action) {
	return named(action).name;
}

Action action_named(std::string_view name) {
	return std::ranges::find(actions, name, [](const Named &each) { return std::string_view(each.name); })->action;
}

const char *lock_of(Action action) {
	return named(action).lock;
}

std::string command_for(Action action, Oid relation) {
	switch (action) {
	case Action::Reindex:
		return "REINDEX INDEX CONCURRENTLY " + qualified_name(relation);
	case Action::Vacuum:
		return "VACUUM (ANALYZE, TRUNCATE false) " + qualified_name(relation);
	case Action::Truncate:
		return "VACUUM (ANALYZE, TRUNCATE) " + qualified_name(relation);
	default:
		return "VACUUM (FULL) " + qualified_name(relation);
	}
}

std::vector<Proposal> propose(const Wish &wish) {
	const AsExtension owner;
	Spi spi;
	std::vector<Proposal> proposals;
	for (const auto &[relation, table, filenode, kind, verdict, reason, command, bytes, rewritten, wasted, truncatable,
	                  needed, needed_by_all, obstacle] :
	     spi.query_latest<Oid, Oid, Oid, std::string_view, std::string_view, std::string_view, std::string_view, int64,
	                      std::optional<int64>, std::optional<int64>, int64, int64, int64, std::string_view>(
			 measure, wish.relation)) {
		Proposal proposal{.relation = relation,
		                  .table = table,
		                  .filenode = filenode,
		                  .action = wish.forces ? forced_action(wish, relation, kind)
		                                        : recommended_action(verdict, wish.rewrites),
		                  .verdict = std::string(verdict),
		                  .command = std::string(command),
		                  .reason = wish.forces ? "asked for" : std::string(reason),
		                  .obstacle = {},
		                  .bytes = bytes,
		                  .predicted = rewritten,
		                  .saved = wasted,
		                  .needed = needed};
		if (const auto action = proposal.action) {
			if (*action == Action::Vacuum || *action == Action::Truncate) {
				// Of a TOAST table or an index as well: VACUUM is of the table.
				proposal.relation = table;
				proposal.predicted = bytes - (*action == Action::Truncate ? truncatable : 0);
				proposal.saved = *action == Action::Truncate ? truncatable : 0;
			}
			if (*action == Action::Rewrite) {
				proposal.needed = needed_by_all;
			}
			proposal.command = command_for(*action, proposal.relation);
			proposal.obstacle = std::string(obstacle);
		}
		if (!is_planned(proposals, proposal) && (proposal.action || !wish.forces)) {
			proposals.push_back(std::move(proposal));
		}
	}
	return proposals;
}

} // namespace warden::bloat
