-- Tables -------------------------------------------------------------------------------------------------------------

-- What was declared. One row a set; rows whose table is gone are taken out by the next maintenance and never dumped.
CREATE TABLE warden.partition_policies (
    parent warden.relation_reference NOT NULL,
    every interval,
    ahead interval,
    keep interval,
    on_expiry text NOT NULL CHECK (on_expiry IN ('drop', 'detach', 'archive')),
    timezone text,
    anchor timestamptz,
    storage_parameters text[],
    key_format text, -- "number" of a set of numbers, of which these are:
    every_number bigint,
    ahead_number bigint,
    keep_number bigint,
    anchor_number bigint,
    keep_partitions bigint,
    keep_bytes bigint,
    archive_schema text,
    archive_tablespace text,
    archive_access_method text,
    on_reference text NOT NULL DEFAULT 'skip' CHECK (on_reference IN ('skip', 'detach', 'pair')),
    method text NOT NULL DEFAULT 'range' CHECK (method IN ('range', 'list', 'hash')),
    modulus integer CHECK (modulus > 0), -- of a hash
    keys text[],     -- of a list, as are:
    min_rows bigint,
    sub_method text CHECK (sub_method IN ('range', 'list', 'hash')), -- how its partitions are partitioned
    sub_key name,
    sub_modulus integer CHECK (sub_modulus > 0),
    sub_keys text[],
    sub_every text,
    sub_ahead text,
    sub_keep text,
    sub_timezone text,
    CHECK (CASE WHEN method = 'list' THEN keys IS NOT NULL
                WHEN method = 'hash' THEN modulus IS NOT NULL
                WHEN key_format = 'number' THEN (every_number, ahead_number, anchor_number) IS NOT NULL
                ELSE (every, ahead, timezone, anchor) IS NOT NULL END)
);
-- Partial, because several tables of a dump may not be restored.
CREATE UNIQUE INDEX partition_policies_parent ON warden.partition_policies (parent) WHERE parent <> 0::oid;
SELECT pg_catalog.pg_extension_config_dump('warden.partition_policies',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid OPERATOR(pg_catalog.=) parent::pg_catalog.oid)');

