-- What is repaired, by whom, and what becomes of it.
SET client_min_messages = warning;
CREATE ROLE regress_bloat_owner;
CREATE ROLE regress_bloat_other;
GRANT EXECUTE ON FUNCTION warden.bloat_repair, warden.bloat_repair_cancel TO regress_bloat_owner, regress_bloat_other;
CREATE SCHEMA bloat_repair AUTHORIZATION regress_bloat_owner;
SET search_path = bloat_repair;
CREATE TABLE events (id int PRIMARY KEY, body text, during int4range) WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off);
INSERT INTO events SELECT g, md5(g::text), int4range(g, g + 1) FROM generate_series(1, 20000) g;
CREATE INDEX events_body ON events (body);
DELETE FROM events WHERE id % 8 <> 0;
VACUUM (TRUNCATE false) events;
ALTER TABLE events ADD EXCLUDE USING gist (during WITH &&);
ALTER TABLE events OWNER TO regress_bloat_owner;

-- waits until the queue is empty but for what waits, and the worker has gone; commits, because REINDEX CONCURRENTLY waits for snapshots
CREATE PROCEDURE pg_temp.await() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..3000 LOOP
        IF NOT EXISTS (SELECT FROM warden.bloat_repair_log WHERE status IN ('queued', 'running'))
           AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'pg_warden worker') THEN
            RETURN;
        END IF;
        COMMIT;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RAISE 'the repairs do not end';
END $$;

-- what the verdicts say; nothing is worth it where the thresholds are as they are by default
SELECT relation, action, status, command, reason, predicted_bytes > 0 AS predicted, lock, detail
FROM warden.bloat_repair('events', dry_run => true) WHERE relation::text !~ 'pg_toast|excl';
SET warden.bloat_min_size = 0;
SET warden.bloat_min_waste = 0;
SELECT relation, action, status, command, predicted_bytes < 100000 AS small, saves_bytes > 100000 AS saves, lock, detail
FROM warden.bloat_repair('events', dry_run => true) WHERE relation::text !~ 'pg_toast|excl';
SELECT relation, action, status, command, lock, detail
FROM warden.bloat_repair('events', dry_run => true, rewrite => true) WHERE relation = 'events'::regclass;
SELECT relation, action, status, command
FROM warden.bloat_repair('events_body', dry_run => true);
-- of the database: those for which there is something to do
SELECT relation, action, status FROM warden.bloat_repair(dry_run => true) WHERE relation::text ~ '^events' ORDER BY relation::text;
SELECT count(*) FROM warden.bloat_repairs;

-- asked for by name: whatever the verdicts say
SELECT relation::text ~ 'pg_toast' AS toast, CASE WHEN relation::text !~ 'pg_toast' THEN relation END AS relation, action, status, reason, lock
FROM warden.bloat_repair('events', dry_run => true, force => true);
SELECT relation, action, status, command, lock
FROM warden.bloat_repair('events', dry_run => true, force => true, rewrite => true);
SELECT relation, action, status, command
FROM warden.bloat_repair('events_body', dry_run => true, force => true, rewrite => true);

-- what cannot be done
CREATE TEMPORARY TABLE passing (id int PRIMARY KEY);
SELECT relation, action, status, reason FROM warden.bloat_repair('passing', force => true);
SELECT relation, action, status, reason FROM warden.bloat_repair('pg_class_oid_index', force => true);
\set VERBOSITY sqlstate
SELECT * FROM warden.bloat_repair(force => true);
SELECT * FROM warden.bloat_repair(rewrite => true);
SELECT * FROM warden.bloat_repair('events', dry_run => NULL);
SELECT * FROM warden.bloat_repair(4711);
CALL warden.bloat_run_repairs();
BEGIN;
CALL warden.bloat_run_repairs();
ROLLBACK;

