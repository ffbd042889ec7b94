-- What maintenance measures, when it does so again, and what the history says of it.
SET client_min_messages = warning;
CREATE ROLE regress_bloat_owner;
CREATE ROLE regress_bloat_other;
CREATE ROLE regress_bloat_monitor;
GRANT pg_monitor TO regress_bloat_monitor;
CREATE SCHEMA bloat_history AUTHORIZATION regress_bloat_owner;
GRANT USAGE ON SCHEMA bloat_history TO PUBLIC;
SET search_path = bloat_history;
CREATE TABLE events (id int PRIMARY KEY, body text) WITH (autovacuum_enabled = off);
CREATE INDEX events_body ON events (body);
INSERT INTO events SELECT g, md5(g::text) FROM generate_series(1, 40000) g;
CREATE TABLE small (id int PRIMARY KEY);
INSERT INTO small VALUES (1);
CREATE TEMPORARY TABLE passing AS SELECT * FROM events;
CREATE TABLE readings (at int, value text) PARTITION BY RANGE (at);
CREATE TABLE readings_1 PARTITION OF readings FOR VALUES FROM (0) TO (20000) WITH (autovacuum_enabled = off);
CREATE TABLE readings_2 PARTITION OF readings FOR VALUES FROM (20000) TO (40001) PARTITION BY RANGE (at);
CREATE TABLE readings_2_1 PARTITION OF readings_2 FOR VALUES FROM (20000) TO (40001) WITH (autovacuum_enabled = off);
CREATE TABLE readings_3 PARTITION OF readings FOR VALUES FROM (40001) TO (50000);
INSERT INTO readings SELECT * FROM events;
DELETE FROM readings WHERE at % 2 = 0;
ALTER TABLE events OWNER TO regress_bloat_owner;

-- as if so many days had passed
CREATE PROCEDURE pg_temp.age(days int) LANGUAGE sql AS
    'UPDATE warden.bloat_snapshots SET measured_at = measured_at - days * interval ''1 day''';

-- each once; what is small is not remembered, and temporary tables are nobody else's
SET warden.bloat_min_size = '1MB';
CALL warden.maintain();
SELECT relation, of_table, bytes = pg_relation_size(relation) AS whole, wasted_bytes IS NOT NULL AS known, method, growth_bytes, rewrites
FROM warden.bloat_history WHERE relation::text !~ '^pg_' ORDER BY relation::text;
SELECT count(*) AS snapshots, max(xmin::text::bigint) AS last FROM warden.bloat_snapshots \gset
CALL warden.maintain();
SELECT count(*) = :snapshots AND max(xmin::text::bigint) = :last AS silent FROM warden.bloat_snapshots;

-- once more after the clock was set back
CALL pg_temp.age(-10);
CALL warden.maintain();
SELECT count(*) FILTER (WHERE measured_at <= now()) = :snapshots AS again, count(*) = 2 * :snapshots AS beside FROM warden.bloat_snapshots;
DELETE FROM warden.bloat_snapshots WHERE measured_at > now();

-- the six kinds sum to the file
SELECT count(*) FROM warden.bloat_snapshots
WHERE bytes <> live_bytes + overhead_bytes + reserve_bytes + vacuum_frees_bytes + blocked_bytes + free_bytes;

-- partitions under their root, but for the one that is small
SELECT root, partitions, measured_partitions,
       bytes = pg_relation_size('readings_1') + pg_relation_size('readings_2_1') AS bytes,
       wasted_bytes > bytes / 3 AS wasted, round(wasted_ratio::numeric, 1) AS ratio, oldest_measured_at < newest_measured_at AS times
FROM warden.bloat_partitions;

-- a day later
CALL pg_temp.age(2);
INSERT INTO events SELECT g, md5(g::text) FROM generate_series(40001, 60000) g;
CALL warden.maintain();
SELECT relation, growth_bytes = bytes - lag(bytes) OVER (PARTITION BY relation ORDER BY measured_at) AS growth,
       round(growth_bytes_per_day / growth_bytes::numeric, 2) AS per_day, rewrites
FROM warden.bloat_history WHERE of_table = 'events'::regclass ORDER BY relation::text, measured_at;

-- rewritten by hand: the same index, of another OID; and what comes back
CALL pg_temp.age(10);
DELETE FROM events WHERE id % 10 <> 0;
VACUUM events;
CALL warden.maintain();
REINDEX INDEX CONCURRENTLY events_body;
CALL pg_temp.age(10);
CALL warden.maintain();
INSERT INTO events SELECT g, md5(g::text) FROM generate_series(1, 60000) g WHERE g % 10 <> 0;
CALL pg_temp.age(10);
CALL warden.maintain();
SELECT relation, rewrites, saved_bytes = bytes_before - first AS saved, regrown_bytes = bytes - first AS regrown,
       CASE WHEN regrown_ratio > 0.5 THEN 'most' WHEN regrown_ratio = 0 THEN 'none' END AS ratio, rewritten_since < measured_at AS since
FROM (SELECT *, nth_value(bytes, 3) OVER life AS bytes_before, nth_value(bytes, 4) OVER life AS first
      FROM warden.bloat_history WHERE relation = 'events_body'::regclass WINDOW life AS (ORDER BY measured_at)) h
ORDER BY measured_at;
SELECT growth_bytes < 0 AS shrunk, growth_bytes_per_day IS NOT NULL AS has_speed
FROM warden.bloat_history WHERE relation = 'events_body'::regclass ORDER BY measured_at;
SELECT count(*) FROM warden.bloat_snapshots s WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.relation);
-- which the verdict knows
SET warden.bloat_min_waste = 0;
SELECT returns_in_days IS NOT NULL AS known, verdict FROM warden.bloat_measure('events_body');

-- a budget, and none
CALL pg_temp.age(10);
SET warden.bloat_snapshot_budget = 0;
SELECT count(*) AS snapshots FROM warden.bloat_snapshots \gset
CALL warden.maintain();
SELECT count(*) = :snapshots AS none FROM warden.bloat_snapshots;
SET warden.bloat_snapshot_budget = 1;
CALL warden.maintain();
SELECT count(*) > :snapshots AS some FROM warden.bloat_snapshots;
RESET warden.bloat_snapshot_budget;

-- who may see it
SET ROLE regress_bloat_owner;
SELECT DISTINCT of_table FROM warden.bloat_history;
SET ROLE regress_bloat_other;
SELECT count(*) FROM warden.bloat_history;
SELECT count(*) FROM warden.bloat_partitions;
SET ROLE regress_bloat_monitor;
SELECT DISTINCT of_table FROM warden.bloat_history WHERE of_table = 'bloat_history.events'::regclass;
SELECT root FROM warden.bloat_partitions;
RESET ROLE;

-- what is dropped, and what is old
DROP TABLE readings;
SET warden.bloat_snapshot_budget = 0;
CALL warden.maintain();
SELECT count(*) FROM warden.bloat_snapshots WHERE name ~ '^readings';
SELECT count(*) > 0 AS others FROM warden.bloat_snapshots WHERE name ~ '^events';
SET warden.bloat_history = '25d';
CALL warden.maintain();
SELECT count(*) > 0 AS kept, bool_and(measured_at > now() - interval '25 days') AS young FROM warden.bloat_snapshots;
SET warden.bloat_history = 0;
CALL warden.maintain();
SELECT count(*) FROM warden.bloat_snapshots;

RESET search_path;
DROP SCHEMA bloat_history CASCADE;
DROP ROLE regress_bloat_owner, regress_bloat_other, regress_bloat_monitor;
