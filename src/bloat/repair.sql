-- Repair -------------------------------------------------------------------------------------------------------------

-- The repairs: the queue, and what became of them. What is about files of this server is not dumped.
CREATE SEQUENCE warden.bloat_repair_ids;
CREATE TABLE warden.bloat_repair_log (
    id bigint PRIMARY KEY DEFAULT nextval('warden.bloat_repair_ids'),
    relation warden.relation_reference NOT NULL,
    of_table warden.relation_reference NOT NULL,
    name text NOT NULL,
    action text NOT NULL CHECK (action IN ('reindex', 'vacuum', 'truncate', 'rewrite')),
    command text NOT NULL,
    reason text,
    forced boolean NOT NULL,            -- asked for by name, whatever the verdict
    role oid NOT NULL,                  -- that has asked for it
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    filenode oid NOT NULL,              -- that was planned for
    status text NOT NULL DEFAULT 'queued' CHECK (status IN
        ('queued', 'waiting', 'running', 'done', 'failed', 'canceled', 'interrupted', 'skipped')),
    waiting_for text,
    not_before timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    started timestamptz,
    ended timestamptz,
    pid integer,                        -- of the worker
    index_name name,                    -- without its schema
    may_leave boolean NOT NULL DEFAULT false, -- an invalid index of ours; written in the transaction that makes it
    made_by xid,                        -- that transaction
    bytes_before bigint,
    predicted_bytes bigint,
    bytes_after bigint,
    sqlstate text,
    message text
);
-- Partial, so that nothing is queued twice.
CREATE UNIQUE INDEX bloat_repair_log_pending ON warden.bloat_repair_log (relation, action)
    WHERE status IN ('queued', 'waiting', 'running');
CREATE INDEX bloat_repair_log_relation ON warden.bloat_repair_log (relation);
CREATE INDEX bloat_repair_log_may_leave ON warden.bloat_repair_log (id) WHERE may_leave;

-- Who may see a row: pg_monitor, and whoever has the rights of the table's owner.
ALTER TABLE warden.bloat_repair_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON warden.bloat_repair_log FOR SELECT USING (
    pg_has_role('pg_monitor', 'USAGE')
    OR EXISTS (SELECT FROM pg_class c WHERE c.oid = of_table AND pg_has_role(c.relowner, 'USAGE')));
GRANT SELECT ON warden.bloat_repair_log TO PUBLIC;

-- What a subscription brings is about another database.
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.bloat_repair_log
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.bloat_repair_log ENABLE REPLICA TRIGGER ignore_replicated;

-- Functions ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION warden.bloat_repair(relation regclass DEFAULT NULL, dry_run boolean DEFAULT false,
                                    rewrite boolean DEFAULT false, force boolean DEFAULT false)
    RETURNS TABLE (relation regclass, action text, status text, command text, reason text, predicted_bytes bigint,
                   saves_bytes bigint, lock text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 20 AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.bloat_repair_cancel(relation regclass) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE PROCEDURE warden.bloat_run_repairs() LANGUAGE c AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.bloat_repair(regclass, boolean, boolean, boolean), warden.bloat_repair_cancel(regclass)
    FROM PUBLIC;
REVOKE EXECUTE ON PROCEDURE warden.bloat_run_repairs() FROM PUBLIC;

-- Views --------------------------------------------------------------------------------------------------------------

CREATE VIEW warden.bloat_repairs WITH (security_invoker = true) AS
    SELECT id, relation::regclass AS relation, name, of_table::regclass AS of_table, action, status, waiting_for, command, reason,
           CASE WHEN EXISTS (SELECT FROM pg_roles r WHERE r.oid = role) THEN role::regrole END AS role, requested_at,
           not_before, attempts, started, ended, pid, bytes_before, predicted_bytes, bytes_after,
           bytes_before - bytes_after AS saved_bytes,
           (bytes_after - predicted_bytes) / nullif(bytes_after, 0)::double precision AS prediction_error, sqlstate, message
    FROM warden.bloat_repair_log;
GRANT SELECT ON warden.bloat_repairs TO PUBLIC;

COMMENT ON SEQUENCE warden.bloat_repair_ids IS 'Numbers of repairs, in the order in which they were asked for.';
COMMENT ON TABLE warden.bloat_repair_log IS
    'Repairs that are to be run, and what became of them; what is over is kept for warden.bloat_history. Read the view bloat_repairs.';
COMMENT ON FUNCTION warden.bloat_repair(regclass, boolean, boolean, boolean) IS
$$Repairs what verdicts of bloat_measure() say: REINDEX INDEX CONCURRENTLY and VACUUM, of a table with its TOAST table and all indexes, of an index, of all partitions of a table, or (null) of the database. It only decides, and queues, by the settings of the session; when the caller's transaction is committed, a background worker runs one repair after the other, each as the table's owner in a restricted context. CALL warden.maintain() has that done again that had to wait. Follow it in warden.bloat_repairs.
dry_run: only report. rewrite: also VACUUM (FULL), which locks everybody out, of the relation named if its verdict says so, and inside warden.bloat_window only. force: whatever the verdicts: every index that is named or of the table named, and the table by VACUUM (with rewrite by VACUUM (FULL), which makes the indexes anew as well).
Returns a row for each repair, and of a relation named for what needs none. status: planned (dry_run); queued; blocked: it is in the queue, but no background worker process is free to run it now (detail says what to do); skipped: it needs none, or cannot be done (reason). predicted_bytes: the size afterwards; saves_bytes; lock: what it takes on the table; detail: what it will wait for.
Directly before a repair the relation is measured again, by the settings of the database, and it waits (status waiting in bloat_repairs) outside of warden.bloat_window; what makes files anew also behind a transaction that has been open for longer than warden.bloat_max_wait, while an index of the table is being made, while a standby or a replication slot is more than warden.bloat_max_lag behind, and for free disk space: 1.2 times the predicted size, and as much for WAL. Never repaired: indexes of catalogs, of exclusion constraints, invalid ones, temporary tables, TOAST indexes of those who are not superusers.
Errors: 42501 not the owner of the relation named (others' relations are skipped if none is), 22023 rewrite or force without a relation, 22004 an argument is null, 25006 on a standby. Locks: ACCESS SHARE, one relation after the other; VACUUM waits for its lock no longer than warden.lock_timeout, REINDEX CONCURRENTLY for the transactions of others no longer than warden.bloat_max_wait at each step; nobody who reads or writes waits for either.$$;
COMMENT ON FUNCTION warden.bloat_repair_cancel(regclass) IS
    'Takes repairs of a table with all indexes, or of an index, out of the queue, and cancels the one that is running; what that leaves is removed. Returns how many. Error: 42501 not the owner of the relation.';
COMMENT ON PROCEDURE warden.bloat_run_repairs() IS
$$Runs the repairs that are queued, one after the other, and removes what interrupted ones have left: what the background worker does. Returns at once if another process is at it; commits after each step.
Errors: 2D000 inside a transaction block. Does nothing on a standby.$$;
COMMENT ON VIEW warden.bloat_repairs IS
    'One row a repair. status: queued, waiting (waiting_for: what; not before not_before), running, done, failed and canceled (sqlstate, message), interrupted (its process or the server was killed), skipped (message: why). bytes_before, bytes_after: measured; predicted_bytes: what it was to have afterwards; prediction_error: (bytes_after - predicted_bytes) / bytes_after. pid: of the worker, which pg_cancel_backend() ends cleanly. For pg_monitor, and for owners of the tables.';
