-- The session a command runs in: whose it is, which settings are in force, what it finds by its search_path, what it leaves.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE ROLE regress_warden_alice LOGIN;
CREATE ROLE regress_warden_group;
GRANT regress_warden_group TO regress_warden_alice;
CREATE SCHEMA session;
GRANT ALL ON SCHEMA session TO PUBLIC;
GRANT EXECUTE ON FUNCTION warden.schedule_add, warden.schedule_run TO regress_warden_alice;
SET search_path = session;
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
CREATE TABLE seen (n serial, what text, value text);
GRANT INSERT ON seen TO PUBLIC;
GRANT USAGE ON seen_n_seq TO PUBLIC;
CREATE PROCEDURE look(VARIADIC expressions text[]) LANGUAGE plpgsql AS $$
DECLARE what text; value text;
BEGIN
    FOREACH what IN ARRAY expressions LOOP
        BEGIN
            EXECUTE 'SELECT ' || what INTO value;
        EXCEPTION WHEN OTHERS THEN value := sqlstate || ': ' || sqlerrm;
        END;
        INSERT INTO session.seen (what, value) VALUES (what, value);
    END LOOP;
END $$;

-- whose: the owner's, from the start; there is nobody else to become
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', $$CALL session.look('session_user', 'current_user', 
    'current_setting(''is_superuser'')', 'current_setting(''session_authorization'')', 'current_setting(''role'')',
    'current_setting(''warden.job_name'')', 'current_setting(''warden.job_scheduled_for'')::timestamptz IS NOT NULL',
    'current_setting(''application_name'')', 'current_database()', 'inet_client_addr()', 'pg_backend_pid() > 0',
    'current_setting(''transaction_isolation'')', 'current_setting(''transaction_read_only'')', 'pg_is_in_recovery()',
    'current_setting(''search_path'')', 'current_setting(''client_encoding'') = current_setting(''server_encoding'')',
    'current_setting(''lock_timeout'')', 'current_setting(''statement_timeout'')', 'now() = statement_timestamp()')$$) > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT what, value FROM seen ORDER BY n;
TRUNCATE seen;
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', $$RESET SESSION AUTHORIZATION; RESET ROLE; SET SESSION AUTHORIZATION DEFAULT;
    CALL session.look('session_user', 'current_user');
    SET ROLE regress_warden_group; CALL session.look('session_user', 'current_user');
    SET SESSION AUTHORIZATION postgres; CALL session.look('session_user', 'current_user')$$) > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT what, value FROM seen ORDER BY n;
SELECT status, sqlstate, message FROM warden.schedule_runs WHERE job = 'session' ORDER BY run DESC LIMIT 1;
TRUNCATE seen;
-- as pg_stat_activity shows it
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', $$INSERT INTO session.seen (what, value)
    SELECT k.key, k.value FROM pg_stat_activity a, LATERAL jsonb_each_text(to_jsonb(a)) k
    WHERE pid = pg_backend_pid() AND key IN ('usename', 'datname', 'application_name', 'backend_type', 'state', 'client_port', 'leader_pid')
    ORDER BY key;
    INSERT INTO session.seen (what, value) SELECT 'query', query FROM pg_stat_activity WHERE pid = pg_backend_pid()$$) > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT what, regexp_replace(value, '\s+', ' ', 'g') AS value FROM seen ORDER BY n;
TRUNCATE seen;

-- the settings of the role, of the database, and of the role in the database
ALTER ROLE regress_warden_alice SET work_mem = '1234kB';
ALTER DATABASE contrib_regression SET maintenance_work_mem = '2345kB';
ALTER ROLE regress_warden_alice IN DATABASE contrib_regression SET search_path = 'session', 'public';
ALTER DATABASE contrib_regression SET custom.of_the_database = 'here';
ALTER ROLE regress_warden_alice SET application_name = 'another';
ALTER ROLE regress_warden_alice SET warden.job_name = 'another';
ALTER ROLE regress_warden_alice SET statement_timeout = '1h';
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', $$CALL look('current_setting(''work_mem'')',
    'current_setting(''maintenance_work_mem'')', 'current_setting(''search_path'')', 'current_setting(''custom.of_the_database'')',
    'current_setting(''statement_timeout'')', 'current_setting(''warden.job_name'')')$$) > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT what, value FROM seen ORDER BY n;
