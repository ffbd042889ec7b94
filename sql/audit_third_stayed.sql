-- A day of the log that somebody has named in a view, which takes no right on it: it stays, its rows do not.
SET client_min_messages = warning;
CREATE ROLE warden_keeper;
CREATE SCHEMA warden_keeper AUTHORIZATION warden_keeper;
CREATE TABLE person (id integer PRIMARY KEY);
SELECT FROM warden.audit_enable('person', keep => '5 days');
INSERT INTO person VALUES (1), (2), (3);
SELECT log::text FROM warden.audit_classes WHERE keep = '5 days' \gset
CREATE TABLE days AS SELECT min(lower_bound::timestamptz) AS begin FROM warden.partitions WHERE parent = :'log'::regclass;
\set ECHO none
SELECT format('CREATE TABLE warden.third_%s PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', n, :'log',
              begin - n * interval '1 day', begin - (n - 1) * interval '1 day')
FROM days, generate_series(1, 12) n ORDER BY n \gexec
\set ECHO all
-- Named and over, held and over, over; and named and still kept.
CREATE TEMP TABLE moved AS SELECT * FROM warden.audit_log WHERE relation = (SELECT id FROM warden.audit_relations WHERE name = 'public.person');
INSERT INTO warden.audit_log
SELECT id, begin - n * interval '1 day', transaction, session, key_number, relation, version, class, flags, operation, key, before, after
FROM moved, days, unnest('{12, 11, 10, 2}'::int[]) n;
SET ROLE warden_keeper;
CREATE VIEW warden_keeper.v12 AS SELECT * FROM warden.third_12;
CREATE VIEW warden_keeper.v2 AS SELECT * FROM warden.third_2;
CREATE TABLE warden_keeper.t11 (c warden.third_11);
TABLE warden_keeper.v12;
RESET ROLE;
SELECT warden.partition_hold('warden.third_11', 'a court');
SET client_min_messages = error; -- the WARNING has the set's number
CALL warden.maintain();
SET client_min_messages = warning;
SELECT tableoid::regclass, count(*) FROM warden.audit_log WHERE tableoid::regclass::text ~ 'third' GROUP BY 1 ORDER BY 1::text COLLATE "C";
SELECT relid FROM pg_partition_tree(:'log') WHERE relid::text ~ 'third_1[0-9]' ORDER BY relid::text COLLATE "C";
-- it goes when it can
SELECT warden.partition_release('warden.third_11');
DROP SCHEMA warden_keeper CASCADE;
CALL warden.maintain();
SELECT relid FROM pg_partition_tree(:'log') WHERE relid::text ~ 'third_1[0-9]' ORDER BY relid::text COLLATE "C";
DROP TABLE person, moved, days;
DROP ROLE warden_keeper;
-- The tests of other features count sets of partitions.
DROP EXTENSION pg_warden CASCADE;
CREATE EXTENSION pg_warden;
