-- Tables that an audited schema has taken in, and that become partitions of another.
SET client_min_messages = warning;
CREATE ROLE attached_owner;
CREATE ROLE attached_other;
CREATE SCHEMA attached AUTHORIZATION attached_owner;
GRANT ALL ON SCHEMA attached TO attached_other;
SELECT count(*) FROM warden.audit_enable_schema('attached');
SET search_path = attached;
CREATE VIEW tables AS
SELECT relation::text, enabled, gaps FROM warden.audit_tables WHERE relation_name ~ '^attached' ORDER BY 1;
CREATE VIEW events AS
SELECT relation::text, operation, new FROM warden.audit_events WHERE relation_name ~ '^attached' ORDER BY id;
GRANT SELECT ON tables, events TO PUBLIC;

SET ROLE attached_owner;
CREATE TABLE root (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
CREATE TABLE low (LIKE root INCLUDING ALL);
INSERT INTO low VALUES (1, 1);
ALTER TABLE root ATTACH PARTITION low FOR VALUES FROM (0) TO (10);
INSERT INTO root VALUES (2, 2);
INSERT INTO low VALUES (3, 3);
SELECT * FROM tables;
SELECT * FROM events;
-- a tree, below a partition
CREATE TABLE high PARTITION OF root FOR VALUES FROM (10) TO (100) PARTITION BY RANGE (id);
CREATE TABLE tree (LIKE root INCLUDING ALL) PARTITION BY RANGE (id);
CREATE TABLE leaf (LIKE root INCLUDING ALL);
ALTER TABLE tree ATTACH PARTITION leaf DEFAULT;
ALTER TABLE high ATTACH PARTITION tree FOR VALUES FROM (10) TO (20);
INSERT INTO root VALUES (11, 11);
TRUNCATE leaf;
SELECT * FROM tables;
SELECT * FROM events OFFSET 3;
-- what is detached comes back
ALTER TABLE root DETACH PARTITION low;
INSERT INTO low VALUES (4, 4);
SELECT * FROM tables;
SELECT * FROM events OFFSET 5;
-- but for what audit_disable() was told of
RESET ROLE;
SELECT warden.audit_disable('low');
ALTER TABLE root ATTACH PARTITION low FOR VALUES FROM (0) TO (10);
ALTER TABLE root DETACH PARTITION low;
SELECT * FROM tables;
-- rolled back with the command
CREATE TABLE more (LIKE root INCLUDING ALL);
INSERT INTO more VALUES (5, 5);
ALTER TABLE root ATTACH PARTITION more FOR VALUES FROM (500) TO (600);
INSERT INTO more VALUES (6, 6);
SELECT * FROM tables;
SELECT * FROM events OFFSET 6;
-- one that audit_enable() was told of stays as it is
SELECT status FROM warden.audit_enable('more');
ALTER TABLE root ATTACH PARTITION more FOR VALUES FROM (0) TO (10);
SELECT * FROM tables;
-- who may not attach, changes nothing
SET ROLE attached_other;
ALTER TABLE root ATTACH PARTITION more FOR VALUES FROM (0) TO (10);
CREATE TABLE own (LIKE root);
ALTER TABLE root ATTACH PARTITION own FOR VALUES FROM (0) TO (10);
ALTER TABLE root ATTACH PARTITION nothing FOR VALUES FROM (0) TO (10);
RESET ROLE;
SELECT * FROM tables;

-- partitions that are managed
CREATE TABLE managed (id int, at timestamptz NOT NULL) PARTITION BY RANGE (at);
SELECT count(*) > 0 FROM warden.partition_by_time('managed', '1 day');
INSERT INTO managed VALUES (1, now());
SELECT * FROM tables;
SELECT relation, operation FROM events WHERE relation = 'managed';

SELECT warden.partition_unmanage('managed');
SELECT count(*) FROM warden.audit_disable_schema('attached');
SELECT warden.audit_disable('more');
SET search_path = public;
DROP SCHEMA attached CASCADE;
DROP ROLE attached_owner, attached_other;
