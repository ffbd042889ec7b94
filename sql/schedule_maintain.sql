-- The job that is there without being added: CALL warden.maintain() every ten minutes.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE ROLE regress_warden_stranger LOGIN;
CREATE SCHEMA built_in;
SET search_path = built_in;
CREATE PROCEDURE wait_for(condition text) LANGUAGE plpgsql AS $$
DECLARE
    met boolean;
    give_up timestamptz := pg_catalog.clock_timestamp() + interval '60 seconds';
BEGIN
    LOOP
        EXECUTE 'SELECT ' || condition INTO met;
        EXIT WHEN met;
        IF pg_catalog.clock_timestamp() > give_up THEN RAISE 'not within a minute: %', condition; END IF;
        COMMIT;
        PERFORM pg_sleep(0.03);
    END LOOP;
END $$;
-- runs it, to the end, also if its own slot is due just now
CREATE PROCEDURE run() LANGUAGE plpgsql AS $$
DECLARE id bigint;
BEGIN
    LOOP
        BEGIN
            id := warden.schedule_run('maintain');
            EXIT;
        EXCEPTION WHEN object_in_use THEN PERFORM pg_sleep(0.1);
        END;
    END LOOP;
    COMMIT;
    CALL wait_for(format('EXISTS (SELECT FROM warden.schedule_runs WHERE run = %s AND ended IS NOT NULL)
                          AND NOT EXISTS (SELECT FROM warden.schedule_processes() WHERE run = %1$s)', id));
END $$;
CREATE VIEW job AS
SELECT id, name, owner = (SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'pg_warden') AS owner, schedule,
       timezone, command, paused, max_runtime, max_retries, retry_delay, missed, overlap, start_window
FROM warden.schedule_jobs WHERE name = 'maintain';
SELECT * FROM job \gx
SELECT count(*) FROM warden.schedule_definitions;
-- run by hand
CREATE TABLE events (at timestamptz NOT NULL) PARTITION BY RANGE (at);
SELECT count(*) > 0 AS made FROM warden.partition_by_time('events', '1 year', ahead => '1 year');
DO $$ BEGIN
    EXECUTE (SELECT string_agg(format('DROP TABLE %s', partition), ';') FROM warden.partitions WHERE parent = 'events'::regclass);
END $$;
CALL run();
SELECT status, attempts, sqlstate, message FROM warden.schedule_runs WHERE job = 'maintain' ORDER BY run DESC LIMIT 1;
SELECT count(*) > 0 AS made FROM pg_inherits WHERE inhparent = 'events'::regclass;
SELECT last_status, consecutive_failures, waiting_for,
       next_run BETWEEN now() - interval '1 minute' AND now() + interval '10 minutes' AS next_run
FROM warden.schedule_jobs WHERE name = 'maintain';
SELECT warden.partition_unmanage('events');

-- it cannot be removed, but paused
SELECT warden.schedule_remove('maintain');
\echo :LAST_ERROR_SQLSTATE
SELECT warden.schedule_pause('maintain');
SELECT * FROM job \gx
SELECT next_run, waiting_for FROM warden.schedule_jobs WHERE name = 'maintain';
CALL run();
SELECT warden.schedule_remove('maintain');
SELECT warden.schedule_resume('maintain');
SELECT * FROM job \gx
SELECT next_run IS NOT NULL AS next_run, waiting_for FROM warden.schedule_jobs WHERE name = 'maintain';
-- rescheduled
SELECT warden.schedule_pause('maintain');
SELECT warden.schedule_add(name => 'maintain', schedule => '0 3 * * *', command => 'CALL warden.maintain()',
    timezone => 'Europe/Berlin',
    max_runtime => '1 hour', max_retries => 2);
SELECT * FROM job \gx
SELECT warden.schedule_resume('maintain');
SELECT to_char(next_run AT TIME ZONE 'Europe/Berlin', 'HH24:MI:SS') AS next_run FROM warden.schedule_jobs WHERE name = 'maintain';
CALL run();
SELECT last_status FROM warden.schedule_jobs WHERE name = 'maintain';
-- by its owner only
GRANT EXECUTE ON FUNCTION warden.schedule_add, warden.schedule_pause, warden.schedule_run TO regress_warden_stranger;
SET ROLE regress_warden_stranger;
SELECT warden.schedule_add('maintain', '1 second', 'SELECT 1');
SELECT warden.schedule_pause('maintain');
SELECT warden.schedule_run('maintain');
SELECT name, command, waiting_for FROM warden.schedule_jobs WHERE name = 'maintain';
SELECT count(*) FROM warden.schedule_runs;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION warden.schedule_add, warden.schedule_pause, warden.schedule_run FROM regress_warden_stranger;
-- what was undone is not done
BEGIN;
SELECT warden.schedule_add('maintain', '1 second', 'SELECT 1');
SELECT schedule FROM job;
ROLLBACK;
SELECT schedule FROM job;
-- what it was
SELECT warden.schedule_add('maintain', '10 minutes', 'CALL warden.maintain()', timezone => 'UTC');
SELECT * FROM job \gx
SELECT warden.schedule_remove('maintain');
DROP SCHEMA built_in CASCADE;

-- the extension gone and there again: no job of before, no history, and the job is there
SELECT warden.schedule_add('before', '1 second', 'SELECT 1') > 0 AS added;
DROP EXTENSION pg_warden;
SELECT pg_sleep(2.5); -- long enough for a worker to come and find nothing
CREATE EXTENSION pg_warden;
SELECT name, schedule, command FROM warden.schedule_jobs;
SELECT count(*) FROM warden.schedule_runs WHERE job <> 'maintain';
CREATE SCHEMA built_in;
SET search_path = built_in;
CREATE PROCEDURE wait_for(condition text) LANGUAGE plpgsql AS $$
DECLARE
    met boolean;
    give_up timestamptz := pg_catalog.clock_timestamp() + interval '60 seconds';
BEGIN
    LOOP
        EXECUTE 'SELECT ' || condition INTO met;
        EXIT WHEN met;
        IF pg_catalog.clock_timestamp() > give_up THEN RAISE 'not within a minute: %', condition; END IF;
        COMMIT;
        PERFORM pg_sleep(0.03);
    END LOOP;
END $$;
-- nobody has to tell the scheduler
CALL wait_for($$(SELECT next_run IS NOT NULL FROM warden.schedule_jobs WHERE name = 'maintain')$$);
DO $$ BEGIN PERFORM warden.schedule_run('maintain'); EXCEPTION WHEN object_in_use THEN NULL; END $$;
CALL wait_for($$(SELECT last_status = 'succeeded' FROM warden.schedule_jobs WHERE name = 'maintain')$$);
-- in a transaction that is rolled back: everything is as it was, and goes on
SELECT warden.schedule_add('before', '1 second', 'SELECT 1') > 0 AS added;
BEGIN;
DROP EXTENSION pg_warden;
SELECT pg_sleep(1.5);
ROLLBACK;
CALL wait_for($$(SELECT last_status = 'succeeded' FROM warden.schedule_jobs WHERE name = 'before')$$);
SELECT warden.schedule_remove('before');
DROP SCHEMA built_in CASCADE;
DROP ROLE regress_warden_stranger;