TRUNCATE seen;
ALTER ROLE regress_warden_alice SET statement_timeout = '150ms';
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', 'SELECT pg_sleep(0.1); SELECT pg_sleep(0.1); SELECT pg_sleep(60)') > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT status, sqlstate, message FROM warden.schedule_runs WHERE job = 'session' ORDER BY run DESC LIMIT 1;
ALTER ROLE regress_warden_alice RESET ALL;
-- a time limit that the command sets itself, for each of its statements
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', 'SET statement_timeout = ''200ms''; SELECT pg_sleep(0.12); SELECT pg_sleep(0.12); SELECT pg_sleep(60)') > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT status, sqlstate, message FROM warden.schedule_runs WHERE job = 'session' ORDER BY run DESC LIMIT 1;
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', 'SET idle_in_transaction_session_timeout = 10; BEGIN; SELECT pg_sleep(0.1); COMMIT') > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT status, sqlstate FROM warden.schedule_runs WHERE job = 'session' ORDER BY run DESC LIMIT 1;
-- a setting of the role that cannot be in force does not stop its jobs, nor anybody else's
ALTER ROLE regress_warden_alice SET search_path = 'missing', '$user';
ALTER ROLE regress_warden_alice SET session_preload_libraries = '';
ALTER ROLE regress_warden_alice SET default_tablespace = 'missing';
ALTER ROLE regress_warden_alice SET default_transaction_read_only = on;
ALTER ROLE regress_warden_alice SET role = 'regress_warden_group';
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', $$SET default_transaction_read_only = off; CALL session.look('current_user', 'session_user')$$) > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT what, value FROM seen ORDER BY n;
SELECT status, sqlstate, message FROM warden.schedule_runs WHERE job = 'session' ORDER BY run DESC LIMIT 1;
TRUNCATE seen;
-- read-only by the role's own wish: the command fails where it writes, and what is ours is written all the same
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', $$SELECT 1; INSERT INTO session.seen (what) VALUES ('never')$$) > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT status, sqlstate, message FROM warden.schedule_runs WHERE job = 'session' ORDER BY run DESC LIMIT 1;
ALTER ROLE regress_warden_alice RESET ALL;
ALTER ROLE regress_warden_alice IN DATABASE contrib_regression RESET ALL;
ALTER DATABASE contrib_regression RESET maintenance_work_mem;
ALTER DATABASE contrib_regression RESET custom.of_the_database;

