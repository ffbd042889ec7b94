-- Jobs that fail, are paused, resumed, canceled, interrupted and orphaned; and what the view of them tells.
SET timezone = 'UTC';
SET client_min_messages = notice;
SET warden.partition_drain_direct_rows = 0;
\set SHOW_CONTEXT never
CREATE SCHEMA control;
SET search_path = control;
-- Says that it is immutable, and has a job meet what a person or the machine would do to it while it builds an index.
CREATE FUNCTION meets(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    CASE current_setting('control.meets', true)
        WHEN 'failure' THEN RAISE SQLSTATE 'ZZ001' USING MESSAGE = 'not today';
        WHEN 'pause' THEN
            IF n = 1 THEN RAISE NOTICE '%', warden.partition_pause(current_setting('control.target')::regclass); END IF;
        ELSE NULL;
    END CASE;
    RETURN n;
END $$;
CREATE FUNCTION make(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %1$I (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at)', name);
    EXECUTE format('CREATE TABLE %2$I PARTITION OF %1$I DEFAULT', name, name || '_rest');
    EXECUTE format('CREATE INDEX ON %1$I (control.meets(n))', name);
    EXECUTE format('INSERT INTO %1$I SELECT timestamptz ''2084-01-01 UTC'' + g %% 72 * interval ''1 hour'', g FROM generate_series(1, 720) g', name);
    PERFORM warden.partition_by_time(name::regclass, '1 day', timezone => 'UTC');
END $$;
-- The rows of a table, and in how many partitions; what of a job is left in the catalogue.
CREATE FUNCTION contents(name regclass, OUT rows bigint, OUT sum bigint, OUT partitions bigint, OUT in_default bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT count(*), sum(n), count(DISTINCT tableoid), count(*) FILTER (WHERE tableoid::regclass::text LIKE ''%%rest'') FROM %s', name)
    INTO rows, sum, partitions, in_default;
END $$;
CREATE VIEW leftovers AS
    SELECT 'trigger' AS kind, tgrelid::regclass::text AS name FROM pg_trigger WHERE tgfoid = 'warden.partition_move_capture'::regproc
    UNION ALL SELECT 'rewritten', oid::regclass::text FROM pg_class WHERE relrewrite <> 0
    UNION ALL SELECT 'side', relation::text FROM warden.partition_move_sides
    UNION ALL SELECT 'index', definition FROM warden.partition_move_indexes
    UNION ALL SELECT 'source', relation::text FROM warden.partition_move_sources
    UNION ALL SELECT 'member', objid::text FROM pg_depend WHERE deptype = 'e' AND classid = 'pg_class'::regclass
        AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_warden')
        AND objid IN (SELECT oid FROM pg_class WHERE relname ~ '_(log|map)_?\d+$' OR relnamespace = 'control'::regnamespace);
CREATE VIEW jobs AS
    SELECT target_name, target IS NULL AS gone, kind, state, phase, done_ratio, rows_copied, restarts, last_error, waiting_for,
        pid IS NULL AS idle, remaining, pause_ms > 0 AS swapped, ended IS NOT NULL AS ended, role = current_user AS mine
    FROM warden.partition_moves WHERE target_name ~ '^control' ORDER BY id;
SELECT make('failing'), make('pausing'), make('canceled'), make('altered'), make('interrupted'), make('dropped'), make('kept');
SELECT * FROM leftovers;

\echo --- one that fails
SET control.meets = 'failure';
CALL warden.partition_drain('failing', max_rows_per_second => 1000000, max_bytes_per_second => 1000000000, max_lag_bytes => 1000000000, max_sessions => 1000);
\x on
SELECT * FROM jobs;
SELECT max_rows_per_second, max_bytes_per_second, max_lag_bytes, max_sessions, updated >= started AS ok FROM warden.partition_moves WHERE target = 'failing'::regclass;
\x off
-- what is written meanwhile is logged, and readers see each row once
SET control.meets = '';
UPDATE failing SET n = n + 1000 WHERE n <= 10;
DELETE FROM failing WHERE n BETWEEN 11 AND 20;
INSERT INTO failing VALUES ('2084-01-01 12:00', 5000), ('2084-01-04', 6000), ('2084-01-02', 7000);
UPDATE failing SET at = at + interval '1 day' WHERE n = 7000;
SELECT * FROM contents('failing');
CALL warden.partition_revert('failing');
CALL warden.maintain();
SET control.meets = 'failure';
CALL warden.partition_resume('failing');
SET control.meets = '';
CALL warden.partition_resume('failing');
SELECT * FROM contents('failing');
\x on
SELECT * FROM jobs;
\x off
CALL warden.partition_resume('failing');
CALL warden.partition_cancel('failing');
SELECT warden.partition_pause('failing');
-- a row of which no partition was known when the copy began
CALL warden.partition_drain('failing');
SELECT * FROM contents('failing');
SELECT * FROM leftovers;

\echo --- one that is paused while it works, and again before it goes on
SET control.meets = 'pause';
SET control.target = 'control.pausing';
CALL warden.partition_drain('pausing');
SET control.meets = '';
SELECT state, phase, idle, ended, last_error FROM jobs WHERE target_name = 'control.pausing';
SELECT colliding FROM warden.partition_sets WHERE parent = 'pausing'::regclass;
SELECT warden.partition_pause('pausing');
CALL warden.maintain();
UPDATE pausing SET n = -n;
SELECT * FROM contents('pausing');
CALL warden.partition_resume('pausing');
SELECT * FROM contents('pausing');
SELECT state, phase, idle, ended, last_error FROM jobs WHERE target_name = 'control.pausing';
SELECT colliding FROM warden.partition_sets WHERE parent = 'pausing'::regclass;

\echo --- one that is canceled: the table is as it was
CREATE TEMPORARY TABLE before AS SELECT c.oid, relname, relfilenode, relnatts, relchecks, relhastriggers FROM pg_class c WHERE relname LIKE 'canceled%';
SET control.meets = 'failure';
CALL warden.partition_drain('canceled');
SELECT kind, count(*) FROM leftovers GROUP BY 1 ORDER BY 1;
SELECT warden.partition_pause('canceled');
SELECT state, phase, last_error FROM jobs WHERE target_name = 'control.canceled';
CALL warden.partition_cancel('canceled');
SELECT state, idle, ended FROM jobs WHERE target_name = 'control.canceled';
SELECT relname FROM pg_class WHERE relname LIKE 'canceled%' AND NOT EXISTS (SELECT FROM before b WHERE b.oid = pg_class.oid AND b.relfilenode = pg_class.relfilenode
    AND b.relnatts = pg_class.relnatts AND b.relchecks = pg_class.relchecks);
SELECT * FROM contents('canceled');
SELECT * FROM leftovers;
CALL warden.partition_cancel('canceled');
SET control.meets = '';
CALL warden.partition_drain('canceled');
SELECT * FROM contents('canceled');

\echo --- one whose table is altered, and rewritten: it begins anew
SET control.meets = 'failure';
CALL warden.partition_drain('altered');
ALTER TABLE altered ADD late text DEFAULT 'late';
SET control.meets = '';
CALL warden.partition_resume('altered');
SELECT * FROM contents('altered');
SELECT state, restarts FROM jobs WHERE target_name = 'control.altered';
SELECT DISTINCT late FROM altered;
INSERT INTO altered SELECT timestamptz '2085-01-01 UTC', g FROM generate_series(1, 10) g;
SET control.meets = 'failure';
CALL warden.partition_drain('altered');
SET control.meets = '';
VACUUM FULL altered_rest;
CALL warden.partition_resume('altered');
SELECT * FROM contents('altered');
SELECT state, restarts FROM jobs WHERE target_name = 'control.altered';

\echo --- one whose process is gone: CALL warden.maintain() goes on with it
SET control.meets = 'pause';
SET control.target = 'control.interrupted';
CALL warden.partition_drain('interrupted');
SET control.meets = '';
UPDATE warden.partition_move_jobs SET state = 'running', wanted = NULL, pid = 0 WHERE target = 'interrupted'::regclass;
SELECT state, phase, idle FROM jobs WHERE target_name = 'control.interrupted';
CALL warden.maintain();
SELECT state, phase, idle FROM jobs WHERE target_name = 'control.interrupted';
SELECT * FROM contents('interrupted');

\echo --- one whose table is dropped
SET control.meets = 'failure';
CALL warden.partition_drain('dropped');
DROP TABLE dropped;
SELECT gone, state FROM jobs WHERE target_name = 'control.dropped';
SET control.meets = '';
CALL warden.maintain();
SELECT gone, state, ended FROM jobs WHERE target_name = 'control.dropped';
SELECT * FROM leftovers;

\echo --- the extension is not dropped while a job has work in a table
SET control.meets = 'failure';
CALL warden.partition_drain('kept');
\set VERBOSITY sqlstate
DROP EXTENSION pg_warden;
\set VERBOSITY default
SET control.meets = '';
CALL warden.partition_resume('kept');
SELECT * FROM contents('kept');
SELECT * FROM leftovers;
SET client_min_messages = warning;
DROP SCHEMA control CASCADE;
CALL warden.maintain();
