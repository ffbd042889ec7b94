-- Use of indexes -----------------------------------------------------------------------------------------------------

-- The server counts from its last reset, crash or promotion, and each standby for itself. So that something can be said
-- of a time that one chooses, maintenance notes what it counted since it looked the last time. Rows say what was so in
-- this cluster, and are not dumped.

-- Who was observed: '' is this server, others are its standbys.
CREATE TABLE warden.advice_servers (
    server text PRIMARY KEY,
    seen_at timestamptz NOT NULL,
    began_at timestamptz,      -- since then without a gap
    observed_at timestamptz,   -- null: it has told nothing yet
    reset_at timestamptz,      -- of its statistics
    timeline text
);

-- What was counted of an index. Of one of a partitioned table: of all that are attached, also of those that are gone.
CREATE TABLE warden.advice_index_use (
    server text NOT NULL,
    index warden.relation_reference NOT NULL,
    of_table oid NOT NULL,
    name name NOT NULL,              -- by which one is known that was made anew by REINDEX CONCURRENTLY
    definition text NOT NULL,        -- which is the same then
    observed_since timestamptz NOT NULL,
    scans_counter bigint NOT NULL,   -- the server's, when it was read
    writes_counter bigint NOT NULL,
    scans bigint NOT NULL,           -- since observed_since
    writes bigint NOT NULL,
    last_used_at timestamptz,        -- when more scans were seen than before
    PRIMARY KEY (server, index)
);

-- What a subscription brings is about another database.
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.advice_servers
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.advice_servers ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.advice_index_use
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.advice_index_use ENABLE REPLICA TRIGGER ignore_replicated;

-- Who replays WAL, or will go on: not who only receives it (pg_receivewal, pg_basebackup, a subscription).
CREATE VIEW warden.advice_standbys WITH (security_invoker = true) AS
    SELECT coalesce(c.standby, s.server) AS standby, c.standby IS NOT NULL AS connected,
           s.seen_at, s.began_at AS observed_since, s.observed_at
    FROM (SELECT r.application_name AS standby
          FROM pg_stat_replication r LEFT JOIN pg_replication_slots l ON l.active_pid = r.pid
          WHERE r.replay_lsn IS NOT NULL AND l.slot_type IS DISTINCT FROM 'logical'
          UNION
          SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT active AND NOT temporary) c
    FULL JOIN (SELECT * FROM warden.advice_servers WHERE server <> '') s ON s.server = c.standby;

GRANT SELECT ON warden.advice_servers, warden.advice_index_use, warden.advice_standbys TO pg_monitor;

-- VOLATILE, because the counters change while one looks. After a crash all of them begin anew, and with them those of the
-- background writer, which have a time.
CREATE FUNCTION warden.advice_usage() RETURNS jsonb
    LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED
    BEGIN ATOMIC
        SELECT jsonb_build_object(
            'at', clock_timestamp(),
            'database', current_database(),
            'reset_at', greatest(pg_stat_get_db_stat_reset_time(d.oid), pg_stat_get_bgwriter_stat_reset_time()),
            'timeline', CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
            'indexes', (
                SELECT coalesce(jsonb_object_agg(i.indexrelid::oid, jsonb_build_array(
                    coalesce(pg_stat_get_numscans(i.indexrelid), 0),
                    coalesce(pg_stat_get_tuples_inserted(i.indrelid) + pg_stat_get_tuples_updated(i.indrelid)
                        - pg_stat_get_tuples_hot_updated(i.indrelid), 0))), '{}')
                FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind = 'i' AND c.relpersistence <> 't' AND i.indisvalid
                  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')))
        FROM pg_database d WHERE d.datname = current_database();
    END;

-- UNSAFE, because it writes.
CREATE FUNCTION warden.advice_report_usage(standby text, usage jsonb DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';

REVOKE EXECUTE ON FUNCTION warden.advice_usage(), warden.advice_report_usage(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION warden.advice_usage() TO pg_monitor;

COMMENT ON TABLE warden.advice_servers IS
    'Where the use of indexes was observed: '''' is this server, others are standbys, by their application_name or slot. began_at: since when without a gap, which is a time of more than two hours of which counters were lost by a reset, a crash or a promotion. Filled by CALL warden.maintain() and advice_report_usage(). Read advice_indexes() and advice_standbys.';
COMMENT ON TABLE warden.advice_index_use IS
    'What a server was seen to count of an index since observed_since, over resets of its statistics. A row lives as long as its index. Filled by CALL warden.maintain() at most once an hour, and by advice_report_usage(). Read advice_indexes().';
COMMENT ON VIEW warden.advice_standbys IS
    'Standbys that may use indexes without this server seeing it: connected ones, those that have an inactive physical slot, and those known from before. standby: application_name, or the name of the slot. seen_at: last seen; observed_since, observed_at: what advice_report_usage() has told of it, null if nothing. One that is gone is forgotten by SELECT warden.advice_report_usage(''name'', NULL). For pg_monitor.';
COMMENT ON FUNCTION warden.advice_usage() IS
    'What this server has counted of the indexes of this database: scans, and writes to their tables. For advice_report_usage() on the primary; works on standbys. For pg_monitor. Locks nothing.';
COMMENT ON FUNCTION warden.advice_report_usage(text, jsonb) IS
    'Tells the primary how a standby uses indexes: usage is what SELECT warden.advice_usage() gives there, in the same database; null: there is no such standby any more. To be done regularly, as no index is said to be unused unless all standbys have told so (the setting warden.advice_standbys = off is for those that no query runs on). Returns whether it was news: not if it is older than what is known. Errors: 22004 without a standby''s name, 22023 for an empty one, or if usage is of another database or not from advice_usage(); 25006 on a standby. For superusers, and whom they grant it to. Locks: ROW EXCLUSIVE on tables of pg_warden.';
