-- A slot that is in the log does not run again, as it would be due again when the clock was set back.
SET client_min_messages = warning;
SET intervalstyle = 'postgres';
CREATE SCHEMA again;
SET search_path = again;
CREATE TABLE done (slot timestamptz DEFAULT current_setting('warden.job_scheduled_for')::timestamptz);

BEGIN;
SELECT warden.schedule_add('again', '1 second', 'INSERT INTO again.done DEFAULT VALUES', missed => 'all') > 0 AS added;
INSERT INTO warden.schedule_log (run, job, name, owner, scheduled_for, status, slots, attempts, ended)
SELECT -n, id, name, 10, next_run + n * interval '1 second', 'succeeded', 1, 1, now()
FROM warden.schedule_jobs, generate_series(0, 2) n WHERE name = 'again';
COMMIT;

DO $$
BEGIN
    FOR i IN 1..600 LOOP
        IF (SELECT count(*) FROM again.done) >= 2 THEN RETURN; END IF;
        PERFORM pg_sleep(0.1);
    END LOOP;
    RAISE 'it did not run within a minute';
END $$;
SELECT count(*) AS again FROM done JOIN warden.schedule_log ON scheduled_for = slot WHERE run <= 0;
SELECT min(slot) - (SELECT max(scheduled_for) FROM warden.schedule_log WHERE run <= 0) AS first_after FROM done;

SELECT warden.schedule_remove('again');
DELETE FROM warden.schedule_log WHERE run <= 0;
DO $$
BEGIN
    FOR i IN 1..600 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM warden.schedule_processes());
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;
DROP SCHEMA again CASCADE;