-- only the owner
SET ROLE regress_bloat_other;
SELECT * FROM warden.bloat_repair('bloat_repair.events', dry_run => true);
SELECT warden.bloat_repair_cancel('bloat_repair.events');
CALL warden.bloat_run_repairs();
\set VERBOSITY default
SELECT count(*) AS others_may_not_look FROM warden.bloat_repair_log;
SELECT relation, action, status, reason FROM warden.bloat_repair(dry_run => true) WHERE relation::text ~ 'events_body';
RESET ROLE;
SELECT count(*) FROM warden.bloat_repairs;

-- what is rolled back is not queued
BEGIN;
SELECT relation, action, status FROM warden.bloat_repair('events_body', force => true);
ROLLBACK;
SELECT count(*) FROM warden.bloat_repairs;

-- it begins when the transaction is committed, and is queued once
SELECT pg_relation_filenode('events_body') AS before \gset
SET ROLE regress_bloat_owner;
BEGIN;
SELECT relation, action, status, detail FROM warden.bloat_repair('bloat_repair.events_body', force => true);
SELECT relation, action, status, detail FROM warden.bloat_repair('bloat_repair.events_body', force => true);
SELECT relation, status FROM warden.bloat_repairs;
COMMIT;
RESET ROLE;
CALL pg_temp.await();
SELECT relation, action, status, role, attempts, bytes_before > bytes_after AS smaller, bytes_after = pg_relation_size(relation) AS measured,
       prediction_error, sqlstate, message, pid IS NOT NULL AS worker
FROM warden.bloat_repairs;
SELECT pg_relation_filenode('events_body') <> :before AS rebuilt;
-- the history knows of it
SELECT rewrites, saved_bytes > 0 AS saved, regrown_bytes, regrown_ratio, method
FROM warden.bloat_history WHERE relation = 'events_body'::regclass ORDER BY measured_at;
SET ROLE regress_bloat_owner;
SELECT relation, status FROM warden.bloat_repairs;
RESET ROLE;

-- a name as long as a name may be, and the index of a TOAST table, which superusers can name
ALTER INDEX events_body RENAME TO an_index_of_which_the_name_is_exactly_as_long_as_a_name_may_be_;
SELECT status FROM warden.bloat_repair('an_index_of_which_the_name_is_exactly_as_long_as_a_name_may_be_', force => true);
CALL pg_temp.await();
ALTER TABLE events OWNER TO CURRENT_USER;
SELECT indexrelid::regclass AS toast FROM pg_index JOIN pg_class c ON reltoastrelid = indrelid WHERE c.oid = 'events'::regclass \gset
SELECT status FROM warden.bloat_repair(:'toast', force => true);
CALL pg_temp.await();
SELECT CASE WHEN relation::text !~ 'pg_toast' THEN relation END AS relation, of_table, status, bytes_after = pg_relation_size(relation) AS measured
FROM warden.bloat_repairs ORDER BY id;
ALTER INDEX an_index_of_which_the_name_is_exactly_as_long_as_a_name_may_be_ RENAME TO events_body;
ALTER TABLE events OWNER TO regress_bloat_owner;
DELETE FROM warden.bloat_repair_log WHERE relation <> 'events_body'::regclass;

-- VACUUM, and a rewrite, which needs a window; and what is not wanted any more
DELETE FROM events WHERE id % 16 <> 0;
SELECT relation, action, status, detail FROM warden.bloat_repair('events', force => true) WHERE action = 'vacuum';
CALL pg_temp.await();
SELECT relation, action, status FROM warden.bloat_repairs ORDER BY id;
SELECT vacuum_frees_bytes = 0 AS clean FROM warden.bloat_measure('events', 'exact') WHERE relation = 'events'::regclass;
SELECT relation, action, status, detail FROM warden.bloat_repair('events', rewrite => true, force => true);
CALL pg_temp.await();
SELECT relation, action, status, waiting_for FROM warden.bloat_repairs WHERE status = 'waiting';
SELECT warden.bloat_repair_cancel('events'), warden.bloat_repair_cancel('events');
SELECT relation, action, status, waiting_for FROM warden.bloat_repairs WHERE action = 'rewrite';

