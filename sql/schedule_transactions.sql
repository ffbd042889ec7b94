-- What schedules is part of its transaction; and transactions of all kinds in what is scheduled.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE SCHEMA transactions;
SET search_path = transactions;
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
-- runs a command as a job, to the end, and tells how it ended
CREATE PROCEDURE try(command text, retries int DEFAULT 0) LANGUAGE plpgsql AS $$
DECLARE id bigint; result record;
BEGIN
    PERFORM warden.schedule_add('try', '@yearly', command, max_retries => retries, retry_delay => '50 ms');
    id := warden.schedule_run('try');
    COMMIT;
    CALL transactions.wait_for(format('EXISTS (SELECT FROM warden.schedule_runs WHERE run = %s AND ended IS NOT NULL)
                                       AND NOT EXISTS (SELECT FROM warden.schedule_processes() WHERE run = %1$s)', id));
    SELECT * INTO result FROM warden.schedule_runs WHERE run = id;
    RAISE WARNING '%', concat_ws(' ', result.status, result.sqlstate, quote_literal(result.message),
                                 nullif(result.attempts, 1) || ' attempts');
END $$;
\set VERBOSITY terse
CREATE TABLE t (n int, isolation text DEFAULT current_setting('transaction_isolation'));

-- undone: as if it had never been
BEGIN;
SELECT warden.schedule_add('undone', '1 second', 'INSERT INTO transactions.t VALUES (1)') > 0 AS added;
SELECT name, next_run > now() AS next_run FROM warden.schedule_jobs WHERE name = 'undone';
SELECT warden.schedule_run('undone') > 0 AS run;
SELECT status, attempts FROM warden.schedule_runs WHERE job = 'undone';
SELECT warden.schedule_run('undone'); -- it waits already
ROLLBACK;
SELECT count(*) FROM warden.schedule_jobs WHERE name = 'undone';
SELECT count(*) FROM warden.schedule_runs WHERE job = 'undone';
SELECT warden.schedule_remove('undone');
SELECT warden.schedule_add('kept', '@yearly', 'INSERT INTO transactions.t VALUES (2)') AS id \gset
BEGIN;
SELECT warden.schedule_remove('kept');
SELECT count(*) FROM warden.schedule_jobs WHERE name = 'kept';
SELECT warden.schedule_add('kept', '@daily', 'SELECT 1') <> :id AS other_id;
ROLLBACK;
SELECT id = :id AS id, schedule FROM warden.schedule_jobs WHERE name = 'kept';
BEGIN;
SELECT warden.schedule_pause('kept');
SAVEPOINT s;
SELECT warden.schedule_resume('kept');
SELECT warden.schedule_add('kept', '@monthly', 'SELECT 1') = :id AS same_id;
SELECT paused, schedule FROM warden.schedule_jobs WHERE name = 'kept';
ROLLBACK TO s;
SELECT paused, schedule FROM warden.schedule_jobs WHERE name = 'kept';
SELECT warden.schedule_run('missing');
ROLLBACK TO s;
SELECT warden.schedule_run('kept') AS run \gset
RELEASE s;
COMMIT;
CALL wait_for(format('EXISTS (SELECT FROM warden.schedule_runs WHERE run = %s AND ended IS NOT NULL)', :run));
SELECT n FROM t;
SELECT paused FROM warden.schedule_jobs WHERE name = 'kept';
-- a run that is undone by its savepoint
SELECT warden.schedule_resume('kept');
BEGIN;
SAVEPOINT s;
SELECT warden.schedule_run('kept') > 0 AS run;
ROLLBACK TO s;
COMMIT;
BEGIN;
SELECT warden.schedule_run('kept') > 0 AS run;
SELECT warden.schedule_cancel('kept'); -- before it could start
SELECT status, attempts, started FROM warden.schedule_runs WHERE job = 'kept' ORDER BY run DESC LIMIT 1;
COMMIT;
SELECT pg_sleep(0.5);
SELECT n FROM t;
-- added, run and removed in one transaction: the removal wins
BEGIN;
SELECT warden.schedule_run('kept') AS run \gset
SELECT warden.schedule_remove('kept');
COMMIT;
CALL wait_for(format('NOT EXISTS (SELECT FROM warden.schedule_runs WHERE run = %s AND ended IS NULL)', :run));
SELECT count(*) AS runs_of_the_removed FROM t;
-- in a function that catches its error
DO $$ BEGIN
    PERFORM warden.schedule_add('caught', '@yearly', 'SELECT 1');
    BEGIN
        PERFORM warden.schedule_add('caught', '61 * * * *', 'SELECT 1');
    EXCEPTION WHEN invalid_parameter_value THEN RAISE WARNING '%', sqlerrm;
    END;
END $$;
SELECT name, schedule FROM warden.schedule_jobs WHERE name = 'caught';
-- a transaction of another kind
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT warden.schedule_pause('caught');
SELECT warden.schedule_resume('caught');
SELECT warden.schedule_add('caught', '@daily', 'SELECT 1') > 0 AS added;
SELECT warden.schedule_run('caught') > 0 AS run;
COMMIT;
CALL wait_for($$(SELECT last_status = 'succeeded' FROM warden.schedule_jobs WHERE name = 'caught')$$);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT warden.schedule_remove('caught');
COMMIT;
-- read-only: nothing is changed there, everything can be read
BEGIN READ ONLY;
SELECT count(*) FROM warden.schedule_jobs WHERE name = 'maintain';
SELECT count(*) >= 0 FROM warden.schedule_runs;
\set VERBOSITY sqlstate
SELECT warden.schedule_add('never', '@daily', 'SELECT 1');
ROLLBACK;
BEGIN READ ONLY;
SELECT warden.schedule_run('maintain');
ROLLBACK;
BEGIN READ ONLY;
SELECT warden.schedule_pause('maintain');
ROLLBACK;
\set VERBOSITY terse

-- in the command: transactions of all kinds
TRUNCATE t;
CALL try('BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO transactions.t VALUES (1); COMMIT');
CALL try('BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO transactions.t VALUES (2); COMMIT; INSERT INTO transactions.t VALUES (3)');
CALL try('SET default_transaction_isolation = serializable; INSERT INTO transactions.t VALUES (4); INSERT INTO transactions.t VALUES (5)');
CALL try('SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ; INSERT INTO transactions.t VALUES (6)');
CALL try('BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; INSERT INTO transactions.t VALUES (7); END');
SELECT * FROM t ORDER BY n;
-- read-only
CALL try('BEGIN READ ONLY; SELECT 1; COMMIT; INSERT INTO transactions.t VALUES (10)');
CALL try('BEGIN READ ONLY; INSERT INTO transactions.t VALUES (11); COMMIT');
CALL try('SET default_transaction_read_only = on; SELECT 1');
CALL try('SET default_transaction_read_only = on; BEGIN READ WRITE; INSERT INTO transactions.t VALUES (12); COMMIT; SELECT 1');
CALL try('SET default_transaction_read_only = on; INSERT INTO transactions.t VALUES (13)');
CALL try('BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; SELECT 1; COMMIT');
CALL try('BEGIN; SET TRANSACTION READ ONLY; SELECT 1; COMMIT');
CALL try('SET transaction_read_only = on; SELECT 1');
CALL try('SET default_transaction_read_only = on; SET default_transaction_isolation = serializable;
          SET default_transaction_deferrable = on; SELECT 1');
SELECT array_agg(n ORDER BY n) FROM t WHERE n >= 10;

-- what fails only when the transaction commits
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
CALL try('INSERT INTO transactions.child VALUES (1)');
CALL try('BEGIN; INSERT INTO transactions.child VALUES (1); INSERT INTO transactions.parent VALUES (1); COMMIT');
CALL try('BEGIN; INSERT INTO transactions.child VALUES (2); COMMIT; INSERT INTO transactions.t VALUES (20)');
CALL try('INSERT INTO transactions.t VALUES (21); INSERT INTO transactions.child VALUES (3); INSERT INTO transactions.t VALUES (22)');
CALL try('INSERT INTO transactions.child VALUES (4)', retries => 1);
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO transactions.t VALUES (23); COMMIT; INSERT INTO transactions.child VALUES (5); COMMIT; END $$;
CALL try('CALL transactions.commits()');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today' USING ERRCODE = 'P4711'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON parent DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
CALL try('INSERT INTO transactions.parent VALUES (9)');
SELECT array_agg(n ORDER BY n) FROM t WHERE n >= 20;
SELECT * FROM child;
SELECT * FROM parent;
SELECT last_status, consecutive_failures > 0 AS failures FROM warden.schedule_jobs WHERE name = 'try';
-- an error that is tried again: each time from the start
CREATE SEQUENCE tries;
CALL try('INSERT INTO transactions.t VALUES (30); SELECT 1 / (nextval(''transactions.tries'') / 2)', retries => 3);
SELECT count(*) FROM t WHERE n = 30;

-- savepoints, many of them, and subtransactions in functions
CALL try('DO $do$ BEGIN FOR i IN 1..200 LOOP BEGIN INSERT INTO transactions.t VALUES (40); RAISE ''no''; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $do$');
CALL try('BEGIN; SAVEPOINT a; SAVEPOINT b; INSERT INTO transactions.t VALUES (41); ROLLBACK TO a; SAVEPOINT c; COMMIT');
CALL try('BEGIN; SAVEPOINT a; SELECT 1/0; ROLLBACK TO a; INSERT INTO transactions.t VALUES (42); COMMIT'); -- an error ends it
SELECT array_agg(n ORDER BY n) FROM t WHERE n >= 40;

-- row-level security that hides everything, for the command, is none for the scheduler
CREATE ROLE regress_warden_alice LOGIN;
GRANT EXECUTE ON FUNCTION warden.schedule_add TO regress_warden_alice;
GRANT USAGE, CREATE ON SCHEMA transactions TO regress_warden_alice;
CREATE TABLE guarded (who text);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON guarded USING (who = current_user);
GRANT ALL ON guarded TO regress_warden_alice;
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('alice', '@yearly', $$INSERT INTO transactions.guarded VALUES (current_user);
    SET row_security = off; INSERT INTO transactions.guarded VALUES ('another')$$) > 0 AS added;
RESET ROLE;
SELECT warden.schedule_run('alice') > 0 AS run;
CALL wait_for($$(SELECT last_status IS NOT NULL FROM warden.schedule_jobs WHERE name = 'alice')$$);
SELECT status, sqlstate, message FROM warden.schedule_runs WHERE job = 'alice';
SELECT * FROM guarded;
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('alice', '@yearly', 'SET row_security = off; SET session_replication_role = origin') > 0 AS added;
RESET ROLE;
SELECT warden.schedule_run('alice') > 0 AS run;
CALL wait_for($$(SELECT count(*) = 2 FROM warden.schedule_runs WHERE job = 'alice' AND ended IS NOT NULL)$$);
SELECT status, sqlstate, message FROM warden.schedule_runs WHERE job = 'alice' ORDER BY run DESC LIMIT 1;
-- row_security = off of the role, and of who looks and schedules
ALTER ROLE regress_warden_alice SET row_security = off;
SET ROLE regress_warden_alice;
SELECT warden.schedule_add('alice', '@yearly', 'SELECT 1') > 0 AS added;
RESET ROLE;
SELECT warden.schedule_run('alice') AS run \gset
CALL wait_for(format('EXISTS (SELECT FROM warden.schedule_runs WHERE run = %s AND ended IS NOT NULL)', :run));
SELECT status, sqlstate, message FROM warden.schedule_runs WHERE job = 'alice' ORDER BY run DESC LIMIT 1;
GRANT EXECUTE ON FUNCTION warden.schedule_run, warden.schedule_pause, warden.schedule_resume, warden.schedule_cancel, warden.schedule_remove
    TO regress_warden_alice;
SET ROLE regress_warden_alice;
SET row_security = off;
SELECT warden.schedule_pause('alice');
SELECT warden.schedule_resume('alice');
SELECT warden.schedule_run('alice') > 0 AS run;
SELECT warden.schedule_cancel('alice') IS NOT NULL AS cancel;
SELECT warden.schedule_remove('alice');
RESET row_security;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION warden.schedule_add, warden.schedule_run, warden.schedule_pause, warden.schedule_resume, warden.schedule_cancel,
    warden.schedule_remove FROM regress_warden_alice;
SELECT warden.schedule_remove('try');
DROP SCHEMA transactions CASCADE;
DROP ROLE regress_warden_alice;
