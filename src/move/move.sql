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
CREATE FUNCTION warden.partition_move_capture() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';

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
