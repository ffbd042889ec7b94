-- History ------------------------------------------------------------------------------------------------------------

-- What maintenance has measured. A row says what was so at a moment, so it is not dumped.
CREATE TABLE warden.bloat_snapshots (
    relation warden.relation_reference NOT NULL,
    measured_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    of_table warden.relation_reference NOT NULL,
    name name NOT NULL,        -- by which an index is known that was made anew by REINDEX CONCURRENTLY
    filenode oid NOT NULL,     -- another one: it was rewritten
    status text NOT NULL,
    method text,
    bytes bigint NOT NULL,
    live_bytes bigint,
    overhead_bytes bigint,
    reserve_bytes bigint,
    vacuum_frees_bytes bigint,
    blocked_bytes bigint,
    free_bytes bigint,
    rewrite_bytes bigint,
    rewrite_low bigint,
    rewrite_high bigint,
    verdict text,
    reason text,
    rows double precision,     -- the estimate of VACUUM and ANALYZE
    writes bigint NOT NULL,    -- to the table, by the cumulative statistics
    pages_read bigint,
    PRIMARY KEY (relation, measured_at)
);
CREATE INDEX bloat_snapshots_measured_at ON warden.bloat_snapshots (measured_at);

-- Who may see a row: pg_monitor, and whoever has the rights of the table's owner.
ALTER TABLE warden.bloat_snapshots ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON warden.bloat_snapshots FOR SELECT USING (
    pg_has_role('pg_monitor', 'USAGE')
    OR EXISTS (SELECT FROM pg_class c WHERE c.oid = of_table AND pg_has_role(c.relowner, 'USAGE')));
GRANT SELECT ON warden.bloat_snapshots TO PUBLIC;

-- What a subscription brings is about another database.
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.bloat_snapshots
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.bloat_snapshots ENABLE REPLICA TRIGGER ignore_replicated;

-- Views --------------------------------------------------------------------------------------------------------------

CREATE VIEW warden.bloat_history WITH (security_invoker = true) AS
    SELECT relation::regclass AS relation, of_table::regclass AS of_table, measured_at, method, bytes,
           bytes - rewrite_bytes AS wasted_bytes, bytes - rewrite_high AS wasted_low, bytes - rewrite_low AS wasted_high,
           (bytes - rewrite_bytes) / nullif(bytes, 0)::double precision AS wasted_ratio,
           bytes - bytes_before AS growth_bytes,
           CASE WHEN filenode = filenode_before
                THEN ((bytes - bytes_before) * 86400 / nullif(extract(epoch FROM measured_at - measured_before), 0))::bigint
           END AS growth_bytes_per_day,
           rewrites, rewritten_since,
           nullif(saved_bytes, 0) AS saved_bytes,
           CASE WHEN rewrites > 0 THEN bytes - first_bytes END AS regrown_bytes,
           CASE WHEN saved_bytes > 0 THEN (bytes - first_bytes) / saved_bytes::double precision END AS regrown_ratio,
           verdict, reason
    FROM (SELECT *, min(measured_at) OVER file AS rewritten_since, first_value(bytes) OVER file AS first_bytes,
                 first_value(bytes_before - bytes) OVER file AS saved_bytes
          FROM (SELECT *, count(*) FILTER (WHERE filenode <> filenode_before) OVER life AS rewrites
                FROM (SELECT *, lag(bytes) OVER earlier AS bytes_before, lag(measured_at) OVER earlier AS measured_before,
                             lag(filenode) OVER earlier AS filenode_before
                      FROM warden.bloat_snapshots
                      WINDOW earlier AS (PARTITION BY relation ORDER BY measured_at)) compared
                WINDOW life AS (PARTITION BY relation ORDER BY measured_at)) counted
          WINDOW file AS (PARTITION BY relation, rewrites ORDER BY measured_at)) snapshot
    WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = relation);

CREATE VIEW warden.bloat_partitions WITH (security_invoker = true) AS
    SELECT root, (SELECT count(*) FROM pg_partition_tree(root) WHERE isleaf) AS partitions,
           count(DISTINCT of_table) AS measured_partitions, sum(bytes)::bigint AS bytes,
           sum(bytes - rewrite_bytes)::bigint AS wasted_bytes,
           (sum(bytes - rewrite_bytes) / nullif(sum(bytes) FILTER (WHERE rewrite_bytes IS NOT NULL), 0))::double precision
               AS wasted_ratio,
           min(measured_at) AS oldest_measured_at, max(measured_at) AS newest_measured_at
    FROM (SELECT DISTINCT ON (relation) pg_partition_root(of_table::regclass) AS root, of_table::oid, bytes, rewrite_bytes,
                 measured_at
          FROM warden.bloat_snapshots
          WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = relation)
            AND EXISTS (SELECT FROM pg_class c WHERE c.oid = of_table AND c.relispartition)
          ORDER BY relation, measured_at DESC) newest
    GROUP BY root;
GRANT SELECT ON warden.bloat_history, warden.bloat_partitions TO PUBLIC;

COMMENT ON TABLE warden.bloat_snapshots IS
    'What CALL warden.maintain() has measured of tables, TOAST tables and indexes of at least warden.bloat_min_size (8 MB), each again after warden.bloat_snapshot_every; and what repairs have measured before and after. Kept for warden.bloat_history. Read the view bloat_history.';
COMMENT ON VIEW warden.bloat_history IS
    'One row a relation and measurement: bytes; what a rewrite would give back, with the ends of its 95 % interval (null where the estimate was withheld; signed); growth_bytes since the measurement before, and per day (null across a rewrite, which is no speed); rewrites: how often it has been found to be rewritten (REINDEX, VACUUM FULL, a repair); rewritten_since: the first measurement after the last of them; saved_bytes: what that has given back; regrown_bytes and regrown_ratio: what has grown since, and in relation to what was saved (1: all of it is back). For pg_monitor, and for owners of the tables.';
COMMENT ON VIEW warden.bloat_partitions IS
    'One row a partitioned table whose partitions, TOAST tables and indexes of them have been measured: the newest snapshots of all below it, rolled up. partitions: how many there are; measured_partitions: how many of these are large enough to be in the history; wasted_ratio: of those for which there is an estimate, 0..1; oldest_measured_at, newest_measured_at: when. For pg_monitor, and for owners of the tables.';
