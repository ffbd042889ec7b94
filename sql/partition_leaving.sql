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

SET client_min_messages = error;
DROP SCHEMA staying, staying_archive CASCADE;
DROP OWNED BY regress_warden_leaver;
DROP ROLE regress_warden_leaver;
