-- Bloat --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION warden.bloat_measure(relation regclass DEFAULT NULL, method text DEFAULT 'auto', max_pages bigint DEFAULT NULL,
                                     seed integer DEFAULT NULL, max_time interval DEFAULT NULL)
    RETURNS TABLE (relation regclass, of_table regclass, kind text, access_method text, method text, bytes bigint,
                   live_bytes bigint, overhead_bytes bigint, reserve_bytes bigint, vacuum_frees_bytes bigint,
                   blocked_bytes bigint, free_bytes bigint, truncatable_bytes bigint, rewrite_bytes bigint, wasted_bytes bigint,
                   wasted_low bigint, wasted_high bigint, wasted_ratio double precision, verdict text, reason text,
                   command text, status text, caveats text[], pages_read bigint)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED ROWS 100 AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.bloat_measure(regclass, text, bigint, integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION warden.bloat_measure(regclass, text, bigint, integer, interval) TO pg_monitor;

COMMENT ON FUNCTION warden.bloat_measure(regclass, text, bigint, integer, interval) IS
$$What each byte is for, in a table with its TOAST table and all indexes, in an index, in all partitions of a table, or (null) in all relations of the database; and what a rewrite would give back. Without any trace of having looked.
method: 'exact' reads every page; 'sample' some of them, drawn at random; 'statistics' none; 'auto' takes what is exact where that is cheap. max_pages, max_time: where a sample of one relation ends. seed: the same one draws the same pages.
live_bytes, overhead_bytes, reserve_bytes, vacuum_frees_bytes, blocked_bytes and free_bytes sum to bytes.$$;