-- What stays although it has expired. The reason is for everybody to read, as a comment is.
CREATE TABLE warden.partition_holds (
    partition warden.relation_reference NOT NULL,
    reason text NOT NULL,
    role name NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX partition_holds_partition ON warden.partition_holds (partition) WHERE partition <> 0::oid;
SELECT pg_catalog.pg_extension_config_dump('warden.partition_holds',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid OPERATOR(pg_catalog.=) partition::pg_catalog.oid)');

-- How the last maintenance of a set ended. Written only when something was done or went wrong.
CREATE TABLE warden.partition_states (
    parent oid PRIMARY KEY,
    last_success timestamptz,
    last_error text,
    last_error_at timestamptz,
    blocked_by text,
    colliding bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0
);

-- The constraints that maintenance has added for its own time. They are dumped with their tables, so this is as well.
CREATE TABLE warden.partition_checks (
    parent warden.relation_reference NOT NULL,
    partition warden.relation_reference NOT NULL,
    pid integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX partition_checks_partition ON warden.partition_checks (partition) WHERE partition <> 0::oid;
SELECT pg_catalog.pg_extension_config_dump('warden.partition_checks',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid OPERATOR(pg_catalog.=) partition::pg_catalog.oid)');

-- What is leaving by DETACH CONCURRENTLY, and what retention wants with it: written in the transaction that makes the
-- partition pending, deleted in the one that completes the detachment. And what is to be moved in the archive.
CREATE TABLE warden.partition_departures (
    partition warden.relation_reference PRIMARY KEY,
    parent warden.relation_reference NOT NULL,
    action text NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);

-- What was done. Written in the transaction that did it.
CREATE TABLE warden.partition_log (
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    parent regclass NOT NULL,
    partition text NOT NULL,
    action text NOT NULL,
    command text NOT NULL
);
CREATE INDEX partition_log_at ON warden.partition_log (at);

-- Who may see a row: pg_monitor, and whoever has the rights of the table's owner. Not so the policies, which say no more
-- than the catalogue does: row-level security would keep everybody but superusers from running pg_dump.
ALTER TABLE warden.partition_states ENABLE ROW LEVEL SECURITY;
ALTER TABLE warden.partition_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON warden.partition_states FOR SELECT USING (
    pg_has_role('pg_monitor', 'USAGE')
    OR EXISTS (SELECT FROM pg_class c WHERE c.oid = parent AND pg_has_role(c.relowner, 'USAGE')));
CREATE POLICY visible ON warden.partition_log FOR SELECT USING (
    pg_has_role('pg_monitor', 'USAGE')
    OR EXISTS (SELECT FROM pg_class c WHERE c.oid = parent AND pg_has_role(c.relowner, 'USAGE')));
GRANT SELECT ON warden.partition_policies, warden.partition_holds, warden.partition_checks, warden.partition_states, warden.partition_departures,
    warden.partition_log TO PUBLIC;

-- Those without a key could not be changed where they are published.
ALTER TABLE warden.partition_policies REPLICA IDENTITY FULL;
ALTER TABLE warden.partition_holds REPLICA IDENTITY FULL;
ALTER TABLE warden.partition_checks REPLICA IDENTITY FULL;
ALTER TABLE warden.partition_log REPLICA IDENTITY FULL;

-- What a subscription brings is about another database.
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.partition_policies
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.partition_policies ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.partition_holds
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.partition_holds ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.partition_checks
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.partition_checks ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.partition_states
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.partition_states ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.partition_departures
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.partition_departures ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.partition_log
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.partition_log ENABLE REPLICA TRIGGER ignore_replicated;

-- Functions ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION warden.partition_by_time(
        parent regclass, every interval, ahead interval DEFAULT NULL, keep interval DEFAULT NULL,
        on_expiry text DEFAULT 'drop', timezone text DEFAULT NULL, anchor timestamptz DEFAULT NULL,
        key_format text DEFAULT NULL, storage_parameters text[] DEFAULT NULL,
        keep_partitions bigint DEFAULT NULL, keep_bytes bigint DEFAULT NULL, archive_schema text DEFAULT NULL,
        archive_tablespace text DEFAULT NULL, archive_access_method text DEFAULT NULL,
        on_reference text DEFAULT 'skip', dry_run boolean DEFAULT false)
    RETURNS TABLE (parent regclass, partition text, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_by_number(
        parent regclass, every bigint, ahead bigint DEFAULT NULL, keep bigint DEFAULT NULL,
        on_expiry text DEFAULT 'drop', anchor bigint DEFAULT NULL, storage_parameters text[] DEFAULT NULL,
        keep_partitions bigint DEFAULT NULL, keep_bytes bigint DEFAULT NULL, archive_schema text DEFAULT NULL,
        archive_tablespace text DEFAULT NULL, archive_access_method text DEFAULT NULL,
        on_reference text DEFAULT 'skip', dry_run boolean DEFAULT false)
    RETURNS TABLE (parent regclass, partition text, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_by_list(
        parent regclass, min_rows bigint DEFAULT 1000, keys text[] DEFAULT NULL,
        storage_parameters text[] DEFAULT NULL, dry_run boolean DEFAULT false)
    RETURNS TABLE (parent regclass, partition text, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_by_hash(
        parent regclass, modulus integer DEFAULT NULL, storage_parameters text[] DEFAULT NULL,
        dry_run boolean DEFAULT false)
    RETURNS TABLE (parent regclass, partition text, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_subdivide(
        parent regclass, method text, key name DEFAULT NULL, modulus integer DEFAULT NULL, every text DEFAULT NULL,
        keys text[] DEFAULT NULL, ahead text DEFAULT NULL, keep text DEFAULT NULL, dry_run boolean DEFAULT false)
    RETURNS TABLE (parent regclass, partition text, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_unmanage(parent regclass) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_hold(partition regclass, reason text) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_release(partition regclass) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_maintain(parent regclass DEFAULT NULL, dry_run boolean DEFAULT false)
    RETURNS TABLE (parent regclass, partition text, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_import_pg_partman(dry_run boolean DEFAULT false)
    RETURNS TABLE (parent regclass, command text, status text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_add_default(parent regclass, dry_run boolean DEFAULT false)
    RETURNS TABLE (parent regclass, partition text, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION
    warden.partition_add_default(regclass, boolean),
    warden.partition_by_time,
    warden.partition_by_number,
    warden.partition_by_list,
    warden.partition_by_hash,
    warden.partition_subdivide,
    warden.partition_unmanage(regclass),
    warden.partition_hold(regclass, text),
    warden.partition_release(regclass),
    warden.partition_maintain(regclass, boolean),
    warden.partition_import_pg_partman(boolean) FROM PUBLIC;

-- For the views: what a catalogue query cannot say, because bounds are not readable there but as text.
CREATE FUNCTION warden.partition_bounds(parent regclass)
    RETURNS TABLE (partition regclass, kind text, lower_bound text, upper_bound text, expires_at timestamptz,
                   reason text)
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 50 AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.partition_coverage(parent regclass)
    RETURNS TABLE (covered_until timestamptz, covered_to text, numbers_left bigint, partitions bigint,
                   default_partition regclass, next_step text, next_step_at timestamptz)
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME';

-- Functions and not subqueries of the views, because the planner thinks of thousands of partitions and would compile.
CREATE FUNCTION warden.partition_rows(partition regclass) RETURNS bigint
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT sum(greatest(c.reltuples::bigint, pg_stat_get_live_tuples(c.oid)))::bigint
        FROM pg_partition_tree(partition) t JOIN pg_class c ON c.oid = t.relid WHERE t.isleaf;
    END;
CREATE FUNCTION warden.partition_bytes(partition regclass) RETURNS bigint
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT sum(pg_total_relation_size(t.relid))::bigint FROM pg_partition_tree(partition) t WHERE t.isleaf;
    END;

-- Views --------------------------------------------------------------------------------------------------------------

CREATE VIEW warden.partition_sets WITH (security_invoker = true) AS
    SELECT p.parent::regclass AS parent,
           p.every, p.ahead, p.keep, p.on_expiry, p.timezone, p.anchor, p.storage_parameters,
           p.keep_partitions, p.keep_bytes, p.archive_schema, p.archive_tablespace, p.archive_access_method, p.on_reference,
           p.key_format, p.every_number, p.ahead_number, p.keep_number, p.anchor_number,
           b.covered_to, b.covered_until,
           CASE WHEN isfinite(b.covered_until) THEN greatest(b.covered_until - now(), interval '0') END AS runs_out_in,
           b.numbers_left,
           b.partitions,
           warden.partition_rows(b.default_partition) AS default_rows,
           coalesce(s.colliding, 0) AS colliding, coalesce(s.skipped, 0) AS skipped,
           b.next_step, b.next_step_at,
           s.last_success, s.last_error, s.last_error_at, s.blocked_by,
           p.method, p.modulus, p.keys, p.min_rows,
           p.sub_method, p.sub_key, p.sub_modulus, p.sub_keys, p.sub_every, p.sub_ahead, p.sub_keep, p.sub_timezone
    FROM warden.partition_policies p
    JOIN pg_class parent_class ON parent_class.oid = p.parent
    LEFT JOIN warden.partition_states s ON s.parent = p.parent
    CROSS JOIN LATERAL warden.partition_coverage(p.parent::regclass) b;

-- Tables that may be sets below a set that is subdivided: those that are not have neither bounds nor coverage.
CREATE VIEW warden.partition_sets_below WITH (security_invoker = true) AS
    SELECT h.inhrelid::regclass AS parent, p.parent::regclass AS declared_on,
           b.covered_to, b.covered_until,
           CASE WHEN isfinite(b.covered_until) THEN greatest(b.covered_until - now(), interval '0') END AS runs_out_in,
           b.numbers_left,
           b.partitions,
           warden.partition_rows(b.default_partition) AS default_rows,
           coalesce(s.colliding, 0) AS colliding, coalesce(s.skipped, 0) AS skipped,
           b.next_step, b.next_step_at,
           s.last_success, s.last_error, s.last_error_at, s.blocked_by
    FROM warden.partition_policies p
    JOIN pg_inherits h ON h.inhparent = p.parent
    JOIN pg_class c ON c.oid = h.inhrelid AND c.relkind = 'p'
    LEFT JOIN warden.partition_states s ON s.parent = h.inhrelid
    CROSS JOIN LATERAL warden.partition_coverage(h.inhrelid::regclass) b
    WHERE p.sub_method IS NOT NULL;

CREATE VIEW warden.partitions WITH (security_invoker = true) AS
    SELECT p.parent::regclass AS parent,
           b.partition, b.kind, b.lower_bound, b.upper_bound,
           warden.partition_rows(b.partition) AS estimated_rows,
           warden.partition_bytes(b.partition) AS bytes,
           b.expires_at,
           h.reason AS held,
           CASE WHEN h.reason IS NULL THEN b.reason ELSE 'it is held' END AS reason,
           (SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_class c WHERE c.oid = b.partition) AS bound
    FROM (SELECT parent::oid FROM warden.partition_policies
          UNION ALL
          SELECT h.inhrelid FROM warden.partition_policies above JOIN pg_inherits h ON h.inhparent = above.parent
          WHERE above.sub_method IS NOT NULL) p
    JOIN pg_class parent_class ON parent_class.oid = p.parent AND parent_class.relkind = 'p'
    CROSS JOIN LATERAL warden.partition_bounds(p.parent::regclass) b
    LEFT JOIN LATERAL (SELECT reason FROM warden.partition_holds WHERE partition = b.partition LIMIT 1) h ON true;

GRANT SELECT ON warden.partition_sets, warden.partition_sets_below, warden.partitions TO PUBLIC;

-- Comments -----------------------------------------------------------------------------------------------------------

COMMENT ON TABLE warden.partition_policies IS
    'What partition_by_time(), partition_by_number(), partition_by_list(), partition_by_hash() and partition_subdivide() were told, one row a set; lengths of numbers in the columns ..._number, what partition_subdivide() was told in those sub_... Read the view partition_sets; change it by calling the function again.';
COMMENT ON TABLE warden.partition_states IS
    'How the last maintenance of each set ended. Read the view partition_sets.';
COMMENT ON TABLE warden.partition_departures IS
    'Partitions that CALL maintain() is taking out of their set by DETACH CONCURRENTLY, or was when that was interrupted: action is what retention does with them then (drop, detach, archive), since when; and tables in the archive that are still to be moved to its tablespace or access method (action move). The next CALL maintain() goes on with them.';
COMMENT ON TABLE warden.partition_log IS
    'What was done: one row a partition created, detached, finalized, dropped or archived by maintenance, with the statements that were run, and one row a statement of partition_align(). Kept for warden.partition_history.';
COMMENT ON FUNCTION warden.partition_by_time IS
$$Has the partitions of a table that is partitioned by range of a time made ahead of time and retired; again with other arguments changes that.
every: length of a partition, in months, days or time, not mixed. ahead: how far beyond now partitions are to exist (default: 4 partitions, and more up to a week while that is at most 48). keep: how long after its upper bound has passed a partition stays (default: for ever). keep_partitions: how many of those before the current one stay (default: all). keep_bytes: how large all of them may be, with indexes and TOAST (default: any size); what is held does not count. on_expiry: drop; detach, which leaves it as a table; or archive, which moves that to archive_schema, under another name if its own is taken there; then, in CALL maintain(), to archive_tablespace and into archive_access_method if these are given. on_reference: what if a foreign key of another table refers to a partition that is to be dropped: skip reports it; detach drops it when no row refers to it any more; pair does so too, and takes along the partitions of managed tables whose partition key refers to it. timezone: where days and months begin (default: that of the session, or UTC if existing bounds tell so; of a set that exists: as it was). anchor: one boundary (default: as existing partitions have it, else midnight of 2000-01-01, a Monday for days). key_format: how a key that is no timestamptz, timestamp or date tells the time: unix_seconds (integer, bigint), unix_milliseconds, unix_microseconds, unix_nanoseconds (bigint), uuidv7 (uuid), ulid (text in collation "C", in capitals). storage_parameters: of new partitions, like pg_class.reloptions (default: those of the newest partition). dry_run: only report.
Creates what is missing at once, as far as one transaction should lock, first what rows of now and later need; and returns one row a partition, as partition_maintain() does; retires nothing: what the next maintenance will retire is returned as planned.
Errors: 42501 not the owner, or that may not create tables in the archive, 3F000 and 42704 no such archive, 42809 not a partitioned table or not by range, 42804 type of key, 22023 an argument that cannot be right, 22004 one that must not be null, 0A000 more than one key column, an expression, a partition of another table, a temporary table, 55P03 lock not available within warden.lock_timeout.
Locks until the end of the transaction: SHARE UPDATE EXCLUSIVE on the table (dry_run: ACCESS SHARE); if anything is created, ACCESS EXCLUSIVE on a default partition, of which the server scans 8 MB at most (what would need more is planned or skipped, see partition_maintain()), and SHARE ROW EXCLUSIVE on tables that foreign keys join with it.$$;
COMMENT ON FUNCTION warden.partition_by_number IS
$$Has the partitions of a table that is partitioned by range of a smallint, integer, bigint or numeric made ahead of the numbers in use and retired behind them; again with other arguments changes that.
The position of a set is that of the sequence behind the key where there is one that is in use (identity, serial, or a default that draws from it); else the greatest number in the newest partition that has rows. Rows in a default partition, or in one up to MAXVALUE, do not move it.
every: how many numbers a partition is for. ahead: how many numbers beyond the position have a partition (default: 4 times every). keep: how many numbers before the position (default: all). keep_partitions, keep_bytes, on_expiry, archive_..., on_reference: as of partition_by_time(). anchor: one boundary (default: as existing partitions have it, else 0). storage_parameters: of new partitions, like pg_class.reloptions (default: those of the newest partition). dry_run: only report.
Of a gap more than 100 partitions behind the position the rest is left. Otherwise, and in what it returns, its errors and its locks, like partition_by_time().$$;
COMMENT ON FUNCTION warden.partition_by_list(regclass, bigint, text[], text[], boolean) IS
$$Has a table that is partitioned by list have a partition for each of the values in keys; and tells of values that its default partition has many rows of. Again with other arguments changes that. Nothing is ever retired.
min_rows: a value is told of if the statistics of ANALYZE say that the default partition has so many rows of it, and it has; twenty at a time (default: 1000; null: none is looked for). keys: values as text, as the column's type reads it; a NULL among them is for rows without a value. storage_parameters: of new partitions, like pg_class.reloptions (default: those of the newest partition). dry_run: only report.
A value whose rows are in the default partition cannot have a partition before they are moved: its row has action create, status colliding, and as command the statements that do both in one transaction, as detail how many rows. The statements run the triggers of the default partition, and fail if a policy hides rows from the owner; there are none where foreign keys refer to the table. CALL maintain() warns of those in keys. What partition_maintain() returns has the same rows; a partition for a value without such rows is created at once, unless that would scan more than 8 MB of the default partition under a lock: then it is skipped, and detail says which constraint helps. A key that its type does not read any more, as its label was renamed or its domain has another check, has a row with action create, status failed, and as command the statement that declares the set without it.
Errors: 22P02, or another of the type, for a key that cannot be read, 42501 not the owner, 42809 not a partitioned table or not by list, 22023 an argument that cannot be right, 0A000 an expression, a partition of another table, a temporary table, 55P03 lock not available within warden.lock_timeout. Locks as partition_by_time() does.$$;
COMMENT ON FUNCTION warden.partition_by_hash(regclass, integer, text[], boolean) IS
$$Has a table that is partitioned by hash have a partition for every remainder, whatever the moduli of those that exist. Again with other arguments changes that. Nothing is ever retired.
modulus: in how many parts the table is to be; the moduli of existing partitions must divide it, or it them (default: the least of theirs). storage_parameters: of new partitions, like pg_class.reloptions (default: those of the newest partition). dry_run: only report.
Creates what no partition takes, of the modulus, or of a greater one where a partition of that takes a part of it. Where partitions of a lesser modulus exist, the set grows by splitting them, for which rows must be moved: each is returned as a row with action split, status skipped, and as command the statements that do it in one transaction; nothing is done. They run no triggers, and fail if a policy hides rows from the owner.
Errors: 22023 a modulus that does not fit or is not positive, 22004 it is null and there is no partition, 42501 not the owner, 42809 not a partitioned table or not by hash, 0A000 an expression, a partition of another table, a temporary table, 55P03 lock not available within warden.lock_timeout. Locks as partition_by_time() does.$$;
COMMENT ON FUNCTION warden.partition_subdivide(regclass, text, name, integer, text, text[], text, text, boolean) IS
$$Has every new partition of a managed set be partitioned itself, and whole before it is attached. Again with other arguments changes that; method null ends it. What exists stays as it is.
method: hash, list, or range. key: the column. modulus: of hash, in how many parts. keys: of list, the values that have a part each, beside a default one. every, ahead, keep: of range, as text, an interval for a timestamptz, timestamp or date, a number for a smallint, integer, bigint or numeric; like those of partition_by_time() and partition_by_number(), except that of the column that the set itself is partitioned by all between the bounds of the partition is made at once. Days and months begin where those of the set do, else where those of the session do. dry_run: only report.
All partitions of the set that are partitioned so, whoever made them, are maintained like sets: what is missing below them is created, what has expired is retired as the set's on_expiry says. A row is returned for each step, as by partition_maintain(), and one for what is not partitioned so.
Errors: 42704 not managed, or a type that cannot be a key, 42501 not the owner, 22023 an argument that cannot be right, 22004 one that must not be null, 42703 no such column, 42804 type of the column, 42P17 it is generated, 0A000 a unique index of the table does not contain it, 53400 a new partition with all below it would need more locks than the server has (max_locks_per_transaction), 55P03 lock not available within warden.lock_timeout. Locks as partition_by_time() does, and on the partitions that are maintained like sets.$$;
COMMENT ON FUNCTION warden.partition_unmanage(regclass) IS
    'Forgets the policy of a set; its partitions stay as they are. Error 42704 if the table is not managed, 42501 if not the owner. Locks the table in SHARE UPDATE EXCLUSIVE mode; and, to drop the constraint of a maintenance that was killed, a table of the default partition in ACCESS EXCLUSIVE mode.';
COMMENT ON TABLE warden.partition_holds IS
    'Partitions that partition_hold() keeps from retention: why, who said so, and when. Read the view partitions.';
COMMENT ON TABLE warden.partition_checks IS
    'Constraints named pg_warden_no_rows_of_new_partitions, which CALL warden.maintain() adds to a default partition, or a table below it, while it creates partitions: whose set it is of, which table, which process, when. Empty when no maintenance is at work; what one has left that was killed is removed by the next.';
COMMENT ON FUNCTION warden.partition_hold(regclass, text) IS
    'Keeps a partition of a managed set from being retired, whatever its age, with all below it and with what is of the same range in sets that on_reference => pair joins with its own, until partition_release(); again with another reason replaces that. Everybody can read the reason. Errors: 42809 not a partition, 42704 its table is not managed, 42501 not the owner of that table, 55P03 it is just being retired. Locks the partition in SHARE UPDATE EXCLUSIVE mode.';
COMMENT ON FUNCTION warden.partition_release(regclass) IS
    'Lets retention take a partition again that was held. Errors: 42704 it is not held, 42809 not a partition, 42501 not the owner of its table.';
COMMENT ON FUNCTION warden.partition_maintain(regclass, boolean) IS
$$Creates what is missing and retires what has expired, of one set or (parent null) of all whose owner's rights the caller has, in one transaction. CALL warden.maintain() does the same in a transaction for each partition, and so holds locks for milliseconds only: prefer it.
Returns a row for everything that was done, planned (dry_run), blocked (detail: by whom), failed (detail: SQLSTATE and message), colliding (rows of that range are in the default partition) or skipped (detail: why); none when there is nothing to do: then it writes nothing and takes no lock above ACCESS SHARE. One set's failure does not stop the others. To attach a partition must not scan more than 8 MB of a default partition: it is planned, for CALL warden.maintain() to do without the scan, or skipped if its range is of now or before.
Errors: 42704 not managed, 42501 not the owner. Locks until the end of the transaction: SHARE UPDATE EXCLUSIVE on the parent, ACCESS EXCLUSIVE on the default partition and SHARE ROW EXCLUSIVE on tables that foreign keys join with it to create; ACCESS EXCLUSIVE on parent, default and partition, and to detach on tables that refer to it, to retire. None is waited for longer than warden.lock_timeout, and none while another that others notice is held.$$;
COMMENT ON FUNCTION warden.partition_import_pg_partman(boolean) IS
$$Takes over the sets of pg_partman 4 and 5: declares each as its row in part_config says and sets automatic_maintenance to off there, both or neither. A set that cannot be taken over stays with pg_partman.
Partitions stay as they are. every: partition_interval; ahead: premake times that; keep: retention; on_expiry: detach if retention_keep_table, else drop; key_format by epoch and time_encoder. dry_run: only report.
Returns a row for each row of part_config. command: the declaration, to be run as it is or changed. status: imported, planned (dry_run), skipped, failed. detail: how many partitions were made and how many the next maintenance retires, and settings that have no like here; else why not.
Works as the caller: he needs the privileges to read part_config and part_config_sub and to update part_config, and the rights of a table's owner for its set to be taken over.
Errors: 55000 pg_partman is not in this database, or its table part_config has a trigger, which would run with the caller's rights; 42501 no privilege to read. Locks until the end of the transaction: the rows of part_config that are changed, and those of partition_by_time() and partition_by_number(); of a set after one in which something was done, only such as are free. dry_run: ACCESS SHARE.$$;
COMMENT ON FUNCTION warden.partition_add_default(regclass, boolean) IS
$$Gives a managed set a default partition that may have any number of rows: no new partition makes the server scan them. It is partitioned itself: ..._default_late has keys before the oldest partition (or, if there is none, before the current one), ..._default_far those more than 10 years, or 1000 times every, beyond the horizon, each with a CHECK constraint that says so; ..._default_rest has the others and nulls.
dry_run: only report. Returns one row, as partition_maintain() does.
Errors: 42704 not managed, 42501 not the owner, 42710 there is a default partition, 22004 an argument is null, 55P03 lock not available within warden.lock_timeout. Locks until the end of the transaction: SHARE UPDATE EXCLUSIVE on the table, SHARE ROW EXCLUSIVE on tables that foreign keys join with it.$$;
COMMENT ON FUNCTION warden.partition_bounds(regclass) IS
    'Partitions of a managed set, or of one below it, whatever their bounds. kind: range, list, hash, default, or detaching (a DETACH CONCURRENTLY is at work on it, or was interrupted). Bounds are written in the set''s time zone. expires_at: when retention may take it by its age; null if never. reason: why it is still there. No rows for a table that is not managed, or of which the caller is neither in pg_monitor nor has the rights of the owner. Locks the table in ACCESS SHARE mode.';
COMMENT ON FUNCTION warden.partition_coverage(regclass) IS
    'From now to covered_until a managed set has a partition for every row (null: not even now, or a set of numbers; infinity: up to MAXVALUE); covered_to: the same as a key; numbers_left: how many numbers after the last that the sequence behind the key has given out (null: there is none); the number of its partitions, the default one included; the default partition; and what of a set of time is due next, and when, as far as the bounds tell (suspended: a job is moving its rows into a plain table). No rows for a table that is not managed, or of which the caller is neither in pg_monitor nor has the rights of the owner. Locks the table in ACCESS SHARE mode.';
COMMENT ON FUNCTION warden.partition_rows(regclass) IS
    'Estimate of the rows in a partition and all below it: by ANALYZE or by the cumulative statistics, whichever is more.';
COMMENT ON FUNCTION warden.partition_bytes(regclass) IS
    'Bytes of a partition and all below it, with indexes and TOAST. Locks each in ACCESS SHARE mode.';
COMMENT ON VIEW warden.partition_sets IS
    'One row a set: its policy, of which every, ahead, keep and anchor are in the columns ..._number if it is of numbers; covered_to: the first key without a partition, as it is written; covered_until and runs_out_in: when rows stop having a partition (runs_out_in is null if never, or if the set is of numbers); numbers_left: how many numbers that is from the last that the sequence behind the key has given out (null: of time, without such a sequence, or never); partitions; default_rows: estimate of the rows in the default partition; colliding: how many partitions the last maintenance could not create because the default partition has rows of theirs, and skipped: because it would have been scanned under a lock (partition_maintain(dry_run => true) tells which); next_step: what is due next (create, or how one leaves; suspended while partition_revert() moves its rows) and next_step_at: when, or since when, of a set of time (null: nothing, or it depends on sizes); last_success: when maintenance last did something and nothing went wrong; last_error: SQLSTATE and message of the last maintenance, null if it succeeded; blocked_by: who held the lock; method: range, list or hash; modulus of a hash; keys and min_rows of a list; sub_method and what follows: how new partitions are partitioned, as partition_subdivide() was told.';
COMMENT ON VIEW warden.partition_sets_below IS
    'One row a partition that is maintained like a set because partition_subdivide() said so of the set that it belongs to, which is declared_on. The other columns are those of partition_sets.';
COMMENT ON VIEW warden.partitions IS
    'One row a partition, also of the sets below that partition_subdivide() makes: kind (range, list, hash, default, detaching), bounds in the set''s time zone (null for lists and hashes), estimated_rows and bytes, with indexes and TOAST, of it and all below it, expires_at: when retention may take it by its age (null: never); held: why it stays all the same; reason: why it is still there; bound: as SQL has it.';
