-- What keeps a partition from leaving is found before its set is locked, and nothing else waits for it.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA staying;
CREATE SCHEMA staying_archive;
SET search_path = staying;
CREATE ROLE regress_warden_leaver;
GRANT ALL ON SCHEMA staying TO regress_warden_leaver;

-- what is below a partition that is held stays as well
CREATE TABLE events (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE events_2003 PARTITION OF events FOR VALUES FROM ('2003-01-01') TO ('2004-01-01') PARTITION BY RANGE (at);
CREATE TABLE events_2003_a PARTITION OF events_2003 FOR VALUES FROM ('2003-01-01') TO ('2003-07-01');
INSERT INTO events VALUES ('2003-02-02');
SELECT count(*) > 0 FROM warden.partition_by_time('events', '1 year', ahead => '1 year', keep_partitions => 1000);
SELECT count(*) > 0 FROM warden.partition_subdivide('events', 'range', 'at', every => '1 month', keep => '1 year');
SELECT warden.partition_hold('events_2003', 'the court wants it');
SELECT action, status, partition FROM warden.partition_maintain('events', dry_run => true) WHERE action = 'drop';
SELECT action, status, partition FROM warden.partition_maintain('events') WHERE action = 'drop';
CALL warden.maintain();
SELECT count(*) FROM events;
SELECT partition, held, reason FROM warden.partitions WHERE partition::text LIKE 'events_2003%' ORDER BY 1;
SELECT warden.partition_release('events_2003');
SELECT action, status, partition FROM warden.partition_maintain('events') WHERE action = 'drop';
-- and what one is a part of
CREATE TABLE events_2003_b PARTITION OF events_2003 FOR VALUES FROM ('2003-07-01') TO ('2004-01-01');
SELECT warden.partition_hold('events_2003_b', 'and this');
SELECT count(*) FROM warden.partition_by_time('events', '1 year', ahead => '1 year', keep_partitions => 1) WHERE action = 'drop' AND partition LIKE '%2003%';
SELECT reason FROM warden.partitions WHERE partition = 'events_2003'::regclass;
SELECT warden.partition_release('events_2003_b');
DROP TABLE events;

-- an archive that is gone, or closed, or is not for all that is below
CREATE TABLE logs (at timestamptz, n int) PARTITION BY RANGE (at);
CREATE TABLE logs_2003 PARTITION OF logs FOR VALUES FROM ('2003-01-01') TO ('2004-01-01') PARTITION BY HASH (n);
CREATE TABLE logs_2003_0 PARTITION OF logs_2003 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
ALTER TABLE logs OWNER TO regress_warden_leaver;
ALTER TABLE logs_2003 OWNER TO regress_warden_leaver;
GRANT USAGE, CREATE ON SCHEMA staying_archive TO regress_warden_leaver;
SELECT count(*) > 0 FROM warden.partition_by_time('logs', '1 year', ahead => '1 year', keep => '1 year', anchor => '2000-01-01',
    on_expiry => 'archive', archive_schema => 'staying_archive');
CREATE VIEW leaving AS
    SELECT action, status, partition, detail FROM warden.partition_maintain('logs', dry_run => true) WHERE action = 'archive';
SELECT * FROM leaving;
SELECT reason FROM warden.partitions WHERE partition = 'logs_2003'::regclass;
ALTER TABLE logs_2003_0 OWNER TO regress_warden_leaver;
REVOKE CREATE ON SCHEMA staying_archive FROM regress_warden_leaver;
SELECT * FROM leaving;
DROP SCHEMA staying_archive;
SELECT * FROM leaving;
-- the rest of the set goes on, and it is not even locked
SELECT reason FROM warden.partitions WHERE partition = 'logs_2003'::regclass;
BEGIN;
SELECT action, status, partition, detail FROM warden.partition_maintain('logs') WHERE action = 'archive';
SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'logs'::regclass AND mode = 'AccessExclusiveLock';
COMMIT;
DROP VIEW leaving;
DROP TABLE logs;

-- what depends on the type of a partition's rows, or on a sequence of its own
CREATE TABLE logs (at timestamptz, n int) PARTITION BY RANGE (at);
CREATE TABLE logs_2003 PARTITION OF logs FOR VALUES FROM ('2003-01-01') TO ('2004-01-01');
CREATE TABLE logs_2004 (at timestamptz, n serial);
ALTER TABLE logs ATTACH PARTITION logs_2004 FOR VALUES FROM ('2004-01-01') TO ('2005-01-01');
CREATE TABLE logs_2005 (at timestamptz, n serial CHECK (n > 0), PRIMARY KEY (n), UNIQUE (at), FOREIGN KEY (n) REFERENCES logs_2005);
ALTER TABLE logs ATTACH PARTITION logs_2005 FOR VALUES FROM ('2005-01-01') TO ('2006-01-01');
CREATE TABLE users (log logs_2003, logs logs_2003[], n int DEFAULT nextval('logs_2004_n_seq'));
SELECT count(*) > 0 FROM warden.partition_by_time('logs', '1 year', ahead => '1 year', keep => '1 year', anchor => '2000-01-01');
BEGIN;
SELECT status, partition, detail FROM warden.partition_maintain('logs') WHERE action = 'drop' ORDER BY 2;
SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN ('logs_2003'::regclass, 'logs_2004'::regclass) AND mode = 'AccessExclusiveLock';
COMMIT;
DROP TABLE users, logs;

-- a sequence whose name is taken in the archive
CREATE SCHEMA staying_archive CREATE SEQUENCE logs_2003_n_seq;
CREATE TABLE logs (at timestamptz, n int) PARTITION BY RANGE (at);
CREATE TABLE logs_2003 (at timestamptz, n serial);
ALTER TABLE logs ATTACH PARTITION logs_2003 FOR VALUES FROM ('2003-01-01') TO ('2004-01-01');
SELECT count(*) > 0 FROM warden.partition_by_time('logs', '1 year', ahead => '1 year', keep => '1 year', anchor => '2000-01-01',
    on_expiry => 'archive', archive_schema => 'staying_archive');
SELECT status, partition, command, detail FROM warden.partition_maintain('logs') WHERE action = 'archive';
SELECT relname, relkind FROM pg_class WHERE relnamespace = 'staying_archive'::regnamespace ORDER BY 1;

-- a look at a set whose partitions another one takes along reads no row of that one: the planner would run code
CREATE FUNCTION tell() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('regress.looking', true) = 'on' THEN
        RAISE WARNING 'code of the owner';
    END IF;
    RETURN true;
END $$;
CREATE TABLE orders (id bigint PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE orders_0 PARTITION OF orders FOR VALUES FROM (0) TO (10);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (10) TO (1000);
CREATE INDEX ON orders_1 (id) WHERE tell();
CREATE TABLE items (id bigserial REFERENCES orders) PARTITION BY RANGE (id);
CREATE TABLE items_0 PARTITION OF items FOR VALUES FROM (0) TO (10);
INSERT INTO orders VALUES (500);
SELECT nextval('items_id_seq');
SELECT count(*) > 0 FROM warden.partition_by_number('items', 10, ahead => 10);
SELECT count(*) > 0 FROM warden.partition_by_number('orders', 10, keep => 100, on_reference => 'pair');
SET regress.looking = on;
SELECT count(*) FROM warden.partitions WHERE parent = 'items'::regclass;
SELECT count(*) FROM warden.partition_sets WHERE parent = 'items'::regclass;
RESET regress.looking;

SET client_min_messages = error;
DROP SCHEMA staying, staying_archive CASCADE;
DROP OWNED BY regress_warden_leaver;
DROP ROLE regress_warden_leaver;
