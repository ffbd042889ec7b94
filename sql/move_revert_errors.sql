-- partition_revert() refuses before it starts what it could not give back, and says what helps.
SET timezone = 'UTC';
SET client_min_messages = error;
CREATE SCHEMA refused;
SET search_path = refused;
CREATE ROLE refused_owner;
CREATE ROLE refused_other;
GRANT USAGE, CREATE ON SCHEMA refused TO refused_owner, refused_other;
GRANT EXECUTE ON FUNCTION warden.partition_revert_plan(regclass) TO refused_owner, refused_other;
CREATE FUNCTION refuse(target text) RETURNS TABLE (field text, said text) LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; details text; advice text;
BEGIN
    PERFORM warden.partition_revert_plan(target::regclass);
    RAISE SQLSTATE 'ZZ000' USING MESSAGE = 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS
        state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, details = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
    RETURN QUERY SELECT * FROM (VALUES (state, message), ('detail', details), ('hint', advice)) v (f, s) WHERE s <> '';
END
$$;
\pset tuples_only on
\pset format unaligned
\pset fieldsep ': '

-- Not a partitioned table, or no root.
CREATE TABLE plain (id int);
CREATE VIEW looking AS SELECT 1 AS one;
CREATE TABLE events (id int NOT NULL, at date, n int GENERATED ALWAYS AS (id * 2) STORED) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (1) TO (100);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (100) TO (200) PARTITION BY LIST (at);
CREATE TABLE events_2_rest PARTITION OF events_2 DEFAULT;
CREATE TEMPORARY TABLE passing (id int) PARTITION BY RANGE (id);
SELECT * FROM refuse('plain');
SELECT * FROM refuse('looking');
SELECT * FROM refuse('events_1');
SELECT * FROM refuse('events_2');
SELECT field, regexp_replace(said, 'pg_temp_[0-9]+', 'pg_temp') FROM refuse('passing');
SELECT * FROM refuse(NULL);
SELECT * FROM refuse('events');

-- Owners: of the table, and of each partition.
SET ROLE refused_other;
SELECT * FROM refuse('events');
RESET ROLE;
CREATE TABLE owned (id int) PARTITION BY RANGE (id);
CREATE TABLE owned_1 PARTITION OF owned FOR VALUES FROM (1) TO (100);
ALTER TABLE owned OWNER TO refused_owner;
SET ROLE refused_owner;
SELECT * FROM refuse('owned');
RESET ROLE;
ALTER TABLE owned_1 OWNER TO refused_owner;
SET ROLE refused_owner;
SELECT * FROM refuse('owned');
RESET ROLE;

-- What only a partition has, and would be lost.
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER mine AFTER INSERT ON events_2_rest FOR EACH ROW EXECUTE FUNCTION noted();
SELECT * FROM refuse('events');
DROP TRIGGER mine ON events_2_rest;
CREATE RULE mine AS ON DELETE TO events_1 DO INSTEAD NOTHING;
SELECT * FROM refuse('events');
DROP RULE mine ON events_1;
CREATE TABLE others (id int PRIMARY KEY);
ALTER TABLE events_1 ADD CONSTRAINT mine FOREIGN KEY (id) REFERENCES others;
SELECT * FROM refuse('events');
ALTER TABLE events_1 DROP CONSTRAINT mine;
ALTER TABLE events_1 ADD CONSTRAINT unique_here UNIQUE (id);
CREATE TABLE referring (id int CONSTRAINT to_a_part REFERENCES events_1 (id));
SELECT * FROM refuse('events');
DROP TABLE referring;
CREATE PUBLICATION refused_publication FOR TABLE events_1;
SELECT * FROM refuse('events');
DROP PUBLICATION refused_publication;
CREATE VIEW on_part AS SELECT * FROM events_2_rest;
SELECT * FROM refuse('events');
DROP VIEW on_part;
CREATE UNLOGGED TABLE events_5 PARTITION OF events FOR VALUES FROM (500) TO (600);
SELECT * FROM refuse('events');
DROP TABLE events_5;
CREATE FOREIGN DATA WRAPPER refused_wrapper;
CREATE SERVER refused_server FOREIGN DATA WRAPPER refused_wrapper;
CREATE FOREIGN TABLE events_6 PARTITION OF events FOR VALUES FROM (600) TO (700) SERVER refused_server;
SELECT * FROM refuse('events');
DROP FOREIGN TABLE events_6;
CREATE INDEX at_some ON ONLY events (at);
SELECT * FROM refuse('events');
DROP INDEX at_some;

-- What goes with them is told.
CREATE INDEX only_here ON events_2_rest (at);
ALTER TABLE events_1 ADD CONSTRAINT small CHECK (id < 1000);
ALTER TABLE events_1 ALTER at SET DEFAULT '2024-01-01';
COMMENT ON TABLE events_1 IS 'the first';
SELECT action, detail FROM warden.partition_revert_plan('events') WHERE action = 'lost' ORDER BY step;

-- Not twice; and not with a limit of nothing.
INSERT INTO warden.partition_move_jobs (target, target_name, kind, state) VALUES ('events'::regclass, 'x', 'drain', 'paused');
CALL warden.partition_revert('events');
DELETE FROM warden.partition_move_jobs WHERE target = 'events'::regclass;
CALL warden.partition_revert('events', max_rows_per_second => 0);
CALL warden.partition_revert(NULL);
CALL warden.partition_revert('events', dry_run => NULL);
BEGIN;
CALL warden.partition_revert('events');
ROLLBACK;
SELECT count(*) FROM warden.partition_move_jobs WHERE target = 'events'::regclass;
DROP SCHEMA refused CASCADE;
DROP FOREIGN DATA WRAPPER refused_wrapper CASCADE;
DROP OWNED BY refused_owner, refused_other;
DROP ROLE refused_owner, refused_other;
