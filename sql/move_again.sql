-- The same procedure, called again after it was cut short: it goes on with its job, with what it was begun with.
SET timezone = 'UTC';
SET client_min_messages = notice;
SET warden.partition_drain_direct_rows = 0;
\set SHOW_CONTEXT never
CREATE SCHEMA again;
SET search_path = again;
-- Says that it is immutable, and has a job fail, or be paused, while it builds an index.
CREATE FUNCTION meets(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    CASE current_setting('again.meets', true)
        WHEN 'failure' THEN RAISE SQLSTATE 'ZZ001' USING MESSAGE = 'not today';
        WHEN 'pause' THEN IF n = 1 THEN PERFORM warden.partition_pause('again.t'); END IF;
        ELSE NULL;
    END CASE;
    RETURN n;
END $$;
-- What a crash leaves: a job that runs, in a process that is not there.
CREATE PROCEDURE crash() LANGUAGE sql AS $$
    UPDATE warden.partition_move_jobs SET state = 'running', pid = 0, ended = NULL
    WHERE id = (SELECT max(id) FROM warden.partition_move_jobs WHERE target_name = 'again.t') $$;
CREATE VIEW job AS
    SELECT kind, state, phase, wanted, max_rows_per_second,
        max_bytes_per_second, max_lag_bytes, max_sessions
    FROM warden.partition_move_jobs WHERE target_name = 'again.t' ORDER BY id DESC LIMIT 1;
CREATE FUNCTION contents(OUT rows bigint, OUT sum bigint, OUT tables bigint, OUT in_default bigint) LANGUAGE plpgsql AS $$
BEGIN
    SELECT count(*), sum(n), count(DISTINCT tableoid), count(*) FILTER (WHERE tableoid::regclass::text LIKE '%rest') FROM again.t
    INTO rows, sum, tables, in_default;
END $$;
CREATE VIEW leftovers AS
    SELECT 'trigger' AS kind, tgrelid::regclass::text AS name FROM pg_trigger WHERE tgfoid = 'warden.partition_move_capture'::regproc
    UNION ALL SELECT 'side', relation::text FROM warden.partition_move_sides
    UNION ALL SELECT 'source', relation::text FROM warden.partition_move_sources
    UNION ALL SELECT 'table', oid::regclass::text FROM pg_class WHERE relname ~ '_(log|map)_?\d+$' AND relnamespace = 'warden'::regnamespace;

\echo --- a conversion that has failed
CREATE TABLE t (at timestamptz NOT NULL, n int, other timestamptz NOT NULL DEFAULT '2084-01-01 UTC');
INSERT INTO t SELECT timestamptz '2084-01-01 UTC' + g % 72 * interval '1 hour', g FROM generate_series(1, 720) g;
CREATE INDEX ON t (again.meets(n));
SET again.meets = 'failure';
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days', max_rows_per_second => 1000000, max_sessions => 1000);
SET again.meets = '';
SELECT * FROM job;
-- every argument that is another one is said; limits are not arguments in that sense
CALL warden.partition_convert('t', 'other', '1 day', ahead => '2 days');
CALL warden.partition_convert('t', 'missing', '1 day', ahead => '2 days');
\set VERBOSITY terse
CALL warden.partition_convert('t', 'at', '2 days', ahead => '2 days');
CALL warden.partition_convert('t', 'at', '1 day', ahead => '3 days');
CALL warden.partition_convert('t', 'at', '1 day');
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days', keep => '1 year');
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days', timezone => 'Asia/Tokyo');
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days', anchor => '2084-01-01 12:00+00');
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days', key_format => 'unix_seconds');
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days', metadata_only => true);
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days', default_partition => false);
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days', widen_key => true);
CALL warden.partition_convert('t', 'at', 'a day', ahead => '2 days');
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days', max_sessions => 0);
\set VERBOSITY default
-- another job of the same table
CALL warden.partition_drain('t');
CALL warden.partition_revert('t');
BEGIN;
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days');
ROLLBACK;
SELECT * FROM job;
-- a session in another time zone, and the same written differently
SET timezone = 'Asia/Tokyo';
\set VERBOSITY terse
CALL warden.partition_convert('t', 'at', '@ 1 day', ahead => '2 days', max_rows_per_second => 2000000, max_lag_bytes => 1000000000);
SET timezone = 'UTC';
SELECT * FROM job;
SELECT * FROM contents();
SELECT * FROM leftovers;

\echo --- the server fails when all is done but the rest
CALL crash();
CALL warden.partition_convert('t', 'at', '2 days', ahead => '2 days');
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days');
SELECT * FROM job;
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days');
-- somebody wanted to cancel it: there is nothing to cancel any more
CALL crash();
UPDATE warden.partition_move_jobs SET wanted = 'cancel' WHERE target = 't'::regclass AND ended IS NULL;
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days');
SELECT * FROM job;
CALL crash();
UPDATE warden.partition_move_jobs SET wanted = 'cancel' WHERE target = 't'::regclass AND ended IS NULL;
CALL warden.partition_resume('t');
SELECT * FROM job;
CALL crash();
UPDATE warden.partition_move_jobs SET wanted = 'cancel' WHERE target = 't'::regclass AND ended IS NULL;
CALL warden.maintain();
SELECT * FROM job;
SELECT * FROM contents();

\echo --- a reversion that is paused, by itself, and after a crash
SET again.meets = 'pause';
CALL warden.partition_revert('t');
SET again.meets = '';
SELECT * FROM job;
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days');
CALL crash();
SELECT warden.partition_pause('t');
CALL warden.partition_revert('t', max_bytes_per_second => 1000000000);
SELECT * FROM job;
SELECT * FROM contents();
SELECT * FROM leftovers;
CALL crash();
CALL warden.partition_revert('t');
SELECT * FROM job;

\echo --- a conversion without a copy
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days', metadata_only => true);
CALL crash();
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days');
CALL warden.partition_convert('t', 'at', '1 day', ahead => '2 days', metadata_only => true);
SELECT * FROM job;
DROP TABLE t;

\echo --- a drain that a crash has interrupted
CREATE TABLE t (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);
CREATE TABLE t_rest PARTITION OF t DEFAULT;
CREATE INDEX ON t (again.meets(n));
INSERT INTO t SELECT timestamptz '2084-01-01 UTC' + g % 72 * interval '1 hour', g FROM generate_series(1, 720) g;
SELECT FROM warden.partition_by_time('t', '1 day', timezone => 'UTC');
SET again.meets = 'failure';
CALL warden.partition_drain('t', 2);
SET again.meets = '';
CALL crash();
SELECT * FROM job;
CALL warden.partition_drain('t');
CALL warden.partition_revert('t');
-- what is written meanwhile
UPDATE t SET n = n + 1000 WHERE n <= 10;
CALL warden.partition_drain('t', 2, max_sessions => 1000);
SELECT * FROM job;
SELECT * FROM contents();
CALL crash();
CALL warden.partition_drain('t', 2);
CALL warden.partition_drain('t', 2);
SELECT * FROM contents();
SELECT * FROM leftovers;

\echo --- a cancellation that was interrupted is completed, and what is asked for begins
SELECT clock_timestamp() AS before \gset
INSERT INTO t SELECT timestamptz '2085-01-01 UTC' + g % 48 * interval '1 hour', g FROM generate_series(1, 480) g;
SET again.meets = 'failure';
CALL warden.partition_drain('t', 1);
SET again.meets = '';
CALL crash();
UPDATE warden.partition_move_jobs SET wanted = 'cancel' WHERE target = 't'::regclass AND ended IS NULL;
SELECT state, phase, wanted FROM warden.partition_move_jobs WHERE target = 't'::regclass AND started > :'before' ORDER BY id;
CALL warden.partition_drain('t', 1);
SELECT state, phase, wanted FROM warden.partition_move_jobs WHERE target = 't'::regclass AND started > :'before' ORDER BY id;
SELECT * FROM contents();
SET again.meets = 'failure';
CALL warden.partition_drain('t', 1);
SET again.meets = '';
CALL crash();
UPDATE warden.partition_move_jobs SET wanted = 'cancel' WHERE target = 't'::regclass AND ended IS NULL;
CALL warden.maintain();
SELECT state, phase, wanted FROM warden.partition_move_jobs WHERE target = 't'::regclass AND started > :'before' ORDER BY id;
SELECT * FROM leftovers;

\echo --- a drain whose rows have gone meanwhile
SET again.meets = 'failure';
CALL warden.partition_drain('t', 1);
SET again.meets = '';
TRUNCATE t_rest;
CALL warden.partition_drain('t', 1);
SELECT * FROM job;
INSERT INTO t SELECT timestamptz '2086-01-01 UTC' + g % 48 * interval '1 hour', g FROM generate_series(1, 480) g;
SET again.meets = 'failure';
CALL warden.partition_drain('t', 1);
SET again.meets = '';
DELETE FROM t_rest;
ALTER TABLE t ADD COLUMN more int;
CALL warden.partition_drain('t', 1);
SELECT * FROM job;
SELECT * FROM contents();
DROP TABLE t;

\echo --- what was revoked, or is to protect rows, meanwhile holds for the partitions that are made as well
CREATE ROLE again_reader;
CREATE TABLE t (id int NOT NULL, k int NOT NULL, v text);
CREATE INDEX ON t (again.meets(id));
INSERT INTO t SELECT i, i, i FROM generate_series(1, 200) i;
GRANT SELECT ON t TO again_reader;
GRANT UPDATE (v) ON t TO again_reader;
SET again.meets = 'failure';
CALL warden.partition_convert('t', 'k', '100', ahead => '100');
SET again.meets = '';
REVOKE ALL ON t FROM again_reader;
CALL warden.partition_resume('t');
SET again.meets = 'failure';
SELECT relname, relacl IS NULL OR relacl::text !~ 'again_reader' AS is_revoked FROM pg_class WHERE oid IN ('t'::regclass, 't_p0'::regclass) ORDER BY 1;
CALL warden.partition_revert('t');
GRANT SELECT ON t TO again_reader; -- no partition is made: it does not begin anew
SET again.meets = '';
CALL warden.partition_resume('t');
SET again.meets = 'failure';
CALL warden.partition_convert('t', 'k', '100', ahead => '100');
SET again.meets = '';
ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, REPLICA IDENTITY FULL, SET (fillfactor = 50);
ALTER TABLE t ALTER v SET STORAGE external, ALTER v SET STATISTICS 7, ALTER v SET (n_distinct = 3);
CALL warden.partition_resume('t');
SELECT relname, relrowsecurity, relforcerowsecurity, relreplident, reloptions, attstorage, attstattarget, attoptions::text ~ 'n_distinct=3' AS options
FROM pg_class c JOIN pg_attribute ON attrelid = c.oid AND attname = 'v' WHERE c.oid IN ('t'::regclass, 't_p0'::regclass) ORDER BY 1;
CALL warden.partition_revert('t');
SET again.meets = 'failure';
CALL warden.partition_convert('t', 'k', '100', ahead => '100');
SET again.meets = '';
SET client_min_messages = error; -- of wal_level
CREATE PUBLICATION again_some FOR TABLE t WHERE (id > 5);
SET client_min_messages = notice;
CALL warden.partition_resume('t');
DROP PUBLICATION again_some;
CALL warden.partition_resume('t');
SELECT count(*), sum(id), count(DISTINCT tableoid) AS tables FROM t;
SELECT * FROM leftovers;
SET client_min_messages = warning;
DROP SCHEMA again CASCADE;
DROP ROLE again_reader;
CALL warden.maintain();
