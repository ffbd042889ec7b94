-- Indexes that there are ---------------------------------------------------------------------------------------------

-- UNSAFE, because it survives errors in subtransactions, which a parallel query cannot have.
CREATE FUNCTION warden.advice_indexes(target regclass DEFAULT NULL)
    RETURNS TABLE (index regclass, relation regclass, verdict text, reason text, command text, bytes bigint, scans bigint,
                   covered_by regclass, foreign_keys text[], observed_since timestamptz, observed_scans bigint,
                   observed_writes bigint, last_scan timestamptz, command_lock text, caveats text[])
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.advice_indexes(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION warden.advice_indexes(regclass) TO pg_monitor;

COMMENT ON FUNCTION warden.advice_indexes(regclass) IS
$$Every index with one verdict and its evidence, and foreign keys that lack one: of a table with its partitions, of an index, or (null) of all tables that are not catalogs or temporary.
verdict: keep; duplicate (another one does all that it does, and is no more); redundant (another one does all that it does, and more); unused; invalid (no query can use it, and nobody is building it); missing (index is null: foreign_keys have no index, in whatever order of columns, and their table has at least 1000 pages, or rows are deleted that they refer to); write_heavy (at least 1000 writes a day and 10,000 a scan); wide (larger than its table, or of more than five columns and half of its size); unknown (it is locked, and was not looked at). Of an index that is attached to one of a partitioned table it is decided there.
duplicate and redundant: the same access method; of a B-tree the keys are the first ones of covered_by: values, operator families, collations, and directions, which may all be turned round; the rows are in it, by their predicates; INCLUDE columns too; a unique one is covered only by one on the same columns that is unique in the same way. Of indexes that cover each other, and of chains, one is left, which is never called anything in the same run. An index of fewer rows than covered_by is redundant only if statements of the workload that use it do as well without.
unused: not scanned for warden.advice_observation (35 days), of which CALL warden.maintain() has observed all but two hours at a time (resets of statistics, crashes and promotions in between are seen), nor on any standby: see advice_standbys. Neither is said of what is a constraint, unique, an exclusion, replica identity, referred to by a foreign key, or part of an extension; unused not of the only index of a foreign key.
A DROP is verified by planning the workload of advice_workload, as far as the caller may plan it, without the index, for ten seconds at most: if a statement becomes more than 10 % dearer, the verdict is keep.
reason: why. command: what to do, ready to run, outside of a transaction block; null: nothing, or what only a person can decide. bytes: the file, of a partitioned one all of them; of a missing one the estimate. scans: counted by this server. observed_since: null if it is not observed; observed_scans, on all servers, and observed_writes, to the table that made an entry: since then. last_scan: when it was last seen to be used. command_lock: the strongest lock that command takes for long. caveats: what to know before.
Errors: 42809 if target is neither a table nor an index, 0A000 if it is a catalog or temporary, 42P01 if it does not exist. For pg_monitor; shows no values. Locks one table after the other in ACCESS SHARE mode, for a moment, and waits for none; on a standby nothing is said to be unused.$$;
