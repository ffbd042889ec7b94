-- Tables -------------------------------------------------------------------------------------------------------------

-- A drain, a conversion or a reversion: one row a job, which stays as history when it has ended.  None of these tables is
-- dumped, nor are the tables of a job: until the swap they are members of the extension.
CREATE TABLE warden.partition_move_jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target oid NOT NULL,
    target_name text NOT NULL,                -- as it was called when the job was begun
    kind text NOT NULL CHECK (kind IN ('drain', 'convert', 'revert')),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'failed', 'done', 'canceled')),
    phase text NOT NULL DEFAULT 'prepare' CHECK (phase IN ('prepare', 'copy', 'index', 'replay', 'wait', 'swap', 'finish')),
    wanted text CHECK (wanted IN ('pause', 'cancel')), -- of the process that works on it, by somebody else
    pid integer,                              -- of that process, or of the last one
    backend_start timestamptz,
    role name NOT NULL DEFAULT current_user,
    fingerprint text,                         -- of the definitions that the copy was begun with
    log oid, map oid,                         -- tables of the job in this schema
    -- What was asked for:
    key name, every text, first_bound text, metadata_only boolean NOT NULL DEFAULT false, widen_key boolean NOT NULL DEFAULT false,
    declaration text,                         -- what declares the set when it is converted
    max_partitions integer,                   -- that a drain creates
    max_rows_per_second bigint, max_bytes_per_second bigint, max_lag_bytes bigint, max_sessions integer,
    -- How far it has come:
    rows_total bigint, bytes_total bigint,    -- of the sources, when it was begun; estimates
    rows_copied bigint NOT NULL DEFAULT 0,
    bytes_copied bigint NOT NULL DEFAULT 0,
    changes_replayed bigint NOT NULL DEFAULT 0,
    restarts integer NOT NULL DEFAULT 0,
    swap_tries integer NOT NULL DEFAULT 0,
    pause_ms double precision,                -- how long the swap held its locks
    mark xid, marked timestamptz,             -- the first replay that snapshots must not be older than at the swap, once there is one
    is_dated boolean NOT NULL DEFAULT false,  -- and so is what was replayed since; false while somebody works on it
    waiting_for text,
    last_error text,
    started timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended timestamptz
);
CREATE UNIQUE INDEX partition_move_jobs_target ON warden.partition_move_jobs (target) WHERE ended IS NULL;

-- Where rows are taken from: storage, so what gives a table new storage begins the job anew.
CREATE TABLE warden.partition_move_sources (
    job bigint NOT NULL,
    number smallint NOT NULL,
    relation oid NOT NULL,
    filenode oid,               -- when its trigger was made
    blocks bigint,              -- to copy: what comes later is in the log
    next_block bigint NOT NULL DEFAULT 0,
    "trigger" oid,
    PRIMARY KEY (job, number)
);

-- Where rows are copied to: a partition to be, or storage for a table that keeps its identity.
CREATE TABLE warden.partition_move_sides (
    job bigint NOT NULL,
    number smallint NOT NULL,
    relation oid NOT NULL,
    lower text, upper text,     -- of what it takes: values of the key; null: no bound
    list_values text[],         -- of a list set
    takes_rest boolean NOT NULL DEFAULT false,
    attach text,                -- the statement that makes it a partition; null: its storage is what is wanted
    stands_for oid,             -- by this table
    PRIMARY KEY (job, number)
);

-- The indexes that sides are to have, and which one of the target's each is.
CREATE TABLE warden.partition_move_indexes (
    job bigint NOT NULL,
    number smallint NOT NULL,
    side smallint NOT NULL,
    target_index oid,           -- null: none
    definition text NOT NULL,   -- the statement
    side_index oid,             -- when it is built
    PRIMARY KEY (job, number)
);

