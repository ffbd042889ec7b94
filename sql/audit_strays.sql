-- What events in the default partition of the log refer to stays as long as they do: maintenance had not run for days.
SET client_min_messages = warning;
SET timezone = 'UTC';
TRUNCATE warden.audit_log; -- of other tests
CREATE TABLE orders (id int PRIMARY KEY);
SELECT status FROM warden.audit_enable('orders', keep => '53 days');
SELECT log::regclass AS part FROM warden.audit_classes WHERE keep = '53 days' \gset
DO $$ BEGIN
	EXECUTE (SELECT format('DROP TABLE %s', string_agg(p.relid::regclass::text, ', '))
	         FROM warden.audit_classes c, pg_partition_tree(log::oid::regclass) p
	         WHERE keep = '53 days' AND isleaf AND p.relid::regclass::text !~ 'default');
END $$;
BEGIN;
SELECT warden.audit_set_context('{"strays": 1}');
INSERT INTO orders VALUES (1), (2);
COMMIT;
UPDATE warden.audit_log SET at = at - interval '20 days';
UPDATE warden.audit_contexts SET at = at - interval '20 days' WHERE context ? 'strays';
UPDATE warden.audit_sessions SET at = at - interval '20 days' WHERE id IN (SELECT session FROM warden.audit_log);
CALL warden.maintain();
SELECT tableoid::regclass::text ~ 'default' AS in_default, count(*) FROM warden.audit_log GROUP BY 1;
SELECT operation, key, session_role = session_user AS who, context FROM warden.audit_events
WHERE relation = 'orders'::regclass ORDER BY id;

-- They go when they are over, also where all tables are published.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE PUBLICATION everything FOR ALL TABLES;
DO $$ BEGIN
	EXECUTE (SELECT format('DELETE FROM %s_default', log::regclass) FROM warden.audit_classes WHERE keep = '53 days');
END $$;
ROLLBACK;
UPDATE warden.audit_log SET at = at - interval '50 days';
CALL warden.maintain();
SELECT count(*) AS events FROM warden.audit_log;

SELECT warden.audit_disable('orders');
SELECT warden.partition_unmanage(:'part');
DROP TABLE :part;
DELETE FROM warden.audit_classes WHERE keep = '53 days';
DROP TABLE orders;
