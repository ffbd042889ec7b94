-- Bloat --------------------------------------------------------------------------------------------------------------

-- UNSAFE, because it survives errors in subtransactions, which a parallel query cannot have.
CREATE FUNCTION warden.bloat_measure(relation regclass DEFAULT NULL, method text DEFAULT 'auto', max_pages bigint DEFAULT NULL,
                                     seed integer DEFAULT NULL, max_time interval DEFAULT NULL)
    RETURNS TABLE (relation regclass, of_table regclass, kind text, access_method text, method text, bytes bigint,
                   live_bytes bigint, overhead_bytes bigint, reserve_bytes bigint, vacuum_frees_bytes bigint,
                   blocked_bytes bigint, free_bytes bigint, truncatable_bytes bigint, rewrite_bytes bigint, wasted_bytes bigint,
                   wasted_low bigint, wasted_high bigint, wasted_ratio double precision, verdict text, reason text,
                   command text, status text, caveats text[], pages_read bigint, command_lock text, command_disk_bytes bigint,
                   command_wal_bytes bigint, command_seconds double precision, returns_in_days double precision)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.bloat_measure(regclass, text, bigint, integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION warden.bloat_measure(regclass, text, bigint, integer, interval) TO pg_monitor;

COMMENT ON FUNCTION warden.bloat_measure(regclass, text, bigint, integer, interval) IS
$$What each byte is for in a table with its TOAST table and all indexes, in an index, in all partitions of a table or index, or (null) in all relations of the database, catalogs among them; what a rewrite would give back, and whether it is worth it. Leaves no trace: no hint bit, no WAL, no dirty page, and nothing that others have in memory is thrown out of it.
method: 'exact' reads every page; 'sample' some of them, drawn at random; 'statistics' none; 'auto' is exact up to 2500 pages (of an index or a TOAST table together with its table) and a sample above. max_pages, max_time: where the sample of one relation ends; null: at an interval of +-2 points. seed: the same one draws the same pages of the same file; null: any, which is told in caveats.
A row for each relation that has a file. of_table: the user's table that a TOAST table or an index belongs to. kind: table (also a materialized view), toast or index; sequence, view, foreign table or type where one was asked for. method: the one that was used.
bytes: the file. live_bytes: rows, or entries. overhead_bytes: headers, line pointers, alignment; all pages of an index that have no entries. reserve_bytes: left free by the fillfactor. vacuum_frees_bytes: dead for everybody. blocked_bytes: dead, but somebody may see it still (bloat_horizon() tells who). free_bytes: free for new rows. These six sum to bytes. truncatable_bytes: of them, at the end of the file, where VACUUM would give it back.
rewrite_bytes: the size after VACUUM FULL or REINDEX. wasted_bytes: bytes - rewrite_bytes, negative if it would grow; wasted_low and wasted_high: the 95 % interval. wasted_ratio: wasted_bytes of bytes, 0 to 1.
verdict, decided by wasted_low: unknown; too_small; healthy; blocked; vacuum_starved; truncatable; steady_state (what is free is used again); rewrite; reindex; will_regrow (the waste came back soon after earlier repairs); pending_list (of a GIN index); dedup_gain (of a B-tree from before PostgreSQL 13); grows_on_rewrite; invalid_index. The thresholds are the settings warden.bloat_min_size, bloat_min_waste and bloat_min_ratio. reason: why. command: what to do, ready to run; null: nothing. A rewrite is REPACK (CONCURRENTLY) where the server has it, pg_repack (for the shell) or pg_squeeze where they are installed in this database, and otherwise VACUUM (FULL).
status: ok; withheld (why there is no prediction is the reason); skipped (locked by another session, a temporary table of another session, unlogged on a standby, foreign, of another access method, dropped meanwhile); error (SQLSTATE and message are the reason). caveats: what to know of the figures. pages_read: of this relation.
command_lock: the strongest lock that command takes. command_disk_bytes: what it needs beside the file until it ends: the predicted size, for a rewrite with TOAST table and indexes. command_wal_bytes: WAL, about; null: not known. command_seconds: at an assumed 100 MB a second of reading and writing. returns_in_days: until half of what is gained was taken again after earlier repairs; null: not known.
Errors: 22023 for a method that is none, max_pages or max_time below 1 (ms); 22004 without a method; 42P01 if there is no such relation; none otherwise. For members of pg_monitor, whose tables these ever are: sizes and counts, no values. Locks one relation at a time in ACCESS SHARE mode (an index with its table) and waits for none. Rests by warden.bloat_cost_delay.$$;