-- What a table was before it was converted and cannot be while it is partitioned.  partition_revert() gives it back.
CREATE TABLE warden.partition_origins (
    parent warden.relation_reference NOT NULL,
    storage_parameters text[],
    access_method name,
    statements text[] NOT NULL DEFAULT '{}',  -- actions of ALTER TABLE, without the table
    keys text[] NOT NULL DEFAULT '{}',        -- unique indexes that were widened, three texts each: name, constraint or index, definition
    at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX partition_origins_parent ON warden.partition_origins (parent) WHERE parent <> 0::oid;
SELECT pg_catalog.pg_extension_config_dump('warden.partition_origins',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid OPERATOR(pg_catalog.=) parent::pg_catalog.oid)');
ALTER TABLE warden.partition_origins REPLICA IDENTITY FULL;

ALTER TABLE warden.partition_move_jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON warden.partition_move_jobs FOR SELECT USING (
    pg_has_role('pg_monitor', 'USAGE')
    OR EXISTS (SELECT FROM pg_class c WHERE c.oid = target AND pg_has_role(c.relowner, 'USAGE')));
GRANT SELECT ON warden.partition_move_jobs, warden.partition_move_sources, warden.partition_move_sides, warden.partition_move_indexes,
    warden.partition_origins TO PUBLIC;

-- What a subscription brings is about another database.
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.partition_move_jobs
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.partition_move_jobs ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.partition_move_sources
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.partition_move_sources ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.partition_move_sides
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.partition_move_sides ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.partition_move_indexes
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.partition_move_indexes ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.partition_origins
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.partition_origins ENABLE REPLICA TRIGGER ignore_replicated;

-- Functions ----------------------------------------------------------------------------------------------------------

-- The trigger of a source.  Attached by a job, as a trigger of the system; does nothing anywhere else.
CREATE FUNCTION warden.partition_move_capture() RETURNS trigger
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';

CREATE PROCEDURE warden.partition_drain(
        parent regclass, max_partitions integer DEFAULT 1000,
        max_rows_per_second bigint DEFAULT NULL, max_bytes_per_second bigint DEFAULT NULL,
        max_lag_bytes bigint DEFAULT NULL, max_sessions integer DEFAULT NULL, dry_run boolean DEFAULT false)
    LANGUAGE c AS 'MODULE_PATHNAME';
CREATE PROCEDURE warden.partition_convert(
        target regclass, key name, every text, ahead text DEFAULT NULL, keep text DEFAULT NULL,
        timezone text DEFAULT NULL, anchor text DEFAULT NULL, key_format text DEFAULT NULL,
        metadata_only boolean DEFAULT false, default_partition boolean DEFAULT true, widen_key boolean DEFAULT false,
        max_rows_per_second bigint DEFAULT NULL, max_bytes_per_second bigint DEFAULT NULL,
        max_lag_bytes bigint DEFAULT NULL, max_sessions integer DEFAULT NULL, dry_run boolean DEFAULT false)
    LANGUAGE c AS 'MODULE_PATHNAME';
CREATE PROCEDURE warden.partition_revert(
        parent regclass,
        max_rows_per_second bigint DEFAULT NULL, max_bytes_per_second bigint DEFAULT NULL,
        max_lag_bytes bigint DEFAULT NULL, max_sessions integer DEFAULT NULL, dry_run boolean DEFAULT false)
    LANGUAGE c AS 'MODULE_PATHNAME';

CREATE FUNCTION warden.partition_drain_plan(parent regclass, max_partitions integer DEFAULT 1000)
    RETURNS TABLE (step integer, action text, command text, lock text, relation text, bytes bigint, seconds double precision, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_convert_plan(
        target regclass, key name, every text, ahead text DEFAULT NULL, keep text DEFAULT NULL,
        timezone text DEFAULT NULL, anchor text DEFAULT NULL, key_format text DEFAULT NULL,
        metadata_only boolean DEFAULT false, default_partition boolean DEFAULT true, widen_key boolean DEFAULT false)
    RETURNS TABLE (step integer, action text, command text, lock text, relation text, bytes bigint, seconds double precision, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_revert_plan(parent regclass)
    RETURNS TABLE (step integer, action text, command text, lock text, relation text, bytes bigint, seconds double precision, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';

CREATE FUNCTION warden.partition_pause(target regclass) RETURNS text
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE PROCEDURE warden.partition_resume(target regclass) LANGUAGE c AS 'MODULE_PATHNAME';
CREATE PROCEDURE warden.partition_cancel(target regclass) LANGUAGE c AS 'MODULE_PATHNAME';

REVOKE EXECUTE ON FUNCTION warden.partition_move_capture(), warden.partition_drain_plan(regclass, integer),
    warden.partition_convert_plan(regclass, name, text, text, text, text, text, text, boolean, boolean, boolean),
    warden.partition_revert_plan(regclass), warden.partition_pause(regclass) FROM PUBLIC;
REVOKE EXECUTE ON PROCEDURE warden.partition_drain(regclass, integer, bigint, bigint, bigint, integer, boolean),
    warden.partition_convert(regclass, name, text, text, text, text, text, text, boolean, boolean, boolean, bigint, bigint, bigint, integer, boolean),
    warden.partition_revert(regclass, bigint, bigint, bigint, integer, boolean),
    warden.partition_resume(regclass), warden.partition_cancel(regclass) FROM PUBLIC;

-- Views --------------------------------------------------------------------------------------------------------------

-- Whether a process still works on a job; only of jobs that the caller may see, and only whether.
CREATE FUNCTION warden.partition_move_is_alive(pid integer, backend_start timestamptz) RETURNS boolean
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';

CREATE VIEW warden.partition_moves WITH (security_invoker = true) AS
    SELECT j.id, c.oid::regclass AS target, j.target_name, j.kind,
           CASE WHEN j.state = 'running' AND NOT alive.is THEN 'interrupted' ELSE j.state END AS state,
           j.phase,
           CASE WHEN j.state = 'done' OR j.phase IN ('index', 'replay', 'wait', 'swap', 'finish') THEN 1.0
                WHEN b.blocks > 0 THEN least(b.done::double precision / b.blocks, 1.0)
                WHEN j.phase = 'prepare' THEN 0.0 END AS done_ratio,
           j.rows_copied, j.rows_total, j.bytes_copied, j.bytes_total, j.changes_replayed,
           j.restarts, j.swap_tries, j.pause_ms, j.waiting_for, j.last_error, j.role, j.started, j.updated, j.ended,
           CASE WHEN j.state = 'running' AND alive.is AND j.phase = 'copy' AND b.done > 0 AND b.blocks > 0
                THEN (clock_timestamp() - j.started) * ((b.blocks - b.done)::double precision / b.done) END AS remaining,
           CASE WHEN alive.is THEN j.pid END AS pid,
           j.max_rows_per_second, j.max_bytes_per_second, j.max_lag_bytes, j.max_sessions
    FROM warden.partition_move_jobs j
    LEFT JOIN pg_class c ON c.oid = j.target
    CROSS JOIN LATERAL (SELECT j.state = 'running' AND warden.partition_move_is_alive(j.pid, j.backend_start) AS is) alive
    CROSS JOIN LATERAL (SELECT sum(blocks) AS blocks, sum(least(next_block, blocks)) AS done
                        FROM warden.partition_move_sources s WHERE s.job = j.id) b;
GRANT SELECT ON warden.partition_moves TO PUBLIC;

-- Comments -----------------------------------------------------------------------------------------------------------

COMMENT ON TABLE warden.partition_move_jobs IS
    'One row for each drain, conversion or reversion, which stays as history for warden.partition_history. Read the view partition_moves.';
COMMENT ON SEQUENCE warden.partition_move_jobs_id_seq IS 'Numbers of jobs.';
COMMENT ON TABLE warden.partition_move_sources IS
    'The tables whose rows an open job copies, and how far it has come. Empty when no rows are being moved.';
COMMENT ON TABLE warden.partition_move_sides IS
    'The tables that an open job copies rows into: members of the extension until the swap. Empty when no rows are being moved.';
COMMENT ON TABLE warden.partition_move_indexes IS
    'The indexes that the tables of an open job are to have. Empty when no rows are being moved.';
COMMENT ON TABLE warden.partition_origins IS
    'What a table that partition_convert() has made partitioned was before, and partition_revert() gives back: parameters, access method, statements. It is dumped with the table.';
COMMENT ON FUNCTION warden.partition_move_is_alive(integer, timestamptz) IS
    'Whether the process of that id that was started at that moment still runs. For the view partition_moves.';
COMMENT ON FUNCTION warden.partition_move_capture() IS
    'The trigger function that logs where rows of a table change while a job copies them. A job attaches it, as a trigger of the system; error 39P01 for any other.';
COMMENT ON VIEW warden.partition_moves IS
    'One row for each drain, conversion or reversion of a table whose owner''s rights the caller has, or of all for pg_monitor. target: the table (null: it was dropped; target_name is what it was called); state: running, interrupted (its process is gone: partition_resume() or CALL warden.maintain() goes on), paused, failed (last_error: SQLSTATE and message; partition_resume() tries again), done, canceled; phase: prepare, copy, index, replay, wait (for old transactions), swap, finish; done_ratio: of the copy, from 0 to 1; rows_copied and bytes_copied, of about rows_total and bytes_total; changes_replayed: rows of the application''s that changed meanwhile and were copied again; restarts: how often it began anew because the table was altered or rewritten; swap_tries; pause_ms: from the moment the swap asked for its locks to its commit; waiting_for: what keeps it at this moment; role: who has begun it; remaining: of the copy, if it goes on as it did (null: not known); pid: of the process that works on it; max_...: its limits. The tables of a job that has not ended are members of the extension, in the schema warden, and the owner''s of the target: DROP OWNED BY that one is refused with 2BP01 until the job has ended or is canceled; DROP of the table or its schema is not, and the next CALL warden.maintain() takes the job away.';
COMMENT ON FUNCTION warden.partition_pause(regclass) IS
$$Has a job stop after its current step and stay as it is, until partition_resume() or partition_cancel(). Changes go on being logged meanwhile, so what is written to the table takes somewhat longer and the log grows. Returns what it did: if a process works on the job, that one stops within a moment.
Errors: 42704 no rows of the table are being moved, 42501 not the owner, 22004 the table is null. Locks nothing of the table.$$;
COMMENT ON PROCEDURE warden.partition_resume(regclass) IS
$$Goes on with a job that is paused, has failed or was interrupted, where its last commit was, until it has ended. statement_timeout holds for all of it.
Errors: 42704 no rows of the table are being moved, 42501 not the owner, 55006 another process works on it, 2D000 inside a transaction block, and whatever ends the job, which is in partition_moves.last_error. Locks as the procedure that began the job.$$;
COMMENT ON PROCEDURE warden.partition_cancel(regclass) IS
$$Ends a job and takes away all that it has made: the table is as it was. If a process works on it, that one is told and waited for. A job whose swap is over is finished instead, as there is nothing to take back: use partition_revert() for that.
Errors: 42704 no rows of the table are being moved, 42501 not the owner, 2D000 inside a transaction block, 55P03 lock not available within warden.lock_timeout after warden.lock_retries tries: call it again. Locks each source in SHARE ROW EXCLUSIVE mode for a moment.$$;
COMMENT ON PROCEDURE warden.partition_drain(regclass, integer, bigint, bigint, bigint, integer, boolean) IS
$$Moves rows of a managed set's default partition into partitions of their own, which it creates, while the application runs: of each missing range or value that has rows, at most max_partitions of them. A few rows are moved at once; otherwise it is a job, which shows in partition_moves and is resumed by partition_resume() when it was cut short. Triggers do not fire, foreign keys do nothing. What stays in the default partition is told: nulls, infinite and expired keys, and what is beyond max_partitions. Called again after it was cut short, by a crash, an error or partition_pause(), it goes on with its job, as a NOTICE tells; limits that are given then replace those of the job, and another max_partitions is error 55006.
max_rows_per_second, max_bytes_per_second: how fast it copies; max_lag_bytes: it waits while the connected replica that is furthest behind lacks more of the WAL; max_sessions: it waits while more other sessions are active (null: no limit). dry_run: each step is an INFO, and nothing is done.
Errors: 42704 not managed, 42501 not the owner, 22023 and 22004 an argument, 2D000 inside a transaction block, 55006 rows of the table are being moved already, by another process or for something else, 0A000 what cannot be moved, 55P03 lock not available, or transactions older than the copy have lasted for warden.partition_move_wait: the job can be resumed. Locks: SHARE ROW EXCLUSIVE on the default partition for a moment, then for the swap, some milliseconds, ACCESS EXCLUSIVE on the table and the default partition and ACCESS SHARE on tables that foreign keys join with it; waited for a sixth of warden.lock_timeout at first, and longer at each try, up to all of it.$$;
COMMENT ON PROCEDURE warden.partition_convert(regclass, name, text, text, text, text, text, text, boolean, boolean, boolean, bigint, bigint, bigint, integer, boolean) IS
$$Makes a plain table partitioned by range of a column while the application runs, and declares it as partition_by_time() or partition_by_number() do: key, every, ahead, keep, timezone, anchor and key_format are theirs, lengths as text. The table stays the same one: views, grants, policies, publications, sequences and foreign keys both ways are as they were. metadata_only: no row is copied; the table as it is becomes the first partition, which has everything up to the end of the range after the last one that has rows or the current time. default_partition: make one. widen_key: unique constraints that lack the key get it as their last column; otherwise error 0A000. The limits and dry_run: as of partition_drain(). Called again after it was cut short, it goes on with its job, as partition_drain() does, unless another argument than a limit is different: error 55006.
Errors: 42501 not the owner, 42703 no such column, 0A000 what cannot be converted, with what would help, 55000 not in the state for it, 22023 and 22004 an argument, 2D000 inside a transaction block, 55006 rows of the table are being moved already, 55P03 as partition_drain(). Locks: SHARE ROW EXCLUSIVE for a moment, then for the swap, some milliseconds, ACCESS EXCLUSIVE on the table and ACCESS SHARE on tables that foreign keys join with it, waited for like those of partition_drain(); the partition that is made next is made as by partition_maintain().$$;
COMMENT ON PROCEDURE warden.partition_revert(regclass, bigint, bigint, bigint, integer, boolean) IS
$$Makes a partitioned table a plain one while the application runs, and forgets its policy. One that partition_convert() has made partitioned gets back what it had. Partitions are dropped with their storage when all rows are in the table. Meanwhile no partition of it is created or retired. The limits and dry_run: as of partition_drain(). Called again after it was cut short, it goes on with its job, as partition_drain() does.
Errors: 42501 not the owner, or the table has indexes and its owner may not create any in the schema, 0A000 what cannot be reverted, with what would help, 22023 and 22004 an argument, 2D000 inside a transaction block, 55006 rows of the table are being moved already, 55P03 as partition_drain(). Locks: SHARE ROW EXCLUSIVE on each partition for a moment, then for the swap ACCESS EXCLUSIVE on the table and all partitions and ACCESS SHARE on tables that foreign keys join with it, waited for like those of partition_drain().$$;
COMMENT ON FUNCTION warden.partition_drain_plan(regclass, integer) IS
$$What partition_drain() would do, as rows: step, action, command (SQL where there is some), lock (the strongest, and for how long), relation, bytes (that are written, about), seconds (about; the rates that are assumed are in detail), detail. Rows of action "left" tell what stays. Errors as partition_drain(). Locks: ACCESS SHARE.$$;
COMMENT ON FUNCTION warden.partition_convert_plan(regclass, name, text, text, text, text, text, text, boolean, boolean, boolean) IS
$$What partition_convert() would do, as rows like those of partition_drain_plan(). A key that has to be widened is among them. Errors as partition_convert(). Locks: ACCESS SHARE.$$;
COMMENT ON FUNCTION warden.partition_revert_plan(regclass) IS
$$What partition_revert() would do, as rows like those of partition_drain_plan(). Errors as partition_revert(). Locks: ACCESS SHARE.$$;
