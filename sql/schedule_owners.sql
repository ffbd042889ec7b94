-- Owners that change their name, may not log in or connect any more, or are gone.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE ROLE regress_warden_one LOGIN;
CREATE ROLE regress_warden_two LOGIN;
CREATE ROLE regress_warden_three LOGIN;
CREATE SCHEMA owners;
GRANT USAGE ON SCHEMA owners TO PUBLIC;
SET search_path = owners;
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
CREATE TABLE done (job text DEFAULT current_setting('warden.job_name'), session text DEFAULT session_user,
                   who text DEFAULT current_user);
GRANT INSERT ON done TO PUBLIC;
SELECT coalesce(max(run), 0) AS first FROM warden.schedule_runs \gset
CREATE VIEW last AS
SELECT DISTINCT ON (job) job, status, attempts, sqlstate, message, owner
FROM warden.schedule_runs WHERE job IN ('one', 'two', 'three') AND run > :first ORDER BY job, run DESC;
GRANT EXECUTE ON FUNCTION warden.schedule_add TO regress_warden_one, regress_warden_two, regress_warden_three;
SET ROLE regress_warden_one;
SELECT warden.schedule_add('one', '@yearly', 'INSERT INTO owners.done DEFAULT VALUES') > 0 AS added;
SET ROLE regress_warden_two;
SELECT warden.schedule_add('two', '@yearly', 'INSERT INTO owners.done DEFAULT VALUES') > 0 AS added;
SET ROLE regress_warden_three;
SELECT warden.schedule_add('three', '@yearly', 'INSERT INTO owners.done DEFAULT VALUES', max_retries => 1) > 0 AS added;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION warden.schedule_add FROM regress_warden_one, regress_warden_two, regress_warden_three;
CALL run('one');
SELECT * FROM last;
SELECT * FROM done;

-- a new name: nothing changes
ALTER ROLE regress_warden_one RENAME TO "regress_warden New ""one""";
CALL run('one');
SELECT * FROM last;
SELECT name, owner, command FROM warden.schedule_jobs WHERE name = 'one';
SELECT * FROM done;
ALTER ROLE "regress_warden New ""one""" RENAME TO regress_warden_one;
TRUNCATE done;

-- may not log in
ALTER ROLE regress_warden_one NOLOGIN;
SELECT waiting_for FROM warden.schedule_jobs WHERE name = 'one';
CALL run('one');
SELECT * FROM last;
SELECT last_status, consecutive_failures, waiting_for FROM warden.schedule_jobs WHERE name = 'one';
ALTER ROLE regress_warden_one LOGIN;
SELECT waiting_for FROM warden.schedule_jobs WHERE name = 'one';
CALL run('one');
SELECT last_status, consecutive_failures FROM warden.schedule_jobs WHERE name = 'one';
-- a password that is not valid any more is no concern of a job: none is asked for
ALTER ROLE regress_warden_one VALID UNTIL '2001-01-01';
CALL run('one');
SELECT * FROM last WHERE job = 'one';

-- may not connect
REVOKE CONNECT ON DATABASE contrib_regression FROM PUBLIC;
GRANT CONNECT ON DATABASE contrib_regression TO regress_warden_two;
SELECT name, waiting_for FROM warden.schedule_jobs WHERE name IN ('one', 'two') ORDER BY name;
CALL run('one');
CALL run('two');
SELECT * FROM last;
GRANT CONNECT ON DATABASE contrib_regression TO PUBLIC;
REVOKE CONNECT ON DATABASE contrib_regression FROM regress_warden_two;
CALL run('one');
SELECT * FROM last WHERE job = 'one';

-- is gone: a job does not keep its role; the others go on
DROP ROLE regress_warden_three;
SELECT owner, waiting_for, command FROM warden.schedule_jobs WHERE name = 'three';
CALL run('three');
CALL run('two');
SELECT job, status, attempts, sqlstate, regexp_replace(message, '\d+', 'N') AS message FROM last WHERE job <> 'one';
SELECT owner LIKE 'unknown (OID=%)' AS unknown FROM last WHERE job = 'three';
-- a role of that name is another
CREATE ROLE regress_warden_three LOGIN;
CALL run('three');
SELECT job, status, sqlstate FROM last WHERE job = 'three';
SET ROLE regress_warden_three;
SELECT command FROM warden.schedule_jobs WHERE name = 'three';
SELECT * FROM warden.schedule_runs;
RESET ROLE;
-- a superuser can take such a job over
SELECT warden.schedule_add('three', '@yearly', 'INSERT INTO owners.done DEFAULT VALUES') > 0 AS added;
SELECT owner = current_user AS mine, waiting_for FROM warden.schedule_jobs WHERE name = 'three';
TRUNCATE done;
CALL run('three');
SELECT job, session = current_user AS session, who = current_user AS who FROM done;
-- a job is no hindrance to dropping its owner
REASSIGN OWNED BY regress_warden_two TO regress_warden_one;
DROP OWNED BY regress_warden_two;
DROP ROLE regress_warden_two;
SELECT warden.schedule_pause('two');
SELECT waiting_for FROM warden.schedule_jobs WHERE name = 'two';
SELECT warden.schedule_remove('two');
SELECT warden.schedule_remove('one');
SELECT warden.schedule_remove('three');
DROP SCHEMA owners CASCADE;
DROP ROLE regress_warden_one, regress_warden_three;
