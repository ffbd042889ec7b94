-- Who may schedule, who may change what, and who sees what.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE ROLE regress_warden_owner LOGIN;
CREATE ROLE regress_warden_member LOGIN IN ROLE regress_warden_owner;
CREATE ROLE regress_warden_noinherit NOINHERIT LOGIN IN ROLE regress_warden_owner;
CREATE ROLE regress_warden_stranger LOGIN;
CREATE ROLE regress_warden_monitor LOGIN IN ROLE pg_monitor;
CREATE ROLE regress_warden_stats LOGIN IN ROLE pg_read_all_stats;
CREATE ROLE regress_warden_killer LOGIN IN ROLE pg_signal_backend;
CREATE ROLE regress_warden_nologin;
CREATE SCHEMA rights;
GRANT ALL ON SCHEMA rights TO PUBLIC;
SET search_path = rights;
CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint; advice text; details text;
BEGIN
    EXECUTE command; GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n || ' rows';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS details = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
    RETURN concat_ws(' / ', sqlstate || ': ' || sqlerrm, nullif(details, ''), nullif(advice, ''));
END $$;
CREATE FUNCTION as_each(command text, undo boolean DEFAULT true) RETURNS TABLE (who text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH who IN ARRAY ARRAY['stranger', 'monitor', 'stats', 'killer', 'noinherit', 'member', 'owner'] LOOP
        BEGIN
            EXECUTE 'SET LOCAL ROLE regress_warden_' || who;
            outcome := rights.attempt(command);
            RESET ROLE;
            IF undo THEN RAISE SQLSTATE 'ZZ000'; END IF;
        EXCEPTION WHEN SQLSTATE 'ZZ000' THEN NULL;
        END;
        RETURN NEXT;
    END LOOP;
END $$;

-- nobody may by himself
SELECT warden.schedule_add('secret', '@yearly', 'SELECT ''of a superuser''') AS super_id \gset
SELECT * FROM as_each($$SELECT warden.schedule_add('mine', '@yearly', 'SELECT 1')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_remove('secret')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_pause('secret')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_resume('secret')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_run('secret')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_cancel('secret')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_resume_restored()$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_import_pg_cron(true)$$);
SELECT p.oid::regprocedure
FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'warden'::regnamespace AND p.proname LIKE 'schedule%' AND a.grantee = 0
ORDER BY p.proname;

-- with EXECUTE: as himself, and what he has the rights for
GRANT EXECUTE ON FUNCTION warden.schedule_add, warden.schedule_remove, warden.schedule_pause, warden.schedule_resume,
    warden.schedule_run, warden.schedule_cancel, warden.schedule_resume_restored, warden.schedule_import_pg_cron TO PUBLIC;
SET ROLE regress_warden_owner;
SELECT warden.schedule_add('owned', '@yearly', 'SELECT ''mine''; DO $$BEGIN RAISE ''with a secret''; END$$') AS id \gset
RESET ROLE;
SELECT name, owner FROM warden.schedule_jobs WHERE id = :id;
SELECT * FROM as_each($$SELECT warden.schedule_pause('owned')$$);
SELECT * FROM as_each($$SELECT warden.schedule_resume('owned')$$);
SELECT * FROM as_each($$SELECT warden.schedule_run('owned')$$);
SELECT * FROM as_each($$SELECT warden.schedule_cancel('owned')$$);
SELECT * FROM as_each($$SELECT warden.schedule_remove('owned')$$);
SELECT * FROM as_each($$SELECT warden.schedule_add('owned', '@daily', 'SELECT 2')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_pause('secret')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_resume('secret')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_run('secret')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_cancel('secret')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_remove('secret')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_add('secret', '@daily', 'SELECT 2')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_pause('maintain')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_add('maintain', '@daily', 'SELECT 2')$$);
SELECT DISTINCT outcome FROM as_each($$SELECT warden.schedule_run('maintain')$$);
-- nobody who could not log in or connect
SET ROLE regress_warden_nologin;
SELECT attempt($$SELECT warden.schedule_add('never', '@daily', 'SELECT 2')$$);
RESET ROLE;
REVOKE CONNECT ON DATABASE contrib_regression FROM PUBLIC;
SET ROLE regress_warden_stranger;
SELECT attempt($$SELECT warden.schedule_add('never', '@daily', 'SELECT 2')$$);
RESET ROLE;
GRANT CONNECT ON DATABASE contrib_regression TO PUBLIC;
-- a definer's function schedules as the definer
CREATE FUNCTION by_definer(name text) RETURNS bigint SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog AS
$$ SELECT warden.schedule_add(name, '@yearly', 'SELECT 1') $$;
ALTER FUNCTION by_definer OWNER TO regress_warden_owner;
SET ROLE regress_warden_stranger;
SELECT by_definer('defined') > 0 AS added;
SELECT owner FROM warden.schedule_jobs WHERE name = 'defined';
SELECT attempt($$SELECT warden.schedule_remove('defined')$$);
RESET ROLE;
SELECT warden.schedule_remove('defined');

-- who changes the job of a role whose rights he has does not take it away from it
SET ROLE regress_warden_member;
SELECT warden.schedule_add('owned', '@yearly', 'SELECT ''of the member''; DO $$BEGIN RAISE ''with a secret''; END$$') = :id
    AS same_id;
RESET ROLE;
SELECT name, owner FROM warden.schedule_jobs WHERE id = :id;
SELECT warden.schedule_remove('owned');

-- who sees what
SET ROLE regress_warden_owner;
SELECT warden.schedule_add('owned', '@yearly', 'SELECT ''mine''; DO $$BEGIN RAISE ''with a secret''; END$$') AS id \gset
SELECT warden.schedule_run('owned') AS run \gset
RESET ROLE;
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
CALL wait_for($$(SELECT last_status = 'failed' FROM warden.schedule_jobs WHERE name = 'owned')$$);
CREATE FUNCTION seen(query text) RETURNS TABLE (who text, saw text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH who IN ARRAY ARRAY['stranger', 'monitor', 'stats', 'killer', 'noinherit', 'member', 'owner'] LOOP
        EXECUTE 'SET LOCAL ROLE regress_warden_' || who;
        BEGIN
            EXECUTE format('SELECT string_agg(v::text, '' '') FROM (%s) v', query) INTO saw;
        EXCEPTION WHEN OTHERS THEN saw := sqlstate || ': ' || sqlerrm;
        END;
        RESET ROLE;
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM seen($$SELECT name, owner, command, last_status FROM warden.schedule_jobs WHERE name = 'owned'$$);
SELECT * FROM seen($$SELECT name, command FROM warden.schedule_jobs WHERE name IN ('secret', 'maintain') ORDER BY 1$$);
SELECT * FROM seen($$SELECT job, owner, status, sqlstate, message FROM warden.schedule_runs WHERE job = 'owned'$$);
SELECT * FROM seen($$SELECT name, message FROM warden.schedule_slots WHERE name = 'owned'
                     UNION ALL SELECT name, message FROM warden.schedule_log WHERE name = 'owned'$$);
-- nor by a function that looks at rows before the policy does
CREATE FUNCTION spy(t text) RETURNS boolean COST 0.0001 LANGUAGE plpgsql AS $$
BEGIN RAISE WARNING 'saw %', t; RETURN true; END $$;
SELECT * FROM seen($$SELECT message FROM warden.schedule_runs WHERE rights.spy(message) AND job = 'owned'$$);
-- DML: nobody, whatever he may call
SELECT DISTINCT outcome FROM as_each('UPDATE warden.schedule_definitions SET paused = true');
SELECT DISTINCT outcome FROM as_each('UPDATE warden.schedule_states SET next_run = now()');
SELECT DISTINCT outcome FROM as_each('UPDATE warden.schedule_slots SET status = ''waiting''');
SELECT DISTINCT outcome FROM as_each('UPDATE warden.schedule_log SET message = NULL');
SELECT DISTINCT outcome FROM as_each('DELETE FROM warden.schedule_definitions');
SELECT DISTINCT outcome FROM as_each('DELETE FROM warden.schedule_states');
SELECT DISTINCT outcome FROM as_each('DELETE FROM warden.schedule_slots');
SELECT DISTINCT outcome FROM as_each('DELETE FROM warden.schedule_log');
SELECT DISTINCT outcome FROM as_each('TRUNCATE warden.schedule_log');
SELECT DISTINCT outcome FROM as_each('INSERT INTO warden.schedule_states VALUES (77, 1, now())');
SELECT DISTINCT outcome FROM as_each('INSERT INTO warden.schedule_slots (job, name, owner, scheduled_for, status) VALUES (1, ''x'', 10, now(), ''waiting'')');
SELECT DISTINCT outcome FROM as_each('UPDATE warden.schedule_jobs SET paused = true');
SELECT DISTINCT outcome FROM as_each('UPDATE warden.schedule_runs SET status = ''waiting''');
SELECT DISTINCT outcome FROM as_each('SELECT nextval(''warden.schedule_ids'')');
SELECT DISTINCT outcome FROM as_each('SELECT nextval(''warden.schedule_run_ids'')');
SELECT DISTINCT outcome FROM as_each('SELECT FROM warden.schedule_definitions FOR UPDATE');
SELECT DISTINCT outcome FROM as_each('LOCK TABLE warden.schedule_slots IN ROW EXCLUSIVE MODE');
SELECT DISTINCT outcome FROM as_each('LOCK TABLE warden.schedule_log IN ACCESS EXCLUSIVE MODE');

REVOKE EXECUTE ON FUNCTION warden.schedule_add, warden.schedule_remove, warden.schedule_pause, warden.schedule_resume,
    warden.schedule_run, warden.schedule_cancel, warden.schedule_resume_restored, warden.schedule_import_pg_cron FROM PUBLIC;
SELECT warden.schedule_remove('owned');
SELECT warden.schedule_remove('secret');
DROP SCHEMA rights CASCADE;
DROP ROLE regress_warden_owner, regress_warden_member, regress_warden_noinherit, regress_warden_stranger,
    regress_warden_monitor, regress_warden_stats, regress_warden_killer, regress_warden_nologin;
