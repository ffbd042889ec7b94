-- The one call: everything that is due, committed step by step.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA everything;
SET search_path = everything;
CALL warden.maintain();

CREATE TABLE events (at timestamptz) PARTITION BY RANGE (at);
SELECT count(*) > 0 FROM warden.partition_by_time('events', '1 year', ahead => '1 year', keep => '1 year');
SELECT count(*) AS before FROM pg_inherits WHERE inhparent = 'events'::regclass \gset
DO $$ BEGIN
    EXECUTE (SELECT string_agg(format('DROP TABLE %s', partition), ';') FROM warden.partitions
             WHERE parent = 'events'::regclass);
END $$;
CREATE TABLE events_1998 PARTITION OF events FOR VALUES FROM ('1998-01-01') TO ('1999-01-01');
CREATE TABLE events_1999 PARTITION OF events FOR VALUES FROM ('1999-01-01') TO ('2000-01-01');
-- a step, a transaction
CREATE TABLE seen (tag text, xact xid8 DEFAULT pg_current_xact_id());
CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO everything.seen VALUES (tg_tag); END $$;
CREATE EVENT TRIGGER regress_warden_seen ON ddl_command_end EXECUTE FUNCTION see();
CALL warden.maintain();
SELECT to_regclass('events_1998'), to_regclass('events_1999');
SELECT count(*) >= :before AS made FROM pg_inherits WHERE inhparent = 'events'::regclass;
SELECT action, count(*), count(DISTINCT xact) AS transactions FROM seen JOIN (VALUES ('CREATE TABLE', 'create'),
('DROP TABLE', 'drop')) v (tag, action) USING (tag) GROUP BY 1 ORDER BY 1;
DROP EVENT TRIGGER regress_warden_seen;
-- nothing to do: nothing is written
SELECT count(*) AS log, max(at) AS last FROM warden.partition_log \gset before_
SELECT last_success AS success FROM warden.partition_sets WHERE parent::text !~ '^warden' \gset before_
CALL warden.maintain();
SELECT count(*) = :before_log AS log FROM warden.partition_log;
SELECT last_success = :'before_success' AS success FROM warden.partition_sets WHERE parent::text !~ '^warden';

-- where it could not commit, it says what to do
BEGIN;
CALL warden.maintain();
ROLLBACK;
CREATE FUNCTION inside() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL warden.maintain(); END $$;
SELECT inside();
DO $$ BEGIN
    CALL warden.maintain();
EXCEPTION WHEN invalid_transaction_termination THEN RAISE WARNING 'in a subtransaction: % %', sqlstate, sqlerrm;
END $$;
BEGIN;
DO $$
DECLARE advice text;
BEGIN
    CALL warden.maintain();
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
    RAISE WARNING '% %', sqlstate, advice;
END $$;
ROLLBACK;

-- what fails is a warning and in the view; the others go on
CREATE TABLE a_colliding (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE a_colliding_rest PARTITION OF a_colliding DEFAULT;
INSERT INTO a_colliding VALUES (now());
CREATE TABLE b_healthy (at timestamptz) PARTITION BY RANGE (at);
INSERT INTO warden.partition_policies SELECT oid, every, ahead, NULL, on_expiry, timezone, anchor
FROM warden.partition_policies p, pg_class
WHERE p.parent = 'events'::regclass AND oid IN ('a_colliding'::regclass, 'b_healthy'::regclass);
SET client_min_messages = error;
CALL warden.maintain();
SET client_min_messages = warning;
SELECT parent, partitions > 1 AS made, colliding, last_error FROM warden.partition_sets WHERE parent::text !~ '^warden' ORDER BY parent::text;
DELETE FROM a_colliding;
CALL warden.maintain();
SELECT parent, colliding, last_error FROM warden.partition_sets WHERE parent::text !~ '^warden' ORDER BY parent::text;

-- the settings of the session are its own again; what is wrong with one is said
SELECT current_setting('search_path') AS path, current_setting('lock_timeout') AS lock_timeout,
       current_user = session_user AS self;
SELECT name, setting, unit, context, vartype FROM pg_settings WHERE name LIKE 'warden.%' ORDER BY 1;
\set VERBOSITY sqlstate
SET warden.lock_timeout = -1;
SET warden.lock_retries = 'many';
SET warden.partition_histroy = '1 d';
\set VERBOSITY default

-- what was done is forgotten after a time
UPDATE warden.partition_log SET at = at - interval '91 days' WHERE action = 'drop';
CALL warden.maintain();
SELECT action, count(*) > 0 AS rows FROM warden.partition_log WHERE parent = 'events'::regclass GROUP BY 1;
DROP SCHEMA everything CASCADE;