-- names that hide the server's and ours
SET ROLE regress_warden_alice;
CREATE FUNCTION caught() RETURNS void LANGUAGE plpgsql AS $$
BEGIN INSERT INTO session.seen (what, value) VALUES ('caught', current_user); END $$;
CREATE FUNCTION now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM session.caught(); RETURN NULL; END $$;
CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM session.caught(); RETURN NULL; END $$;
CREATE FUNCTION pg_has_role(oid, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM session.caught(); RETURN true; END $$;
CREATE FUNCTION current_database() RETURNS name LANGUAGE plpgsql AS $$ BEGIN PERFORM session.caught(); RETURN ''; END $$;
CREATE FUNCTION current_setting(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM session.caught(); RETURN ''; END $$;
CREATE FUNCTION equal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM session.caught(); RETURN true; END $$;
CREATE FUNCTION equal(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM session.caught(); RETURN true; END $$;
CREATE FUNCTION equal(bigint, int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM session.caught(); RETURN true; END $$;
CREATE OPERATOR = (FUNCTION = equal, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR = (FUNCTION = equal, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR = (FUNCTION = equal, LEFTARG = bigint, RIGHTARG = int);
CREATE TEMPORARY TABLE schedule_slots (n int);
CREATE VIEW pg_roles AS SELECT 1 AS none;
SELECT warden.schedule_add('session', '@yearly', $$SET search_path = session, pg_catalog; CREATE TEMPORARY TABLE pg_class (n int);
    CREATE TEMPORARY TABLE schedule_slots (n int); CREATE TEMPORARY TABLE schedule_states (n int);
    INSERT INTO session.seen (what, value) VALUES ('reached', current_user)$$) > 0 AS added;
RESET ROLE;
SET search_path = session, pg_catalog, pg_temp;
SELECT warden.schedule_add('hostile', '@yearly', 'SELECT 1') > 0 AS added;
SELECT warden.schedule_pause('hostile');
SELECT warden.schedule_resume('hostile');
SELECT warden.schedule_cancel('hostile');
SELECT warden.schedule_run('hostile') > 0 AS run;
SELECT name, paused FROM warden.schedule_jobs WHERE name OPERATOR(pg_catalog.=) 'hostile';
SELECT count(*) FROM warden.schedule_runs WHERE job OPERATOR(pg_catalog.=) 'nobody';
CALL session.wait_for($$(SELECT last_status IS NOT NULL FROM warden.schedule_jobs WHERE name OPERATOR(pg_catalog.=) 'hostile')$$);
SELECT warden.schedule_resume_restored();
SELECT warden.schedule_remove('hostile');
SELECT warden.schedule_remove('hostile');
SET search_path = session;
SELECT what, value FROM seen ORDER BY n;
SET search_path = pg_catalog; -- where our own helpers are not led astray
CREATE PROCEDURE session.run_plain() LANGUAGE plpgsql AS $$
DECLARE id bigint := warden.schedule_run('session');
BEGIN
    COMMIT;
    CALL session.wait_for(format('EXISTS (SELECT FROM warden.schedule_runs WHERE run = %s AND ended IS NOT NULL)', id));
END $$;
CALL session.run_plain();
SELECT what, value FROM session.seen ORDER BY n;
SELECT status, sqlstate, message FROM warden.schedule_runs WHERE job = 'session' ORDER BY run DESC LIMIT 1;
TRUNCATE session.seen;
DROP FUNCTION session.caught, session.now, session.clock_timestamp, session.pg_has_role, session.current_database,
    session.current_setting(text);
DROP OPERATOR session.= (text, text), session.= (bigint, bigint), session.= (bigint, int);

-- nothing is left for the next run: settings, temporary tables, prepared statements, locks
SET search_path = session;
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', $$SET work_mem = '77kB'; SET search_path = nowhere;
    SET application_name = 'changed'; SET ROLE regress_warden_group; CREATE TEMPORARY TABLE left_there (n int);
    PREPARE left_there AS SELECT 1;
    SELECT pg_advisory_lock(4711); DECLARE left_open CURSOR WITH HOLD FOR SELECT 1$$) > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT status, sqlstate, message FROM warden.schedule_runs WHERE job = 'session' ORDER BY run DESC LIMIT 1;
CALL wait_for('NOT EXISTS (SELECT FROM pg_locks WHERE locktype = ''advisory'' AND objid = 4711)');
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', $$CALL session.look('current_setting(''work_mem'') <> ''77kB''',
    'current_setting(''search_path'')', 'current_user', 'to_regclass(''pg_temp.left_there'')', '(SELECT count(*) FROM pg_prepared_statements)',
    'current_setting(''warden.job_name'')', 'current_setting(''application_name'')', '(SELECT count(*) FROM pg_cursors WHERE name = ''left_open'')');
    DISCARD ALL; CALL session.look('current_setting(''warden.job_name'')', 'current_user')$$) > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT what, value FROM seen ORDER BY n;
-- which slot it is cannot be changed
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('session', '@yearly', 'SET warden.job_name = ''changed''') > 0 AS added;
RESET ROLE;
CALL run('session');
SELECT status, sqlstate, message FROM warden.schedule_runs WHERE job = 'session' ORDER BY run DESC LIMIT 1;
-- and there is none in other sessions
SHOW warden.job_name;
SELECT current_setting('warden.job_name', true), current_setting('warden.job_scheduled_for', true);

SELECT warden.schedule_remove('session');
REVOKE EXECUTE ON FUNCTION warden.schedule_add, warden.schedule_run FROM regress_warden_alice;
DROP TABLE pg_temp.schedule_slots; -- or the role might still own it in the next session
\c -
CALL session.wait_for('NOT EXISTS (SELECT FROM warden.schedule_processes())'); -- a process takes its temporary tables with it
SET client_min_messages = warning;
DROP SCHEMA session CASCADE;
DROP ROLE regress_warden_alice, regress_warden_group;
