-- STABLE: it reads what there is and writes nothing.  UNSAFE, because it works in subtransactions, which a parallel query cannot have.
CREATE FUNCTION warden.advice_candidates(query text)
    RETURNS TABLE (relation regclass, command text, reason text)
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 20 AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION warden.advice_candidates(text) IS
$$Which indexes advice would try for a statement, before the planner is asked whether they help, and why it would try no others.
query: one statement, which may have parameters ($1): planned as the current user, not run; or EXPLAIN, DECLARE, COPY (query) TO, CREATE TABLE AS of one.
A row for each index. relation: its table; of a partitioned table the topmost. command: builds it. reason: what of the statement it is made for. Then rows without a command: relation is one that the statement names, reason is why it, or a condition on it, has no more. Indexes that exist already are left out. At most 60 rows with a command.
Errors: 42501 without the privileges that executing it needs; those of the statement; 0A000 if it has no plan; 42601 if it is not one statement. It is for everybody. Locks the tables in ACCESS SHARE mode (those that the statement changes in ROW EXCLUSIVE mode) meanwhile, and keeps none.$$;
