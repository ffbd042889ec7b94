-- A partition that is held stays, whatever its age.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE ROLE regress_warden_keeper;
CREATE ROLE regress_warden_reader;
GRANT EXECUTE ON FUNCTION warden.partition_hold, warden.partition_release TO regress_warden_keeper, regress_warden_reader;
CREATE SCHEMA holding;
GRANT ALL ON SCHEMA holding TO PUBLIC;
SET search_path = holding;
CREATE TABLE events (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE events_2019 PARTITION OF events FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_2021 PARTITION OF events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
ALTER TABLE events OWNER TO regress_warden_keeper;
ALTER TABLE events_2019 OWNER TO regress_warden_keeper;
ALTER TABLE events_2020 OWNER TO regress_warden_keeper;
ALTER TABLE events_2021 OWNER TO regress_warden_keeper;
SELECT warden.partition_hold('events_2020', 'the court wants it');
SELECT partition, action, status FROM warden.partition_by_time('events', '1 year', ahead => '1 year', keep => '1 year', anchor => '2000-01-01')
WHERE action <> 'create';
-- by the owner, before it is retired; a hold that is rolled back is none
SET ROLE regress_warden_keeper;
SELECT warden.partition_hold('events_2020', 'the court wants it');
SELECT warden.partition_hold('events_2020', 'the court wants it for good');
BEGIN;
SELECT warden.partition_hold('events_2019', 'or not');
ROLLBACK;
RESET ROLE;
SELECT partition, expires_at IS NOT NULL AS expires, held FROM warden.partitions WHERE partition::text < 'events_2022' ORDER BY 1;
SELECT partition, reason, role, at <= now() AS at FROM warden.partition_holds;
SELECT partition, action, status FROM warden.partition_maintain('events', dry_run => true) WHERE action = 'drop' ORDER BY 1;
SELECT partition, action, status FROM warden.partition_maintain('events') WHERE action = 'drop' ORDER BY 1;
SELECT * FROM warden.partition_maintain('events');
CALL warden.maintain();
SELECT to_regclass('events_2019') IS NULL AS gone, to_regclass('events_2020') IS NULL AS held, to_regclass('events_2021') IS NULL AS gone;
-- a plan made before somebody holds it does not count: it is looked at again under the lock
SELECT warden.partition_release('events_2020');
SELECT partition, action, status FROM warden.partition_maintain('events', dry_run => true) WHERE action = 'drop';
SELECT warden.partition_hold('events_2020', 'again');
SELECT * FROM warden.partition_maintain('events');
-- who may not, and what cannot be held
SET ROLE regress_warden_reader;
SELECT warden.partition_hold('events_2020', 'mine');
SELECT warden.partition_release('events_2020');
RESET ROLE;
SELECT warden.partition_hold('events', 'the whole of it');
SELECT warden.partition_hold(0, 'nothing');
CREATE TABLE other (n int) PARTITION BY RANGE (n);
CREATE TABLE other_1 PARTITION OF other FOR VALUES FROM (1) TO (2);
SELECT warden.partition_hold('other_1', 'not managed');
SELECT warden.partition_hold(NULL, 'nothing') IS NULL AS nothing;
-- let go
SELECT warden.partition_release('events_2020');
SELECT warden.partition_release('events_2020');
SELECT partition, action, status FROM warden.partition_maintain('events');
-- one that its owner drops is forgotten
CREATE TABLE events_2018 PARTITION OF events FOR VALUES FROM ('2018-01-01') TO ('2019-01-01');
SELECT warden.partition_hold('events_2018', 'no longer');
DROP TABLE events_2018;
SELECT held FROM warden.partitions WHERE held IS NOT NULL;
CALL warden.maintain();
SELECT count(*) FROM warden.partition_holds;

SET client_min_messages = error;
DROP SCHEMA holding CASCADE;
DROP OWNED BY regress_warden_keeper, regress_warden_reader;
DROP ROLE regress_warden_keeper, regress_warden_reader;
