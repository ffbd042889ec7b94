-- What a command may be: all that a client may send.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE SCHEMA statements;
SET search_path = statements;
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
CREATE PROCEDURE try(command text) LANGUAGE plpgsql AS $$
DECLARE id bigint; result record;
BEGIN
    PERFORM warden.schedule_add('try', '@yearly', command);
    id := warden.schedule_run('try');
    COMMIT;
    CALL statements.wait_for(format('EXISTS (SELECT FROM warden.schedule_runs WHERE run = %s AND ended IS NOT NULL)', id));
    SELECT * INTO result FROM warden.schedule_runs WHERE run = id;
    RAISE WARNING '%', concat_ws(' ', result.status, result.sqlstate, quote_literal(result.message),
                                 'rows ' || result.rows, nullif(result.attempts, 1) || ' attempts');
END $$;
\set VERBOSITY terse
CREATE TABLE t (n int PRIMARY KEY, x xid8 DEFAULT pg_current_xact_id(), at timestamptz DEFAULT now());

-- several, each a transaction of its own
CALL try('INSERT INTO statements.t VALUES (1); INSERT INTO statements.t VALUES (2), (3)');
SELECT n, dense_rank() OVER (ORDER BY x) AS transaction, dense_rank() OVER (ORDER BY at) AS now FROM t ORDER BY n;
-- the error in the second one: the first one stays, the third one is not reached
CALL try('INSERT INTO statements.t VALUES (4); INSERT INTO statements.t VALUES (4); INSERT INTO statements.t VALUES (5)');
SELECT array_agg(n ORDER BY n) FROM t;
-- in a transaction
TRUNCATE t;
CALL try('BEGIN; INSERT INTO statements.t VALUES (1); INSERT INTO statements.t VALUES (2); COMMIT;
          INSERT INTO statements.t VALUES (3)');
SELECT n, dense_rank() OVER (ORDER BY x) AS transaction FROM t ORDER BY n;
CALL try('BEGIN; INSERT INTO statements.t VALUES (6); INSERT INTO statements.t VALUES (6); COMMIT;
          INSERT INTO statements.t VALUES (7)');
CALL try('BEGIN; INSERT INTO statements.t VALUES (6); ROLLBACK; INSERT INTO statements.t VALUES (8)');
CALL try('BEGIN; SAVEPOINT s; INSERT INTO statements.t VALUES (9); ROLLBACK TO s; INSERT INTO statements.t VALUES (10);
          RELEASE s; END');
CALL try('START TRANSACTION; INSERT INTO statements.t VALUES (11); COMMIT AND CHAIN; INSERT INTO statements.t VALUES (12);
          COMMIT');
CALL try('COMMIT'); -- a warning, as for a client
CALL try('ROLLBACK; INSERT INTO statements.t VALUES (13)');
SELECT array_agg(n ORDER BY n) FROM t;
-- left open: nothing of it stays
CALL try('INSERT INTO statements.t VALUES (20); BEGIN; INSERT INTO statements.t VALUES (21)');
CALL try('BEGIN');
CALL try('BEGIN; INSERT INTO statements.t VALUES (22); COMMIT AND CHAIN; INSERT INTO statements.t VALUES (23)');
SELECT array_agg(n ORDER BY n) FROM t WHERE n >= 20;
CALL try('BEGIN; INSERT INTO statements.t VALUES (24); PREPARE TRANSACTION ''regress_warden''');

-- what is no command, and what is not one
CALL try('');
CALL try(E' \n ;; -- nothing\n /* nothing */ ;');
CALL try('SELEC 1');
CALL try('INSERT INTO statements.t VALUES (30); SELEC 1'); -- nothing is run
CALL try('SELECT ''unfinished');
CALL try('SELECT 1; \d');
CALL try('SELECT * FROM statements.missing');
CALL try('SELECT $1');
CALL try('SELECT 1/0');
SELECT count(*) FROM t WHERE n = 30;
-- rows processed
CALL try('SELECT * FROM generate_series(1, 5)');
CALL try('UPDATE statements.t SET at = now() WHERE n <= 3; DELETE FROM statements.t WHERE n = 1');
CALL try('INSERT INTO statements.t VALUES (31) RETURNING n');
CALL try('CREATE TABLE statements.made AS SELECT * FROM generate_series(1, 7) n');
CALL try('DROP TABLE statements.made');
CALL try('VALUES (1), (2)');
CALL try('TABLE statements.t LIMIT 0');
CALL try('SET work_mem = ''1MB''; SHOW work_mem');
CALL try('EXPLAIN SELECT 1');
-- statements of which one needs what the other has made
CALL try('CREATE TABLE statements.later (n int); INSERT INTO statements.later VALUES (1);
          ALTER TABLE statements.later ADD m int; UPDATE statements.later SET m = 2');
SELECT * FROM later;
CALL try('PREPARE p (int) AS INSERT INTO statements.t VALUES ($1); EXECUTE p (40); DEALLOCATE p');
CALL try('BEGIN; DECLARE c CURSOR FOR SELECT 1; FETCH c; CLOSE c; COMMIT');
CALL try('DECLARE c CURSOR WITH HOLD FOR SELECT * FROM generate_series(1, 10); FETCH 3 FROM c; CLOSE c');
CALL try('DECLARE c CURSOR FOR SELECT 1');
CALL try('NOTIFY regress_warden, ''x''; UNLISTEN *');
CALL try('LISTEN regress_warden');
CALL try('CREATE TEMPORARY TABLE passing (n int); INSERT INTO passing VALUES (1);
          INSERT INTO statements.t SELECT 41 FROM passing');
CALL try('CREATE TEMPORARY TABLE passing (n int) ON COMMIT DROP; SELECT FROM passing');
CALL try('SELECT FROM passing');
CALL try('CREATE RULE twice AS ON INSERT TO statements.later DO ALSO INSERT INTO statements.t VALUES (new.n)');
CALL try('INSERT INTO statements.later VALUES (42)');
CALL try('DROP RULE twice ON statements.later; LOCK TABLE statements.t');
CALL try('DISCARD ALL; INSERT INTO statements.t VALUES (43)');
SELECT array_agg(n ORDER BY n) FROM t WHERE n >= 40;

-- what cannot be in a transaction
CALL try('VACUUM statements.t; VACUUM (ANALYZE) statements.t');
CALL wait_for('(SELECT last_vacuum IS NOT NULL FROM pg_stat_all_tables WHERE relid = ''statements.t''::regclass)');
CALL try('CREATE INDEX CONCURRENTLY t_at ON statements.t (at); REINDEX INDEX CONCURRENTLY statements.t_at;
          REINDEX TABLE statements.t; DROP INDEX CONCURRENTLY statements.t_at');
CALL try('CREATE UNIQUE INDEX CONCURRENTLY t_one ON statements.t ((1))');
SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1;
DROP INDEX t_one;
CREATE TABLE parent (n int) PARTITION BY RANGE (n);
CREATE TABLE child PARTITION OF parent FOR VALUES FROM (1) TO (2);
CALL try('ALTER TABLE statements.parent DETACH PARTITION statements.child CONCURRENTLY');
SELECT count(*) FROM pg_inherits WHERE inhparent = 'parent'::regclass;
CALL try('BEGIN; VACUUM statements.t; COMMIT');
CALL try('CLUSTER statements.t USING t_pkey; ANALYZE statements.t; CHECKPOINT');
CREATE PROCEDURE commits(n int, fail boolean DEFAULT false) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO statements.t VALUES (n);
    COMMIT;
    INSERT INTO statements.t VALUES (n + 1);
    ROLLBACK;
    INSERT INTO statements.t VALUES (n + 2);
    IF fail THEN RAISE 'after a commit' USING ERRCODE = 'P1234'; END IF;
END $$;
CALL try('CALL statements.commits(50)');
CALL try('CALL statements.commits(60, true)');
CALL try('BEGIN; CALL statements.commits(70); COMMIT');
CALL try('DO $do$ BEGIN INSERT INTO statements.t VALUES (80); COMMIT; INSERT INTO statements.t VALUES (81); END $do$;
          CALL statements.commits(90)');
SELECT array_agg(n ORDER BY n) FROM t WHERE n >= 50;

-- COPY with the client, which is none; with a file or a program it is no matter
CALL try('COPY statements.t TO STDOUT');
CALL try('COPY statements.t FROM STDIN');
CALL try('COPY (SELECT 1) TO STDOUT');
CALL try('INSERT INTO statements.t VALUES (100); COPY statements.t FROM STDIN');
CALL try('COPY (SELECT 1) TO PROGRAM ''cat > /dev/null''');
SELECT array_agg(n ORDER BY n) FROM t WHERE n >= 100;
-- messages: the first warning is kept
CALL try('DO $do$ BEGIN RAISE NOTICE ''a notice''; RAISE WARNING ''first''; RAISE WARNING ''second''; END $do$');
CALL try('DO $do$ BEGIN RAISE NOTICE ''only a notice''; END $do$');
CALL try('DO $do$ BEGIN RAISE WARNING ''of one that fails''; END $do$; SELECT 1/0');
CALL try('DO $do$ BEGIN RAISE ''%'', ''with %s, "quotes" and
lines'' USING ERRCODE = ''ABCDE'', DETAIL = ''some detail'', HINT = ''a hint''; END $do$');
-- terminated and cancelled by itself
CALL try('SELECT pg_terminate_backend(pg_backend_pid()); SELECT pg_sleep(60)');
CALL try('SELECT pg_cancel_backend(pg_backend_pid()); SELECT pg_sleep(60)');
SELECT warden.schedule_remove('try');
DROP SCHEMA statements CASCADE;
