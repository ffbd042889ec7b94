-- A job from schedule_add() to schedule_remove(), as a user meets it.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
-- The tests before have the built-in job rest; here it is as it is made.
DROP EXTENSION pg_warden;
CREATE EXTENSION pg_warden;
CREATE SCHEMA tour;
SET search_path = tour;
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
-- runs a job, to the end
CREATE PROCEDURE run(job text) LANGUAGE plpgsql AS $$
DECLARE id bigint := warden.schedule_run(job);
BEGIN
    COMMIT;
    CALL wait_for(format('EXISTS (SELECT FROM warden.schedule_runs WHERE run = %s AND ended IS NOT NULL)
                          AND NOT EXISTS (SELECT FROM warden.schedule_processes() WHERE run = %1$s)', id));
END $$;
CREATE VIEW runs AS
SELECT row_number() OVER (PARTITION BY job ORDER BY run) AS n, job, status, attempts, slots, sqlstate, message, rows,
       owner = session_user AS mine, started >= scheduled_for AND ended >= started AS in_order
FROM warden.schedule_runs WHERE job NOT IN ('maintain') ORDER BY job, run;
CREATE TABLE done (n int, at timestamptz DEFAULT clock_timestamp(), job text DEFAULT current_setting('warden.job_name', true),
                   slot text DEFAULT current_setting('warden.job_scheduled_for', true));

-- added: everything has a default, next_run is known at once, nothing is run
SELECT warden.schedule_add('yearly', '@yearly', 'INSERT INTO tour.done VALUES (1)') AS id \gset
SELECT id = :id AS id, name, owner = current_user AS mine, schedule, timezone, command,
       next_run > now() AND next_run AT TIME ZONE 'UTC' = date_trunc('year', next_run AT TIME ZONE 'UTC') AS next_run,
       running_since, last_status, last_started, last_duration, consecutive_failures, waiting_for, paused, max_runtime,
       max_retries, retry_delay, missed, overlap, start_window
FROM warden.schedule_jobs WHERE name = 'yearly' \gx
SELECT * FROM runs;
SELECT count(*) FROM done;

-- run by hand, beside the schedule
SELECT next_run FROM warden.schedule_jobs WHERE name = 'yearly' \gset before_
CALL run('yearly');
SELECT * FROM runs;
SELECT n, job, slot::timestamptz = (SELECT scheduled_for FROM warden.schedule_runs WHERE job = 'yearly') AS slot FROM done;
SELECT next_run = :'before_next_run' AS next_run, running_since, last_status, last_started <= now() AS last_started,
       last_duration < '1 minute' AS last_duration, consecutive_failures, waiting_for
FROM warden.schedule_jobs WHERE name = 'yearly';
-- as soon as it is seen to be over, it can be run again
CALL run('yearly');
CALL run('yearly');
SELECT count(*), count(DISTINCT slot) AS slots FROM done;

-- changed: the id, the history and what is not given again
SELECT warden.schedule_add('yearly', '90 minutes', 'INSERT INTO tour.done VALUES (2)', timezone => 'Europe/Berlin',
    max_runtime => '1 hour', max_retries => 3, retry_delay => '10 seconds', missed => 'all', overlap => 'queue',
    start_window => 'Mon-Fri 22:00-06:00; Sat,Sun') = :id AS same_id;
SELECT name, schedule, timezone, command, last_status, paused, max_runtime, max_retries, retry_delay, missed, overlap,
       start_window
FROM warden.schedule_jobs WHERE id = :id \gx
SELECT count(*) FROM runs WHERE job = 'yearly';
SELECT warden.schedule_add('yearly', '90 minutes', 'INSERT INTO tour.done VALUES (3)') = :id AS same_id;
SELECT name, schedule, timezone, command, last_status, paused, max_runtime, max_retries, retry_delay, missed, overlap,
       start_window, next_run - now() BETWEEN '89 minutes' AND '90 minutes' AS next_run
FROM warden.schedule_jobs WHERE id = :id \gx
CALL run('yearly');
SELECT max(n) FROM done;

-- paused: no next_run; it stays so when it is changed; it can be run by hand
SELECT warden.schedule_pause('yearly');
SELECT warden.schedule_pause('yearly'); -- again is no error
SELECT next_run, waiting_for, paused FROM warden.schedule_jobs WHERE id = :id;
SELECT warden.schedule_add('yearly', '1 second', 'INSERT INTO tour.done VALUES (4)') = :id AS same_id;
SELECT next_run, waiting_for, paused FROM warden.schedule_jobs WHERE id = :id;
CALL run('yearly');
SELECT count(*) AS runs FROM done WHERE n = 4;
-- resumed: from the next slot on
SELECT warden.schedule_resume('yearly');
SELECT next_run IS NOT NULL AS next_run, paused FROM warden.schedule_jobs WHERE id = :id;
CALL wait_for('(SELECT count(*) >= 3 FROM tour.done WHERE n = 4)');
SELECT warden.schedule_pause('yearly');
CALL wait_for($$NOT EXISTS (SELECT FROM warden.schedule_runs WHERE ended IS NULL AND job = 'yearly')$$);
-- a slot, a run; the slots are at the anchor and a whole number of intervals
SELECT count(*) = count(DISTINCT slot) AS once, bool_and(job = 'yearly') AS name FROM done WHERE n = 4;
SELECT count(DISTINCT extract(epoch FROM slot::timestamptz) % 1) AS fractions
FROM (SELECT slot FROM done WHERE n = 4 ORDER BY at OFFSET 1) scheduled;
SELECT (SELECT count(*) FROM done WHERE n = 4) = (SELECT count(*) FROM warden.schedule_runs
    WHERE job = 'yearly' AND status = 'succeeded' AND started > (SELECT max(at) FROM done WHERE n = 3)) AS every_run_is_there;
SELECT count(*) AS runs FROM done WHERE n = 4 \gset before_
SELECT pg_sleep(2.1);
SELECT count(*) - :before_runs AS more FROM done WHERE n = 4;

-- a single run: it is over after that, and stays to be seen
BEGIN;
SELECT warden.schedule_add('single', (clock_timestamp() + '1 second')::text, 'INSERT INTO tour.done VALUES (5)') > :id AS other_id;
SELECT missed, next_run > now() AS next_run FROM warden.schedule_jobs WHERE name = 'single';
COMMIT;
CALL wait_for($$(SELECT last_status = 'succeeded' FROM warden.schedule_jobs WHERE name = 'single')$$);
SELECT next_run, waiting_for, last_status, paused FROM warden.schedule_jobs WHERE name = 'single';
SELECT count(*), max(extract(epoch FROM at - slot::timestamptz)) < 30 AS soon FROM done WHERE n = 5;

-- removed: the history stays
SELECT warden.schedule_remove('single');
SELECT warden.schedule_remove('yearly');
SELECT name FROM warden.schedule_jobs WHERE name <> 'maintain';
SELECT job, count(*) > 0 AS runs FROM runs GROUP BY 1 ORDER BY 1;
-- the same name later is another job
SELECT warden.schedule_add('yearly', '@yearly', 'SELECT 1') > :id AS other_id;
SELECT last_status, paused FROM warden.schedule_jobs WHERE name = 'yearly';
SELECT warden.schedule_remove('yearly');

-- what is not there
SELECT warden.schedule_remove('missing');
\echo :LAST_ERROR_SQLSTATE
SELECT warden.schedule_pause('missing');
\echo :LAST_ERROR_SQLSTATE
SELECT warden.schedule_resume('missing');
\echo :LAST_ERROR_SQLSTATE
SELECT warden.schedule_run('missing');
\echo :LAST_ERROR_SQLSTATE
SELECT warden.schedule_cancel('missing');
\echo :LAST_ERROR_SQLSTATE
-- NULL
SELECT warden.schedule_remove(NULL) IS NOT NULL AS remove, warden.schedule_pause(NULL) IS NOT NULL AS pause,
       warden.schedule_resume(NULL) IS NOT NULL AS resume, warden.schedule_run(NULL) AS run,
       warden.schedule_cancel(NULL) AS cancel;
-- nothing came with a dump, nothing from pg_cron
SELECT warden.schedule_resume_restored();
SELECT * FROM warden.schedule_import_pg_cron();
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM warden.schedule_import_pg_cron(dry_run => true);
\echo :LAST_ERROR_SQLSTATE

DROP SCHEMA tour CASCADE;
