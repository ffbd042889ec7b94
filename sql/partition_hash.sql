-- Sets by hash: every remainder has a partition, whatever moduli there are; to have more of them is a plan, and no more.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE ROLE regress_warden_keeper;
GRANT EXECUTE ON FUNCTION warden.partition_by_hash, warden.partition_maintain, warden.partition_unmanage,
    warden.partition_hold TO regress_warden_keeper;
CREATE SCHEMA hashed AUTHORIZATION regress_warden_keeper;
CREATE SCHEMA hashed_2 AUTHORIZATION regress_warden_keeper;
SET search_path = hashed;
SET ROLE regress_warden_keeper;
CREATE FUNCTION bounds(target regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s %s', relname, pg_get_expr(relpartbound, c.oid))
    FROM pg_class c JOIN pg_inherits ON inhrelid = c.oid WHERE inhparent = target ORDER BY relname COLLATE "C" $$;

-- all of them at once, and then there is nothing to do
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, what text, size int GENERATED ALWAYS AS (length(what)) STORED,
                     PRIMARY KEY (id)) PARTITION BY HASH (id);
CREATE INDEX ON events (what);
SELECT partition, action, status, detail FROM warden.partition_by_hash('events', 3, dry_run => true);
SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass;
SELECT * FROM warden.partition_by_hash('events', 3, storage_parameters => '{fillfactor=70}');
SELECT * FROM warden.partition_by_hash('events', 3, storage_parameters => '{fillfactor=70}');
SELECT * FROM warden.partition_maintain('events');
SELECT bounds('events');
SELECT parent, every, on_expiry, storage_parameters, covered_to, covered_until, runs_out_in, partitions, method, modulus,
       keys, min_rows, sub_method, last_error
FROM warden.partition_sets;
SELECT partition, kind, lower_bound, upper_bound, expires_at, bound FROM warden.partitions ORDER BY partition::text;
SELECT warden.partition_hold('events_h3_1', 'why not');
SELECT partition, held FROM warden.partitions WHERE held IS NOT NULL;

-- one that is lost comes back
DROP TABLE events_h3_1;
SELECT partition, action, status, command FROM warden.partition_maintain('events');
SELECT partition, action FROM warden.partition_log WHERE parent = 'events'::regclass ORDER BY at;
SELECT reloptions FROM pg_class WHERE relname = 'events_h3_1';

-- to grow: a row for each that would be split; nothing is done, today or later
INSERT INTO events (what) SELECT 'n' || n FROM generate_series(1, 300) n;
SELECT * FROM warden.partition_by_hash('events', 6) WHERE partition = 'hashed.events_h3_0' \gx
SELECT partition, action, status FROM warden.partition_by_hash('events', 6, dry_run => true);
SELECT * FROM warden.partition_maintain('events');
SELECT bounds('events');
-- the statements are right: no row is lost or made anew
CREATE TABLE before AS SELECT * FROM events;
SELECT command FROM warden.partition_by_hash('events', 6) WHERE partition = 'hashed.events_h3_0' \gexec
SELECT bounds('events');
SELECT count(*) FROM events;
SELECT count(*) FROM events NATURAL JOIN before;
SELECT * FROM warden.partition_maintain('events');
-- what is missing then is of the new modulus
DROP TABLE events_h3_2;
SELECT partition, action, status FROM warden.partition_maintain('events');
SELECT partition, action, status FROM warden.partition_by_hash('events', 6);
-- a lesser modulus again: those of the greater one are whole parts of it
SELECT partition, action, status FROM warden.partition_by_hash('events', 3);
DROP TABLE events_h6_2, events_h6_5;
SELECT partition, action, status FROM warden.partition_maintain('events');
DROP TABLE events_h6_3;
SELECT partition, action, status FROM warden.partition_maintain('events');
-- rows that others refer to cannot be moved
CREATE TABLE notes (event bigint REFERENCES events ON DELETE CASCADE);
SELECT partition, command IS NULL AS "no command", detail FROM warden.partition_by_hash('events', 6)
WHERE partition = 'hashed.events_h3_1';
DROP TABLE notes;

-- made by hand, of several columns, of several moduli, one of them in another schema
CREATE TABLE adopted (a int, b text) PARTITION BY HASH (a, b);
CREATE TABLE hashed_2.half PARTITION OF adopted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE eighth PARTITION OF adopted FOR VALUES WITH (MODULUS 8, REMAINDER 3);
SELECT partition, status FROM warden.partition_by_hash('adopted', 4);
SELECT bounds('adopted');
INSERT INTO adopted SELECT n, n FROM generate_series(1, 1000) n;
-- nobody says how many: none need be split
SELECT warden.partition_unmanage('adopted');
DROP TABLE adopted_h4_1;
SELECT partition, status FROM warden.partition_by_hash('adopted');
SELECT modulus FROM warden.partition_sets WHERE parent = 'adopted'::regclass;
DROP TABLE hashed_2.half;
SELECT partition, status FROM warden.partition_maintain('adopted');
DROP TABLE adopted;

-- the modulus of a policy that others do not fit to any more fails, and says so
CREATE TABLE changed (a int) PARTITION BY HASH (a);
SELECT count(*) FROM warden.partition_by_hash('changed', 2);
DROP TABLE changed_h2_0, changed_h2_1;
CREATE TABLE third PARTITION OF changed FOR VALUES WITH (MODULUS 3, REMAINDER 0);
SELECT action, status, detail FROM warden.partition_maintain('changed');
SELECT last_error FROM warden.partition_sets WHERE parent = 'changed'::regclass;
SELECT partition, status FROM warden.partition_by_hash('changed', 3);
SELECT last_error FROM warden.partition_sets WHERE parent = 'changed'::regclass;

-- one alone; names that are long or odd
CREATE TABLE single (a int) PARTITION BY HASH (a);
SELECT partition FROM warden.partition_by_hash('single', 1);
CREATE TABLE "Häufig ""gefragt""; DROP TABLE x -- 1234567890123456789012345678" (a int) PARTITION BY HASH (a);
SELECT partition, status FROM warden.partition_by_hash('"Häufig ""gefragt""; DROP TABLE x -- 1234567890123456789012345678"', 2);

-- CALL maintain() does the same
DROP TABLE single_h1_0;
RESET ROLE;
CALL warden.maintain();
SELECT bounds('single');
DROP SCHEMA hashed CASCADE;
DROP SCHEMA hashed_2 CASCADE;
RESET ROLE;
DROP OWNED BY regress_warden_keeper;
DROP ROLE regress_warden_keeper;
