-- How runs end: retries, time limits, cancelling, slots that overlap.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE SCHEMA outcomes;
SET search_path = outcomes;
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
-- waits for the end of a run, and until everything knows of it
CREATE PROCEDURE ended(id bigint) LANGUAGE plpgsql AS $$
BEGIN
    CALL wait_for(format('EXISTS (SELECT FROM warden.schedule_runs WHERE run = %s AND ended IS NOT NULL)
                          AND NOT EXISTS (SELECT FROM warden.schedule_processes() WHERE run = %1$s)', id));
END $$;
CREATE PROCEDURE run(job text) LANGUAGE plpgsql AS $$
DECLARE id bigint := warden.schedule_run(job);
BEGIN
    COMMIT;
    CALL ended(id);
END $$;
CREATE TABLE done (n serial, job text DEFAULT current_setting('warden.job_name'),
                   slot text DEFAULT current_setting('warden.job_scheduled_for'));
CREATE SEQUENCE tries;

-- tried again after a failure: the row stays one, and keeps what happened
SELECT warden.schedule_add('retried', '@yearly', $$SELECT 1 / (nextval('outcomes.tries') / 3); INSERT INTO outcomes.done DEFAULT VALUES$$,
    max_retries => 5, retry_delay => '200 milliseconds') > 0 AS added;
SELECT warden.schedule_run('retried') AS run \gset
CALL ended(:run);
SELECT status, attempts, slots, sqlstate, message, run = :run AS run FROM warden.schedule_runs WHERE job = 'retried';
SELECT last_status, consecutive_failures FROM warden.schedule_jobs WHERE name = 'retried';
SELECT count(*), bool_and(slot::timestamptz = scheduled_for) AS slot FROM done JOIN warden.schedule_runs r USING (job) WHERE job = 'retried';
-- no more often than that
SELECT warden.schedule_add('retried', '@yearly', 'SELECT nextval(''outcomes.tries''); SELECT 1/0', max_retries => 2,
                           retry_delay => '50 milliseconds') > 0 AS added;
SELECT setval('tries', 100);
SELECT warden.schedule_run('retried') AS run \gset
CALL ended(:run);
SELECT status, attempts, sqlstate, message FROM warden.schedule_runs WHERE run = :run;
SELECT last_value AS tries FROM tries;
SELECT last_status, consecutive_failures FROM warden.schedule_jobs WHERE name = 'retried';
-- nor one that does not even begin
SELECT warden.schedule_add('retried', '@yearly', 'SELEC 1', max_retries => 2, retry_delay => '50 milliseconds') > 0 AS added;
SELECT warden.schedule_run('retried') AS run \gset
CALL ended(:run);
SELECT status, attempts, sqlstate, message FROM warden.schedule_runs WHERE run = :run;
-- while it waits for its next try: it is shown, it cannot be run, and can be cancelled
SELECT warden.schedule_add('retried', '@yearly', 'SELECT 1/0', max_retries => 2, retry_delay => '1 hour') > 0 AS added;
SELECT warden.schedule_run('retried') AS run \gset
CALL wait_for(format($$EXISTS (SELECT FROM warden.schedule_runs WHERE run = %s AND status = 'waiting' AND attempts = 1)$$, :run));
SELECT status, attempts, sqlstate, message, ended FROM warden.schedule_runs WHERE run = :run;
SELECT waiting_for ~ '^its next try, at ' AS waiting_for, running_since FROM warden.schedule_jobs WHERE name = 'retried';
SELECT warden.schedule_run('retried');
\echo :LAST_ERROR_SQLSTATE
SELECT warden.schedule_cancel('retried');
SELECT status, attempts, sqlstate, message, ended IS NOT NULL AS ended FROM warden.schedule_runs WHERE run = :run;
SELECT waiting_for FROM warden.schedule_jobs WHERE name = 'retried';
SELECT warden.schedule_cancel('retried');
-- not past the next slot
SELECT warden.schedule_add('retried', '30 seconds', 'SELECT 1/0', max_retries => 2, retry_delay => '1 hour') > 0 AS added;
SELECT warden.schedule_run('retried') AS run \gset
CALL ended(:run);
SELECT status, attempts, sqlstate FROM warden.schedule_runs WHERE run = :run;
SELECT warden.schedule_remove('retried');

-- max_runtime
SELECT warden.schedule_add('endless', '@yearly', 'INSERT INTO outcomes.done DEFAULT VALUES; SELECT pg_sleep(600)', max_runtime => '2 seconds',
    max_retries => 0) > 0 AS added;
CALL run('endless');
SELECT status, attempts, sqlstate, message, ended - started BETWEEN '2 s' AND '30 s' AS in_time FROM warden.schedule_runs WHERE job = 'endless';
SELECT last_status, consecutive_failures FROM warden.schedule_jobs WHERE name = 'endless';
SELECT count(*) FROM done WHERE job = 'endless';
-- of one who does not want to be cancelled
SELECT warden.schedule_add('stubborn', '@yearly', $$DO 'BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END'$$,
    max_runtime => '2 seconds') > 0 AS added;
CALL run('stubborn');
SELECT status, attempts, sqlstate, ended - started BETWEEN '4.9 s' AND '30 s' AS in_time FROM warden.schedule_runs WHERE job = 'stubborn';
-- it is for the whole command
SELECT warden.schedule_add('endless', '@yearly', repeat('SELECT pg_sleep(0.1);', 100), max_runtime => '500 milliseconds') > 0 AS added;
SELECT warden.schedule_run('endless') AS run \gset
CALL ended(:run);
SELECT status, attempts, sqlstate FROM warden.schedule_runs WHERE run = :run;
-- enough of it
SELECT warden.schedule_add('endless', '@yearly', 'SELECT pg_sleep(0.1)', max_runtime => '1 hour') > 0 AS added;
SELECT warden.schedule_run('endless') AS run \gset
CALL ended(:run);
SELECT status, attempts, sqlstate FROM warden.schedule_runs WHERE run = :run;
SELECT warden.schedule_remove('endless');

-- while it runs: it is shown, cannot be run again, and can be cancelled; it is not tried again after that
SELECT warden.schedule_add('cancelled', '@yearly', 'SELECT pg_sleep(600)', max_retries => 5, retry_delay => '50 milliseconds') > 0 AS added;
SELECT warden.schedule_cancel('cancelled') AS nothing_yet;
SELECT warden.schedule_run('cancelled') AS run \gset
CALL wait_for('EXISTS (SELECT FROM pg_stat_activity WHERE application_name = ''cancelled'' AND wait_event = ''PgSleep'')');
SELECT status, attempts, started IS NOT NULL AS started, ended FROM warden.schedule_runs WHERE run = :run;
SELECT running_since <= now() AS running_since, waiting_for FROM warden.schedule_jobs WHERE name = 'cancelled';
SELECT backend_type, state, usename = current_user AS mine, datname FROM pg_stat_activity WHERE application_name = 'cancelled';
SELECT phase, run = :run AS run, deadline, pid IN (SELECT pid FROM pg_stat_activity WHERE application_name = 'cancelled') AS pid
FROM warden.schedule_processes() WHERE run = :run;
SELECT warden.schedule_run('cancelled');
\echo :LAST_ERROR_SQLSTATE
SELECT warden.schedule_cancel('cancelled');
CALL ended(:run);
SELECT status, attempts, sqlstate, message FROM warden.schedule_runs WHERE run = :run;
SELECT last_status, running_since FROM warden.schedule_jobs WHERE name = 'cancelled';
-- by the server's own functions
SELECT warden.schedule_run('cancelled') AS run \gset
CALL wait_for('EXISTS (SELECT FROM pg_stat_activity WHERE application_name = ''cancelled'' AND wait_event = ''PgSleep'')');
SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'cancelled';
CALL ended(:run);
SELECT status, attempts, sqlstate FROM warden.schedule_runs WHERE run = :run;
SELECT warden.schedule_run('cancelled') AS run \gset
CALL wait_for('EXISTS (SELECT FROM pg_stat_activity WHERE application_name = ''cancelled'' AND wait_event = ''PgSleep'')');
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cancelled';
CALL ended(:run);
SELECT status, attempts, sqlstate FROM warden.schedule_runs WHERE run = :run;
-- one who does not want to be cancelled is terminated
SELECT warden.schedule_add('stubborn', '@yearly', $$DO 'BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END'$$) > 0 AS added;
SELECT warden.schedule_run('stubborn') AS run \gset
CALL wait_for('EXISTS (SELECT FROM pg_stat_activity WHERE application_name = ''stubborn'' AND wait_event = ''PgSleep'')');
SELECT warden.schedule_cancel('stubborn');
CALL ended(:run);
SELECT status, attempts FROM warden.schedule_runs WHERE run = :run;
SELECT warden.schedule_remove('stubborn');

-- paused, changed or removed while it runs: it goes on, and its end is known
SELECT warden.schedule_add('cancelled', '@yearly', 'SELECT pg_sleep(3); INSERT INTO outcomes.done DEFAULT VALUES') > 0 AS added;
SELECT warden.schedule_run('cancelled') AS run \gset
CALL wait_for('EXISTS (SELECT FROM pg_stat_activity WHERE application_name = ''cancelled'' AND wait_event = ''PgSleep'')');
SELECT warden.schedule_pause('cancelled');
SELECT warden.schedule_add('cancelled', '@yearly', 'SELECT 1/0') > 0 AS added;
SELECT warden.schedule_remove('cancelled');
CALL ended(:run);
SELECT status, attempts, sqlstate FROM warden.schedule_runs WHERE run = :run;
SELECT count(*) FROM done WHERE job = 'cancelled';

-- slots that are due while it runs: skipped
SELECT warden.schedule_add('slow', '1 second', 'INSERT INTO outcomes.done DEFAULT VALUES; SELECT pg_sleep(600)') AS id \gset
CALL wait_for($$(SELECT count(*) >= 2 FROM warden.schedule_runs WHERE job = 'slow' AND status = 'skipped')$$);
SELECT warden.schedule_pause('slow');
SELECT warden.schedule_cancel('slow');
CALL wait_for($$NOT EXISTS (SELECT FROM warden.schedule_runs WHERE job = 'slow' AND ended IS NULL)
             AND (SELECT last_status = 'canceled' FROM warden.schedule_jobs WHERE name = 'slow')$$);
SELECT status, count(*) > 0 AS runs, min(slots) AS slots, bool_and(ended IS NOT NULL) AS ended, bool_and(started IS NULL) AS not_started,
       array_agg(DISTINCT sqlstate) AS sqlstate, max(rows) AS rows
FROM warden.schedule_runs WHERE job = 'slow' AND status <> 'missed' GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM done WHERE job = 'slow';
SELECT last_status FROM warden.schedule_jobs WHERE name = 'slow';
SELECT warden.schedule_remove('slow');
-- queued: one waits and runs when the other is over; the next ones are skipped
SELECT warden.schedule_add('queued', '1 second', 'INSERT INTO outcomes.done DEFAULT VALUES; SELECT pg_sleep(600)', overlap => 'queue') AS id \gset
CALL wait_for($$(SELECT count(*) >= 1 FROM warden.schedule_runs WHERE job = 'queued' AND status = 'skipped')$$);
SELECT status, count(*) AS runs FROM warden.schedule_runs WHERE job = 'queued' AND status IN ('running', 'waiting') GROUP BY 1 ORDER BY 1;
SELECT (SELECT scheduled_for FROM warden.schedule_runs WHERE job = 'queued' AND status = 'running') <
       (SELECT scheduled_for FROM warden.schedule_runs WHERE job = 'queued' AND status = 'waiting') AS in_order,
       (SELECT scheduled_for FROM warden.schedule_runs WHERE job = 'queued' AND status = 'waiting') <
       (SELECT min(scheduled_for) FROM warden.schedule_runs WHERE job = 'queued' AND status = 'skipped') AS first_waits;
SELECT waiting_for FROM warden.schedule_jobs WHERE name = 'queued';
SELECT warden.schedule_run('queued');
\echo :LAST_ERROR_SQLSTATE
-- no more slots; what is queued runs when the other is cancelled by the server's own function
SELECT warden.schedule_add('queued', '@yearly', 'INSERT INTO outcomes.done DEFAULT VALUES', overlap => 'queue') = :id AS same_id;
SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'queued';
CALL wait_for($$NOT EXISTS (SELECT FROM warden.schedule_runs WHERE job = 'queued' AND ended IS NULL)$$);
SELECT status, count(*) > 0 AS runs FROM warden.schedule_runs WHERE job = 'queued' AND status <> 'missed' GROUP BY 1 ORDER BY 1;
SELECT count(*), count(DISTINCT slot) AS slots FROM done WHERE job = 'queued';
-- cancelled: what runs and what waits
SELECT warden.schedule_add('queued', '1 second', 'SELECT pg_sleep(600)', overlap => 'queue') = :id AS same_id;
CALL wait_for($$(SELECT count(*) = 1 FROM warden.schedule_runs WHERE job = 'queued' AND status = 'waiting')
             AND (SELECT count(*) = 1 FROM warden.schedule_runs WHERE job = 'queued' AND status = 'running')$$);
BEGIN;
SELECT warden.schedule_pause('queued');
SELECT warden.schedule_cancel('queued');
COMMIT;
CALL wait_for($$NOT EXISTS (SELECT FROM warden.schedule_runs WHERE job = 'queued' AND ended IS NULL)$$);
SELECT status, attempts FROM warden.schedule_runs WHERE job = 'queued' AND status IN ('canceled', 'succeeded') ORDER BY run DESC LIMIT 2;
SELECT warden.schedule_remove('queued');
-- a window is for slots: who runs it by hand has his reasons
SELECT warden.schedule_add('windowed', '@hourly', 'INSERT INTO outcomes.done DEFAULT VALUES',
    start_window => to_char(now() + interval '11 hours', 'HH24:00') || '-' || to_char(now() + interval '12 hours', 'HH24:00')) > 0
    AS added;
SELECT next_run > now() + interval '9 hours' AS later FROM warden.schedule_jobs WHERE name = 'windowed';
CALL run('windowed');
SELECT status, attempts FROM warden.schedule_runs WHERE job = 'windowed';
SELECT warden.schedule_remove('windowed');
-- every slot has its row, once
SELECT job, count(*) - count(DISTINCT scheduled_for) AS twice FROM warden.schedule_runs WHERE job IN ('slow', 'queued')
GROUP BY 1 ORDER BY 1;
DROP SCHEMA outcomes CASCADE;