-- a window that is never open now
SELECT format('ALTER DATABASE %I SET warden.bloat_window = %L', current_database(),
              to_char(now() + interval '2 days', 'Dy')) AS set_window,
       format('ALTER DATABASE %I RESET warden.bloat_window', current_database()) AS reset_window \gset
:set_window;
SELECT relation, action, status FROM warden.bloat_repair('events_pkey', force => true);
CALL pg_temp.await();
SELECT relation, action, status, waiting_for, attempts FROM warden.bloat_repairs WHERE status = 'waiting';
SELECT xmin AS version FROM warden.bloat_repair_log WHERE status = 'waiting' \gset
-- waiting writes nothing
SELECT format('SET warden.bloat_window = %L', to_char(now() + interval '2 days', 'Dy')) AS set_window \gset
:set_window;
CALL warden.bloat_run_repairs();
SELECT xmin = :version AS same FROM warden.bloat_repair_log WHERE status = 'waiting';
SELECT detail FROM warden.bloat_repair('events_pkey', force => true, dry_run => true);
-- one that has a break before the end of what takes days, by the speed of a repair
INSERT INTO warden.bloat_repair_log (relation, of_table, name, action, command, forced, role, filenode, status, bytes_before, started, ended)
SELECT relation, of_table, 'slow', 'rewrite', '', true, 10, 0, 'done', 1, now() - interval '1 day', now() FROM warden.bloat_repair_log LIMIT 1;
SET warden.bloat_window = '00:00-12:00; 12:01-24:00';
SELECT coalesce(detail ~ 'bloat_window', false) AS waits FROM warden.bloat_repair('events_pkey', force => true, dry_run => true);
SET warden.bloat_window = '*';
SELECT coalesce(detail ~ 'bloat_window', false) AS waits FROM warden.bloat_repair('events_pkey', force => true, dry_run => true);
DELETE FROM warden.bloat_repair_log WHERE name = 'slow';
SET warden.bloat_window = 'Mon-Fri 22:00-06:00; Sat,Sun';
SET warden.bloat_window = 'always';
RESET warden.bloat_window;
:reset_window;
-- the role that has asked has lost its rights
UPDATE warden.bloat_repair_log SET role = 'regress_bloat_other'::regrole WHERE status = 'waiting';
CALL warden.bloat_run_repairs();
CALL pg_temp.await();
SELECT relation, action, status, message FROM warden.bloat_repairs WHERE relation = 'events_pkey'::regclass;

-- an invalid index that is not ours is left alone, one of ours is not
CREATE INDEX events_body_ccnew ON events (body);
CREATE INDEX events_pkey_ccnew ON events (id);
CREATE INDEX events_pkey_ccold1 ON events (id);
CREATE INDEX events_pkey_ccnewer ON events (id);
CREATE INDEX events_pkey_ccnew2 ON events (id);
UPDATE pg_index SET indisvalid = false
WHERE indexrelid IN ('events_body_ccnew'::regclass, 'events_pkey_ccnew'::regclass, 'events_pkey_ccold1'::regclass, 'events_pkey_ccnewer'::regclass);
UPDATE warden.bloat_repair_log SET may_leave = true, index_name = 'events_pkey',
       made_by = (SELECT DISTINCT xmin FROM pg_attribute WHERE attrelid = 'events_pkey_ccnew'::regclass)
WHERE relation = 'events_pkey'::regclass;
SELECT relation, action, status, reason FROM warden.bloat_repair('events_body_ccnew', force => true);
CALL warden.bloat_run_repairs();
CALL pg_temp.await();
SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 'events'::regclass AND indexrelid::regclass::text ~ '_cc' ORDER BY indexrelid::regclass::text;
SELECT count(*) FROM warden.bloat_repair_log WHERE may_leave;

RESET search_path;
DROP SCHEMA bloat_repair CASCADE;
DELETE FROM warden.bloat_repair_log;
DELETE FROM warden.bloat_snapshots;
REVOKE EXECUTE ON FUNCTION warden.bloat_repair, warden.bloat_repair_cancel FROM regress_bloat_owner, regress_bloat_other;
DROP ROLE regress_bloat_owner, regress_bloat_other;
