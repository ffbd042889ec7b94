-- Partitioned tables: events are those of the table at the root, whichever table a statement names.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA parts;
SET search_path = parts;
CREATE TABLE told AS SELECT coalesce(max(id), 0) AS id FROM warden.audit_log;
-- What was logged since it was last asked for, in order.
CREATE FUNCTION tell() RETURNS TABLE (relation text, op "char", flags smallint, key text, before jsonb, after jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    last bigint := (SELECT max(t.id) FROM told t);
BEGIN
    INSERT INTO told SELECT coalesce(max(l.id), last) FROM warden.audit_log l;
    RETURN QUERY SELECT regexp_replace(r.name, '.*\.', ''), l.operation, l.flags, coalesce(l.key::text, l.key_number::text),
                        l.before, l.after
        FROM warden.audit_log l JOIN warden.audit_relations r ON r.id = l.relation WHERE l.id > last ORDER BY l.id;
END $$;
CREATE FUNCTION watch(relation regclass) RETURNS text LANGUAGE sql AS $$ SELECT status FROM warden.audit_enable(relation) $$;

CREATE TABLE root (id int, k int, t text, PRIMARY KEY (k, id)) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF root FOR VALUES FROM (0) TO (10);
-- columns in another order, and dropped ones
CREATE TABLE p2 (gone int, t text, k int NOT NULL, also_gone text, id int NOT NULL);
ALTER TABLE p2 DROP gone, DROP also_gone;
ALTER TABLE root ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
CREATE TABLE p3 PARTITION OF root FOR VALUES FROM (20) TO (30) PARTITION BY LIST (id);
CREATE TABLE p31 PARTITION OF p3 FOR VALUES IN (1, 2, 3);
CREATE TABLE p3rest PARTITION OF p3 DEFAULT;
SELECT watch('root');
SELECT enabled FROM warden.audit_tables WHERE relation = 'root'::regclass;
INSERT INTO root VALUES (1, 1, 'a'), (2, 11, 'b'), (3, 21, 'c'), (4, 22, 'd');
INSERT INTO p1 VALUES (5, 5, 'leaf');
INSERT INTO p2 (id, k, t) VALUES (6, 15, 'leaf');
UPDATE root SET t = t || '!' WHERE k > 4;
UPDATE p2 SET t = NULL WHERE id = 6;
-- rows that move
UPDATE root SET k = 12 WHERE id = 1;
UPDATE root SET k = 13 WHERE id = 1;
UPDATE p3 SET id = 9 WHERE id = 3;
INSERT INTO root VALUES (1, 13, 'conflict') ON CONFLICT (k, id) DO UPDATE SET t = excluded.t;
MERGE INTO root USING (VALUES (13, 1), (14, 1)) v (k, id) ON root.k = v.k AND root.id = v.id
    WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.k, 'merged');
COPY root FROM stdin;
7	7	copied
8	28	copied
\.
DELETE FROM root WHERE id = 7;
DELETE FROM p3rest WHERE id = 8;
SELECT * FROM tell();

-- partitions that come and go
CREATE TABLE p4 PARTITION OF root FOR VALUES FROM (30) TO (40);
CREATE TABLE p5 (LIKE root INCLUDING ALL);
INSERT INTO p5 VALUES (50, 45, 'before it was one');
ALTER TABLE root ATTACH PARTITION p5 FOR VALUES FROM (40) TO (50);
SELECT enabled, gaps FROM warden.audit_tables WHERE relation = 'root'::regclass;
INSERT INTO root VALUES (40, 31, 'new'), (41, 41, 'attached');
INSERT INTO p5 VALUES (42, 42, 'attached');
ALTER TABLE root DETACH PARTITION p5;
INSERT INTO p5 VALUES (43, 43, 'is no partition any more');
TRUNCATE p5;
DROP TABLE p4;
SELECT enabled, gaps FROM warden.audit_tables WHERE relation = 'root'::regclass;
SELECT * FROM tell();
-- a partition that was another's, and audited itself, in the same session
CREATE TABLE other (id int, k int, t text, PRIMARY KEY (k, id)) PARTITION BY RANGE (k);
SELECT watch('other');
INSERT INTO p1 VALUES (90, 9, 'of root');
ALTER TABLE root DETACH PARTITION p1;
ALTER TABLE other ATTACH PARTITION p1 FOR VALUES FROM (0) TO (10);
INSERT INTO p1 VALUES (91, 9, 'of other');
SELECT relation, op, key, after FROM tell();

-- a new column of the root, where partitions have others
ALTER TABLE root ADD COLUMN n int DEFAULT 5;
ALTER TABLE root RENAME t TO "T";
UPDATE root SET "T" = 'x', n = 6 WHERE id = 6;
SELECT * FROM tell();
SELECT DISTINCT v.columns @> '[{"name": "T"}, {"name": "n"}]' AS its_version
FROM warden.audit_log l JOIN warden.audit_versions v ON v.id = l.version
JOIN warden.audit_relations r ON r.id = l.relation AND r.name = 'parts.root' WHERE l.after ? 'n';

-- TRUNCATE: each row, of the root and of a leaf
TRUNCATE p2;
TRUNCATE root;
SELECT * FROM tell();
BEGIN;
INSERT INTO root VALUES (1, 21, 'mine');
TRUNCATE root;
ROLLBACK;
SELECT status FROM warden.audit_enable('root', on_truncate => 'event');
INSERT INTO root VALUES (1, 11, 'x'), (2, 21, 'y');
TRUNCATE p2;
TRUNCATE root;
SELECT * FROM tell();
SELECT status FROM warden.audit_enable('root', on_truncate => 'refuse');
INSERT INTO root VALUES (1, 11, 'x');
TRUNCATE root;
TRUNCATE p2;
SELECT * FROM tell();
CREATE TABLE plain (id int PRIMARY KEY, t text);
CREATE TABLE refers (id int REFERENCES plain);
SELECT watch('plain'), watch('refers');
INSERT INTO plain SELECT i, 'x' FROM generate_series(1, 2) i;
INSERT INTO refers VALUES (1);
TRUNCATE plain CASCADE;
TRUNCATE plain CASCADE;
SELECT * FROM tell();

SELECT count(*) AS lost FROM warden.audit_log l
WHERE l.session <> 0 AND NOT EXISTS (SELECT FROM warden.audit_sessions s WHERE s.id = l.session)
   OR NOT EXISTS (SELECT FROM warden.audit_versions v WHERE v.id = l.version AND v.relation = l.relation);
DROP SCHEMA parts CASCADE;
-- The tests of other features count sets of partitions: the log's are not left there.
DROP EXTENSION pg_warden CASCADE;
CREATE EXTENSION pg_warden;
-- The built-in job would come every ten minutes, in the midst of whatever test that is: it goes on resting until the tests of jobs.
DO $$ BEGIN PERFORM set_config('client_min_messages', 'warning', true), warden.schedule_pause('maintain'); END $$;
