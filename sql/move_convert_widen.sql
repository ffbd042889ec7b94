-- partition_convert() of a table whose unique indexes lack the key: widened by it, and given back as they were.
SET timezone = 'UTC';
CREATE SCHEMA convw;
SET search_path = convw;
CREATE TABLE t (id int NOT NULL, k int NOT NULL, code text, other int, CONSTRAINT "t's key" PRIMARY KEY (id) INCLUDE (code) WITH (fillfactor = 70));
ALTER TABLE t ADD CONSTRAINT t_other UNIQUE (other) DEFERRABLE INITIALLY DEFERRED;
CREATE UNIQUE INDEX t_code ON t (lower(code), (id % 10)) WHERE id > 0;
CREATE UNIQUE INDEX t_both ON t (k, id);
CREATE INDEX t_k ON t (k);
ALTER TABLE t REPLICA IDENTITY USING INDEX "t's key";
COMMENT ON CONSTRAINT "t's key" ON t IS 'the key';
COMMENT ON INDEX "t's key" IS 'of the key';
COMMENT ON INDEX t_code IS 'codes';
INSERT INTO t SELECT i, i % 300, 'Code ' || i, i FROM generate_series(1, 1000) i;
CREATE FUNCTION indexes() RETURNS TABLE (index text, identity bool, comment text, of_constraint text) LANGUAGE sql AS $$
    SELECT pg_get_indexdef(indexrelid), indisreplident, obj_description(indexrelid, 'pg_class'), obj_description(c.oid, 'pg_constraint')
    FROM pg_index LEFT JOIN pg_constraint c ON c.conindid = indexrelid AND c.conrelid = indrelid
    WHERE indrelid = 't'::regclass ORDER BY 1 $$;
CREATE TABLE indexes_were AS SELECT * FROM indexes();
CREATE TABLE t_was AS TABLE t;
CALL warden.partition_convert('t', 'k', '100', ahead => '100');
SELECT step, action, command, detail FROM warden.partition_convert_plan('t', 'k', '100', ahead => '100', widen_key => true)
WHERE action = 'swap' ORDER BY step;
CALL warden.partition_convert('t', 'k', '100', ahead => '100', widen_key => true);
SELECT * FROM indexes();
SELECT relreplident FROM pg_class WHERE oid = 't'::regclass;
SELECT indexrelid::regclass FROM pg_index WHERE indrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 't'::regclass) AND indisreplident ORDER BY 1;
(TABLE t EXCEPT ALL TABLE t_was) UNION ALL (TABLE t_was EXCEPT ALL TABLE t);
INSERT INTO t VALUES (1, 1, 'other', -1);
INSERT INTO t VALUES (1, 2, 'other', -1) ON CONFLICT (id) DO NOTHING;
INSERT INTO t VALUES (1, 2, 'other', -1) ON CONFLICT (id, k) DO NOTHING;
-- What is not unique any more cannot be given back.
CALL warden.partition_revert('t');
SELECT state FROM warden.partition_moves ORDER BY id DESC LIMIT 1;
DELETE FROM t WHERE code = 'other';
CALL warden.partition_resume('t');
TABLE indexes_were EXCEPT ALL SELECT * FROM indexes();
SELECT * FROM indexes() EXCEPT ALL TABLE indexes_were;
(TABLE t EXCEPT ALL TABLE t_was) UNION ALL (TABLE t_was EXCEPT ALL TABLE t);
SELECT relreplident FROM pg_class WHERE oid = 't'::regclass;
INSERT INTO t VALUES (1, 2, 'other', -1);
-- What keeps one from being widened.
CREATE TABLE refers (id int CONSTRAINT to_t REFERENCES t);
CALL warden.partition_convert('t', 'k', '100', widen_key => true);
DROP TABLE refers;
CREATE VIEW grouped AS SELECT id, code, count(*) FROM t GROUP BY id;
CALL warden.partition_convert('t', 'k', '100', widen_key => true);
DROP VIEW grouped;
ALTER TABLE t ALTER k DROP NOT NULL;
CALL warden.partition_convert('t', 'k', '100', widen_key => true);
-- What was altered while the table was partitioned: columns, keys and the index that it is clustered by have other names;
-- an index is gone, and one that has the name of a key that was widened is somebody's own.
CREATE TABLE later (id int CONSTRAINT later_key PRIMARY KEY, k int NOT NULL, v text, w int CONSTRAINT later_own UNIQUE, gone int);
ALTER TABLE later ADD CONSTRAINT later_renamed UNIQUE (v);
CREATE INDEX later_v ON later (v);
CREATE UNIQUE INDEX later_gone ON later (gone);
ALTER TABLE later CLUSTER ON later_v;
INSERT INTO later SELECT i, i, i, i FROM generate_series(1, 200) i;
CALL warden.partition_convert('later', 'k', '100', ahead => '100', widen_key => true);
ALTER TABLE later RENAME id TO "the id";
ALTER TABLE later RENAME k TO "the, key";
ALTER TABLE later DROP gone;
ALTER INDEX later_v RENAME TO later_of_v;
ALTER TABLE later RENAME CONSTRAINT later_renamed TO "other, name";
ALTER TABLE later DROP CONSTRAINT later_own, ADD CONSTRAINT later_own UNIQUE ("the, key");
CREATE TABLE refers (v text, k int, CONSTRAINT to_later FOREIGN KEY (v, k) REFERENCES later (v, "the, key"));
CALL warden.partition_revert('later');
DROP TABLE refers;
SELECT command FROM warden.partition_revert_plan('later') WHERE command LIKE 'ALTER%';
CALL warden.partition_revert('later');
SELECT pg_get_indexdef(indexrelid), indisclustered, pg_get_constraintdef(c.oid)
FROM pg_index LEFT JOIN pg_constraint c ON c.conindid = indexrelid WHERE indrelid = 'later'::regclass ORDER BY 1;
DROP SCHEMA convw CASCADE;
