-- What is below the first level is compared with the root, and given what it lacks: trees and structured defaults.
SET client_min_messages = warning;
CREATE ROLE regress_warden_owner;
CREATE ROLE regress_warden_reader;
CREATE SCHEMA deep;
GRANT ALL ON SCHEMA deep TO PUBLIC;
SET search_path = deep;
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_warden_space LOCATION '';
GRANT CREATE ON TABLESPACE regress_warden_space TO regress_warden_owner;
CREATE FUNCTION differences(parent regclass) RETURNS TABLE (partition regclass, property text, expected text, actual text, command text)
    LANGUAGE sql AS $$
    SELECT partition, property, expected, actual, command FROM warden.partition_differences(parent) WHERE reason IS NULL $$;

-- made by us: nothing differs, on any level
SET ROLE regress_warden_owner;
CREATE TABLE events (id int NOT NULL, n int NOT NULL, t text COMPRESSION pglz) PARTITION BY RANGE (id) TABLESPACE regress_warden_space;
CREATE UNIQUE INDEX events_key ON events (id, n);
ALTER TABLE events REPLICA IDENTITY USING INDEX events_key, ENABLE ROW LEVEL SECURITY, ALTER n SET STATISTICS 77,
    ALTER n SET (n_distinct = -0.5), ALTER t SET STORAGE EXTERNAL;
COMMENT ON COLUMN events.n IS 'how many';
CREATE STATISTICS events_statistics ON n, t FROM events;
GRANT SELECT ON events TO PUBLIC;
CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER same BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION same();
ALTER TABLE events ENABLE ALWAYS TRIGGER same;
RESET ROLE;
SELECT count(*) FROM warden.partition_by_number('events', 100, ahead => 99, storage_parameters => '{fillfactor=70}');
SELECT count(*) FROM warden.partition_subdivide('events', 'hash', 'n', modulus => 2);
DROP TABLE events_p0;
SELECT partition, status FROM warden.partition_maintain('events');
SELECT partition, status FROM warden.partition_add_default('events');
SELECT c.oid::regclass, spcname, reloptions FROM pg_class c LEFT JOIN pg_tablespace s ON s.oid = reltablespace
WHERE relname ~ '^events' AND relkind IN ('r', 'p') ORDER BY c.oid;
SELECT * FROM warden.partition_differences();
SELECT * FROM warden.partition_align('events');

-- what is made by PostgreSQL on three levels, some of it another's; what is partitioned has no storage parameters, but a tablespace
SET ROLE regress_warden_owner;
CREATE TABLE events_p100 PARTITION OF events FOR VALUES FROM (100) TO (200) PARTITION BY LIST (n);
ALTER TABLE events_p100 SET TABLESPACE pg_default;
CREATE TABLE events_p100_a PARTITION OF events_p100 FOR VALUES IN (1) PARTITION BY HASH (id);
CREATE TABLE events_p100_a_all PARTITION OF events_p100_a FOR VALUES WITH (MODULUS 1, REMAINDER 0) TABLESPACE pg_default;
RESET ROLE;
ALTER TABLE events_p100_a_all OWNER TO regress_warden_reader;
SELECT partition, property, expected, actual, reason FROM warden.partition_differences('events');
-- one of it; then the rest, parents first; then nothing
SELECT partition, status, command FROM warden.partition_align('events', 'events_p100_a');
SELECT partition, status, detail, count(*) FROM warden.partition_align('events') GROUP BY 1, 2, 3 ORDER BY 1, 2;
SELECT partition, property, reason FROM warden.partition_differences();
ALTER TABLE events_p100_a_all SET TABLESPACE regress_warden_space;
SELECT * FROM warden.partition_differences();
SELECT c.oid::regclass, relowner::regrole, relreplident, relrowsecurity, reloptions, i.indexrelid::regclass,
       (SELECT tgenabled FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'same') AS trigger
FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid AND indisreplident
WHERE relname ~ '^events_p100' AND relkind IN ('r', 'p') ORDER BY c.oid;

