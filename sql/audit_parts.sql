-- Parts of the log that a superuser has dropped or detached by hand.
SET client_min_messages = warning;
CREATE SCHEMA parts;
SET search_path = parts;
CREATE TABLE item (id int PRIMARY KEY, n int);
CREATE TABLE other (id int PRIMARY KEY, n int);
SELECT status FROM warden.audit_enable('item', keep => '53 days');
SELECT status FROM warden.audit_enable('other', keep => '53 days');
INSERT INTO item VALUES (1, 1);
INSERT INTO other VALUES (1, 1);
CREATE FUNCTION part() RETURNS regclass LANGUAGE sql AS $$ SELECT log::regclass FROM warden.audit_classes WHERE keep = '53 days' $$;
CREATE FUNCTION run(command text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE replace(command, '@part', part()::text); END $$;
CREATE VIEW seen AS
SELECT relation, operation, new FROM warden.audit_events WHERE relation::text IN ('item', 'other', 'parts.item', 'parts.other') ORDER BY id;

-- the default partition: nothing fails as long as there is another for the moment
SELECT run('DROP TABLE @part_default');
UPDATE item SET n = 2;
SELECT relation, enabled, gaps FROM warden.audit_tables WHERE relation IN ('item'::regclass, 'other'::regclass) ORDER BY relation::text;
SELECT status FROM warden.audit_enable('item', keep => '53 days');
SELECT count(*) FROM pg_partitioned_table WHERE partrelid = part() AND partdefid <> 0;
SELECT gaps FROM warden.audit_tables WHERE relation = 'other'::regclass;

-- a part that is detached is written to, and not seen
SELECT run('ALTER TABLE warden.audit_log DETACH PARTITION @part');
UPDATE item SET n = 3;
SELECT count(*) FROM seen;
SELECT gaps FROM warden.audit_tables WHERE relation = 'item'::regclass;
SELECT status FROM warden.audit_enable('item', keep => '53 days');
SELECT * FROM seen;

-- one that is dropped: changes are refused, rather than not logged, until it is there again, for each of its tables
SELECT run('DROP TABLE @part');
UPDATE item SET n = 4;
SELECT gaps FROM warden.audit_tables WHERE relation = 'item'::regclass;
CALL warden.maintain();
SELECT count(*) FROM warden.audit_costs() WHERE relation_name = 'parts.item';
SELECT status FROM warden.audit_enable('item', keep => '53 days');
UPDATE item SET n = 5;
UPDATE other SET n = 5;
SELECT * FROM seen;
SELECT relation, enabled FROM warden.audit_tables WHERE relation IN ('item'::regclass, 'other'::regclass) ORDER BY relation::text;
SELECT relname, relacl FROM pg_class WHERE oid = (SELECT partdefid FROM pg_partitioned_table WHERE partrelid = part()) AND relacl IS NOT NULL;

SELECT warden.audit_disable('item'), warden.audit_disable('other');
SELECT warden.partition_unmanage(part());
SELECT run('DROP TABLE @part');
DELETE FROM warden.audit_classes WHERE keep = '53 days';
DROP SCHEMA parts CASCADE;
