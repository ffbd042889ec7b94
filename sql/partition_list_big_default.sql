-- A default partition of a list that is too big to be scanned under a lock.
CREATE TABLE country_of (country varchar(9), pad text) PARTITION BY LIST (country);
CREATE TABLE country_rest PARTITION OF country_of DEFAULT;
ALTER TABLE country_rest ALTER pad SET STORAGE PLAIN;
INSERT INTO country_of SELECT 'xx', repeat('x', 7900) FROM generate_series(1, 1100);
SELECT partition, action, status, regexp_replace(detail, '[0-9]+ MB', 'N MB') AS detail
FROM warden.partition_by_list('country_of', keys => '{de,fr,NULL}', min_rows => NULL, dry_run => true);
BEGIN;
SELECT count(*), min(status) FROM warden.partition_by_list('country_of', keys => '{de,fr,NULL}', min_rows => NULL);
SELECT count(*) AS locks_of_default FROM pg_locks
WHERE relation = 'country_rest'::regclass AND mode <> 'AccessShareLock' AND pid = pg_backend_pid();
COMMIT;
CALL warden.maintain();
SELECT colliding, skipped FROM warden.partition_sets WHERE parent = 'country_of'::regclass;
-- It is not read in every maintenance: nobody is told what that would find.
INSERT INTO country_of VALUES ('de');
SELECT pg_stat_force_next_flush();
SELECT seq_scan AS before FROM pg_stat_user_tables WHERE relid = 'country_rest'::regclass \gset
CALL warden.maintain();
SELECT pg_stat_force_next_flush();
SELECT seq_scan - :before AS reads FROM pg_stat_user_tables WHERE relid = 'country_rest'::regclass;
SELECT partition, status FROM warden.partition_maintain('country_of', dry_run => true);
DELETE FROM country_of WHERE country = 'de';
-- What a constraint says is not there need not be looked for.
ALTER TABLE country_rest ADD CHECK (NOT (country = 'de')), ADD CHECK (NOT (country IS NULL));
SELECT partition, status FROM warden.partition_maintain('country_of');
-- One that is not valid says nothing.
ALTER TABLE country_rest ADD CONSTRAINT no_fr CHECK (NOT (country = 'fr')) NOT VALID;
SELECT partition, status FROM warden.partition_maintain('country_of');
ALTER TABLE country_rest VALIDATE CONSTRAINT no_fr;
CALL warden.maintain();
SELECT * FROM warden.partition_maintain('country_of');
SELECT colliding, skipped FROM warden.partition_sets WHERE parent = 'country_of'::regclass;
SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'country_of'::regclass) ORDER BY 1;
-- Below a set that is subdivided as well.
CREATE TABLE sold (part int NOT NULL, country text, pad text) PARTITION BY HASH (part);
CREATE TABLE sold_0 PARTITION OF sold FOR VALUES WITH (MODULUS 1, REMAINDER 0) PARTITION BY LIST (country);
CREATE TABLE sold_0_rest PARTITION OF sold_0 DEFAULT;
ALTER TABLE sold_0_rest ALTER pad SET STORAGE PLAIN;
INSERT INTO sold SELECT 1, 'xx', repeat('x', 7900) FROM generate_series(1, 1100);
SELECT * FROM warden.partition_by_hash('sold');
SELECT parent, partition, status FROM warden.partition_subdivide('sold', 'list', 'country', keys => '{de}');
DROP TABLE country_of, sold;
