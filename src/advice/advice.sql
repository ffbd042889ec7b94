-- Advice -------------------------------------------------------------------------------------------------------------

-- STABLE: it reads what there is and writes nothing.  UNSAFE, because it works in subtransactions, which a parallel
-- query cannot have.
CREATE FUNCTION warden.advice_what_if(query text, create_commands text[] DEFAULT '{}', hide regclass[] DEFAULT '{}')
    RETURNS TABLE (cost_before double precision, cost_after double precision, plan_before jsonb, plan_after jsonb, used text[])
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION warden.advice_what_if(text, text[], regclass[]) IS
$$What a query would cost, and how it would be executed, if there were other indexes. Builds and executes nothing: the server's planner is asked twice, with the indexes that there are and with those that there would be.
query: one statement that has a plan; one that wraps it (EXPLAIN, PREPARE, DECLARE CURSOR, CREATE TABLE AS, COPY) counts as what is in it. Parameters like $1 may be in it: it is planned for any value of them. create_commands: CREATE INDEX commands, one an element, with all that planning depends on: method, operator classes, collations, directions, expressions, INCLUDE, WHERE. On a partitioned table it is an index on each partition. That an index would be UNIQUE is not taken into account. hide: existing indexes, as if they were dropped; of an attached one, all of the partitioned index.
One row. cost_before, cost_after: total cost in the units of EXPLAIN; of all statements that rules make of the query. plan_before, plan_after: as EXPLAIN (FORMAT JSON) shows them. used: what plan_after reads of indexes, qualified names; new ones by the name that the command gives them or would get.
Errors: 42501 without the privileges that executing the query needs, without SELECT on the table of a new index, or for an expression or a predicate on a table that one does not own; 42601 if query is not one statement or a command not one CREATE INDEX; 0A000 if the query has no plan; 42809 to hide what is no index, 55000 an invalid one, 22023 one of another table; 22004 for null; 57014 if a plan takes longer than 5 s to be made; 55P03 if a table is locked for longer than warden.lock_timeout; any that the query or CREATE INDEX would have. It is for everybody: who calls it learns what EXPLAIN would tell him. Locks the tables in ACCESS SHARE mode (those that the query changes in ROW EXCLUSIVE mode) while it plans, and keeps none.$$;
