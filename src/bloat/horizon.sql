-- Bloat: who keeps dead rows from being removed ----------------------------------------------------------------------

CREATE FUNCTION warden.bloat_horizon()
    RETURNS TABLE (kind text, holder text, pid integer, database name, since timestamptz, xid_age bigint, holds text, command text)
    LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED ROWS 10
    BEGIN ATOMIC
        SELECT h.kind, h.holder, h.pid, h.database, h.since, h.xid_age::bigint, h.holds, h.command
        FROM (
            -- A snapshot of VACUUM holds nothing, and a parallel worker's is its leader's.
            SELECT 'session' AS kind,
                   format('process %s (%s)', a.pid, concat_ws(', ', 'user ' || a.usename, nullif(a.application_name, ''), a.state)) AS holder,
                   a.pid, a.datname AS database, a.xact_start AS since, greatest(age(a.backend_xid), age(a.backend_xmin)) AS xid_age,
                   'all' AS holds, a.backend_xid IS NULL AS is_reader,
                   CASE WHEN a.pid = pg_backend_pid() THEN NULL
                        WHEN a.state = 'active' THEN format('SELECT pg_cancel_backend(%s)', a.pid)
                        ELSE format('SELECT pg_terminate_backend(%s)', a.pid) END AS command
            FROM pg_stat_activity a
            WHERE (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL) AND a.backend_type <> 'walsender' AND a.leader_pid IS NULL
              AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
            UNION ALL
            SELECT 'prepared transaction', format('prepared transaction %L of user %s', p.gid, p.owner), NULL, p.database, p.prepared,
                   age(p.transaction), 'all', false, format('ROLLBACK PREPARED %L', p.gid)
            FROM pg_prepared_xacts p
            UNION ALL
            SELECT 'replication slot', format('replication slot %I (%s, %s)', s.slot_name, s.slot_type,
                                              CASE WHEN s.active THEN 'active' ELSE 'nobody reads it' END),
                   s.active_pid, s.database, NULL, x.xid_age, x.holds, false,
                   CASE WHEN NOT s.active THEN format('SELECT pg_drop_replication_slot(%L)', s.slot_name) END
            FROM pg_replication_slots s,
                 LATERAL (VALUES (age(s.xmin), 'all'), (age(s.catalog_xmin), 'catalogs')) x (xid_age, holds)
            WHERE x.xid_age IS NOT NULL
            UNION ALL
            -- Of one that has a slot, the slot holds what it asks for.
            SELECT 'standby', format('standby %s (hot_standby_feedback, process %s)', r.application_name, r.pid), r.pid, NULL, NULL,
                   age(r.backend_xmin), 'all', false, NULL
            FROM pg_stat_replication r
            WHERE r.backend_xmin IS NOT NULL) h
        -- Of those that are as old, who writes before who only waits for him to end, and oneself last.
        ORDER BY h.xid_age DESC, h.pid IS NOT DISTINCT FROM pg_backend_pid(), h.is_reader, h.since, h.kind, h.holder;
    END;
REVOKE EXECUTE ON FUNCTION warden.bloat_horizon() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION warden.bloat_horizon() TO pg_monitor;

COMMENT ON FUNCTION warden.bloat_horizon() IS
$$Who keeps VACUUM from removing dead rows, the one who does so most first: as long as somebody may see what was deleted after his time, it stays.
kind: session, prepared transaction, replication slot, or standby (which asks for it by hot_standby_feedback). holder: a description. pid: of a session, of who reads a slot, or of who sends to a standby. database: where it keeps rows of tables; null: in all. since: the start of the transaction. xid_age: how many transactions have begun since. holds: 'all', or only what 'catalogs' have. command: ends it, in the database that is told; null where that is to be done elsewhere (a standby, who reads a slot), and for this session itself. A slot that is dropped is gone: its reader must be set up again.
The temporary tables of a session are held by nobody else. For members of pg_monitor. Takes no locks on tables.$$;
