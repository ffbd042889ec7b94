-- What became of advice: an index is recognised by what it is, measured, and told to go when it did not help.
-- What advice_missing() remembers is put here by hand, so that it is this and nothing else.
CREATE SCHEMA outcomes;
SET search_path = outcomes, public;
SET timezone = 'UTC';
CREATE TABLE orders (id integer, customer integer, "Name" text, at date);
INSERT INTO orders SELECT i, i % 100, 'name ' || i, date '2024-01-01' + i % 100 FROM generate_series(1, 1000) i;
CREATE TABLE events (id integer, kind integer) PARTITION BY RANGE (id);
CREATE TABLE events_1 (kind integer, id integer);
ALTER TABLE events ATTACH PARTITION events_1 FOR VALUES FROM (0) TO (100);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (100) TO (200);
INSERT INTO events SELECT i, i FROM generate_series(0, 199) i;

-- a B-tree of an integer column: 403 is the method, 1976 the operator family, 23 the type
CREATE FUNCTION advised(target regclass, shape text, command text) RETURNS void
BEGIN ATOMIC
    INSERT INTO warden.advice_given (relation, shape, command, predicted_bytes, predicted_saved_ms)
    VALUES (target::oid, shape, command, 40960, 100);
END;
SELECT advised('orders', '403; 2  1976 23 0 0 0; included; where ', 'CREATE INDEX CONCURRENTLY ON outcomes.orders (customer)');
SELECT advised('events', '403; 2  1976 23 0 0 0; included; where ', 'CREATE INDEX ON outcomes.events (kind)');

CREATE VIEW outcome AS
    SELECT relation, index, verdict, reason, command, built_at IS NOT NULL AS built, dropped_at IS NOT NULL AS dropped,
           measured_at IS NOT NULL AS measured, bytes > 0 AS has_bytes, scans, queries
    FROM warden.advice_outcomes ORDER BY relation::text, advised_at;
SELECT * FROM outcome;

-- Not built: there are others, and one that is not valid.
CREATE INDEX wider ON orders (customer, id);
CREATE INDEX descending ON orders (customer DESC);
CREATE INDEX partial ON orders (customer) WHERE id > 0;
CREATE INDEX covering ON orders (customer) INCLUDE (id);
CREATE INDEX hashed ON orders USING hash (customer);
CREATE INDEX ON ONLY events (kind);
CALL warden.maintain();
SELECT * FROM outcome;
SELECT verdict, writes FROM warden.advice_outcomes ORDER BY relation::text;

-- A converged system is silent.
CREATE TEMPORARY TABLE rows_before AS SELECT id, xmin AS writer, ctid AS place FROM warden.advice_given;
CALL warden.maintain();
SELECT count(*) AS written FROM warden.advice_given g JOIN rows_before b USING (id) WHERE g.xmin <> b.writer OR g.ctid <> b.place;

-- Built under any name, and recognised at once.
DROP INDEX wider, descending, partial, covering, hashed;
CREATE INDEX events_1_kind ON events_1 (kind);
ALTER INDEX events_kind_idx ATTACH PARTITION events_1_kind;
CREATE INDEX events_2_kind ON events_2 (kind);
ALTER INDEX events_kind_idx ATTACH PARTITION events_2_kind;
CREATE INDEX "My index" ON orders (customer);
CALL warden.maintain();
SELECT relation, index, verdict, command, built, measured, has_bytes, scans FROM outcome;

-- Scans count from all partitions, and what is used is not called useless.
SET warden.advice_measure_every = 0;
SET enable_seqscan = off;
SELECT count(*) FROM events WHERE kind = 7 OR kind = 107;
RESET enable_seqscan;
SELECT pg_stat_force_next_flush();
CALL warden.maintain();
SELECT relation, index, verdict, command, scans > 0 AS scanned FROM outcome;

-- After enough time: by scans alone, as there is no pg_stat_statements here.
SET warden.advice_outcome_after = 0;
CALL warden.maintain();
SELECT relation, index, verdict, regexp_replace(reason, '[0-9]+(\.[0-9]+)?', 'N', 'g') AS reason, command FROM outcome;

-- A name is no identity; and an index that was made anew is the same.
ALTER INDEX "My index" RENAME TO renamed;
CALL warden.maintain();
SELECT relation, index, verdict, command FROM outcome WHERE relation = 'orders'::regclass;
REINDEX INDEX CONCURRENTLY renamed;
CALL warden.maintain();
SELECT relation, index, verdict, command FROM outcome WHERE relation = 'orders'::regclass;

-- One that is dropped is not forgotten.
DROP INDEX renamed;
SELECT relation, index, verdict, command FROM outcome WHERE relation = 'orders'::regclass;
CALL warden.maintain();
SELECT relation, index, verdict, reason, command, dropped FROM outcome WHERE relation = 'orders'::regclass;
-- What a constraint needs stays.
SELECT advised('orders', '403; 1  1976 23 0 0 0; included; where ', 'CREATE INDEX CONCURRENTLY ON outcomes.orders (id)');
ALTER TABLE orders ADD PRIMARY KEY (id);
CALL warden.maintain();
SELECT relation, index, verdict, regexp_replace(reason, '[0-9.]+ days', 'N days') AS reason, command FROM outcome WHERE relation = 'orders'::regclass;

-- Expressions and predicates are looked at as the table's owner.
CREATE ROLE outcomes_owner;
GRANT ALL ON SCHEMA outcomes TO outcomes_owner;
CREATE TABLE owned (id integer);
ALTER TABLE owned OWNER TO outcomes_owner;
SET ROLE outcomes_owner;
CREATE FUNCTION spy(integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS
    $$BEGIN IF current_user <> 'outcomes_owner' THEN RAISE 'run by %', current_user; END IF; RETURN $1; END$$;
CREATE INDEX spying ON owned ((id + spy(3)));
RESET ROLE;
SELECT advised('owned', 'another', 'CREATE INDEX');
\c -
SET search_path = outcomes, public;
SET warden.advice_outcome_after = 0;
SET warden.advice_measure_every = 0;
CALL warden.maintain();
SELECT relation, index, verdict FROM outcome WHERE relation = 'owned'::regclass;

-- Who sees it: pg_monitor, and the owner of the table; only the extension writes.
SET ROLE outcomes_owner;
SELECT relation, verdict, writes FROM warden.advice_outcomes;
SELECT count(*) FROM warden.advice_measures;
\set VERBOSITY sqlstate
DELETE FROM warden.advice_given;
UPDATE warden.advice_given SET command = 'DROP TABLE orders';
\set VERBOSITY default
RESET ROLE;
CREATE ROLE outcomes_monitor IN ROLE pg_monitor;
SET ROLE outcomes_monitor;
SELECT count(*) FROM warden.advice_outcomes;
RESET ROLE;
CREATE ROLE outcomes_nobody;
SET ROLE outcomes_nobody;
SELECT count(*) FROM warden.advice_outcomes;
RESET ROLE;

-- A table that is gone takes its advice with it, and time does.
DROP TABLE owned;
SELECT count(*) FROM warden.advice_outcomes;
CALL warden.maintain();
SELECT count(*) FROM warden.advice_given;
UPDATE warden.advice_given SET advised_at = now() - interval '2 years', built_at = now() - interval '2 years'
WHERE relation = 'events'::regclass::oid;
CALL warden.maintain();
SELECT relation, verdict FROM outcome;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA outcomes CASCADE;
DROP ROLE outcomes_owner, outcomes_monitor, outcomes_nobody;
CALL warden.maintain();
SELECT count(*) FROM warden.advice_given;
