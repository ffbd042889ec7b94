// advice.hpp - Which indexes to drop and which to build, proven by the planner on the real workload.
//
// Reading order, by what for:
// - what everything is said in (plain logic): index_set, index_shape, known_indexes, statement, cost_source;
// - the planner, asked: hypothetical, planner_hooks, analysis, used_indexes, what_if, what_if_report;
// - what is there, and what is typed: node_text, existing_indexes, index_definition;
// - how large: key_population, btree_size, gin_size, method_size (plain), index_sample, index_size, value_statistics;
// - what could be: wishes, pattern_text (plain), wish_reader, clause_wishes, operator_classes, index_keys, candidates;
// - what is best: cost_cache, configuration, index_moves, selection, write_cost (plain), index_market, missing;
// - what can go: redundancy, index_verdict (plain), index_facts, usage, foreign_keys, drop_check, indexes;
// - the statements: sql_tokens, statement_text (plain), sample_board, sampler, samples, pg_stat_statements, workload;
// - the commands: index_names (plain), index_text, index_command;
// - what became of it: outcome (plain), given_advice, statement_times, outcomes.
#pragma once

#include "pg/procedure.hpp"

namespace warden::advice {

/// Installs the hooks and defines the feature's settings.  Server code, for _PG_init().
void init();

/// The part of CALL maintain(): notes what indexes were used, takes in what was sampled, measures what was built.
void maintain(const pg::Procedure &procedure);

} // namespace warden::advice