-- what the root has lost, all lose
ALTER TABLE events REPLICA IDENTITY DEFAULT;
ALTER TABLE ONLY events ALTER n SET STATISTICS -1, DISABLE TRIGGER same;
SET ROLE regress_warden_owner;
REVOKE SELECT ON events FROM PUBLIC;
RESET ROLE;
SELECT property, expected, actual, count(*) FROM differences('events') GROUP BY 1, 2, 3 ORDER BY 1;
SELECT status, count(*) FROM warden.partition_align('events') GROUP BY 1;
SELECT * FROM warden.partition_differences();
-- the locks: each partition after what it belongs to
ALTER TABLE ONLY events ALTER n SET STATISTICS 5;
BEGIN;
SELECT partition, status FROM warden.partition_align('events', 'events_p100_a_all');
SELECT relation::regclass, mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation::regclass::text ~ '^events(_p100.*)?$'
ORDER BY relation, mode;
ROLLBACK;
SELECT partition, status FROM warden.partition_align('events');

-- a set below is none of its own here
SELECT warden.partition_align('events_p0');
SELECT count(*) FROM warden.partition_differences('events_p0');
SELECT count(*) FROM warden.partition_align('events', 'events_p0');
-- but one that is declared, and attached to another, is; once each
CREATE TABLE inner_set (LIKE events) PARTITION BY RANGE (n);
SELECT count(*) FROM warden.partition_by_number('inner_set', 100, ahead => 99);
ALTER TABLE events ATTACH PARTITION inner_set FOR VALUES FROM (300) TO (400);
ALTER TABLE inner_set REPLICA IDENTITY FULL;
SELECT parent, partition, property, expected, actual FROM warden.partition_differences()
WHERE property IN ('replica identity', 'statistics target of column n') ORDER BY 1, 2, 3;
DROP TABLE inner_set;
-- what is just being detached is left alone with all below it
ALTER TABLE ONLY events ALTER n SET STATISTICS 6;
BEGIN;
UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'events_p100'::regclass;
SELECT DISTINCT partition FROM warden.partition_differences('events') ORDER BY 1;
SELECT count(*) FROM warden.partition_align('events', 'events_p100_a_all');
ROLLBACK;
SELECT status, count(*) FROM warden.partition_align('events') GROUP BY 1;

-- unlogged beside others, wherever these are
CREATE UNLOGGED TABLE events_p500 PARTITION OF events FOR VALUES FROM (500) TO (600);
SELECT partition, property, actual, reason FROM warden.partition_differences('events') WHERE property = 'persistence';
DROP TABLE events_p500;
-- all of them, on two levels
CREATE TABLE fast (id int, n int) PARTITION BY RANGE (id);
CREATE TABLE fast_p0 PARTITION OF fast FOR VALUES FROM (0) TO (100) PARTITION BY HASH (n);
CREATE UNLOGGED TABLE fast_p0_all PARTITION OF fast_p0 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT count(*) FROM warden.partition_by_number('fast', 100, ahead => 1);
SELECT * FROM warden.partition_differences('fast');

-- indexes that are missing on every level: the commands build them from above
CREATE TABLE indexed (id int NOT NULL, n int NOT NULL, t text) PARTITION BY RANGE (id);
CREATE TABLE indexed_p0 PARTITION OF indexed FOR VALUES FROM (0) TO (100) PARTITION BY HASH (n);
CREATE TABLE indexed_p0_0 PARTITION OF indexed_p0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE indexed_p0_1 PARTITION OF indexed_p0 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT count(*) FROM warden.partition_by_number('indexed', 100, ahead => 1);
CREATE UNIQUE INDEX indexed_unique ON ONLY indexed (id, n) INCLUDE (t);
ALTER TABLE ONLY indexed ADD CONSTRAINT indexed_pkey PRIMARY KEY (n, id);
SELECT partition, property, command, lock FROM warden.partition_differences('indexed');
SELECT regexp_split_to_table(command, ';') AS command FROM warden.partition_differences('indexed')
\gexec
SELECT * FROM warden.partition_differences('indexed');
SELECT indexrelid::regclass, indisvalid, indisprimary, (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = indexrelid) AS parent
FROM pg_index WHERE indrelid::regclass::text ~ '^indexed' ORDER BY 1;
-- one level is there
ALTER TABLE indexed_p0 DETACH PARTITION indexed_p0_1;
CREATE INDEX indexed_t ON indexed (t);
DROP INDEX indexed_t;
CREATE INDEX indexed_t ON ONLY indexed (t);
CREATE INDEX indexed_p0_t ON ONLY indexed_p0 (t);
ALTER INDEX indexed_t ATTACH PARTITION indexed_p0_t;
SELECT partition, property, command, lock FROM warden.partition_differences('indexed');

DROP SCHEMA deep CASCADE;
DROP TABLESPACE regress_warden_space;
DROP ROLE regress_warden_owner, regress_warden_reader;
CALL warden.maintain();
