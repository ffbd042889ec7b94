-- partition_convert() without a copy: the table's storage becomes the first partition's.
SET timezone = 'UTC';
CREATE SCHEMA convm;
SET search_path = convm;
CREATE VIEW leftovers AS
    SELECT 'trigger' AS kind, tgrelid::regclass::text AS name FROM pg_trigger WHERE tgfoid = 'warden.partition_move_capture'::regproc
    UNION ALL
    SELECT 'constraint', conrelid::regclass || ' ' || conname FROM pg_constraint WHERE conname ~ '^warden_'
    UNION ALL
    SELECT 'side', relation::regclass::text FROM warden.partition_move_sides
    UNION ALL
    SELECT 'table', c.oid::regclass::text FROM pg_class c WHERE relrewrite <> 0
    UNION ALL
    SELECT 'member', c.oid::regclass::text FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    WHERE c.relnamespace = 'convm'::regnamespace;
-- Dropped columns of all forms, TOAST, a column that older rows lack.
CREATE TABLE t (gone int, id bigint GENERATED ALWAYS AS IDENTITY, gone_text text, k bigint NOT NULL, gone_bool bool, v text COLLATE "C" DEFAULT 'it''s',
    gone_uuid uuid, twice bigint GENERATED ALWAYS AS (k * 2) STORED, CONSTRAINT t_check CHECK (k >= 0), PRIMARY KEY (id, k));
INSERT INTO t (k, v) SELECT i, CASE WHEN i % 100 = 0 THEN repeat(md5(i::text), 1000) ELSE 'v ' || i END FROM generate_series(1, 1500) i;
ALTER TABLE t DROP gone, DROP gone_text, DROP gone_bool, DROP gone_uuid, ADD added int DEFAULT 7, ALTER v SET STORAGE EXTERNAL;
CREATE INDEX t_v ON t (left(v, 5)) INCLUDE (k);
CREATE STATISTICS t_s ON k, added FROM t;
CREATE TABLE refers (id bigint, k bigint, FOREIGN KEY (id, k) REFERENCES t ON DELETE CASCADE);
INSERT INTO refers SELECT id, k FROM t WHERE k % 10 = 0;
CREATE TABLE t_was AS TABLE t;
SELECT 't'::regclass::oid AS t, pg_relation_filenode('t') AS file, pg_relation_filenode('t_pkey') AS key_file \gset
SELECT step, action, command, lock, relation, bytes, seconds IS NOT NULL AS seconds, detail
FROM warden.partition_convert_plan('t', 'k', '1000', ahead => '1000', metadata_only => true) ORDER BY step;
CALL warden.partition_convert('t', 'k', '1000', ahead => '1000', metadata_only => true);
SELECT 't'::regclass::oid = :t AS is_the_same;
SELECT c.oid::regclass AS partition, pg_get_expr(relpartbound, c.oid) AS bound FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 't'::regclass ORDER BY 1;
-- Not a row was copied, not an index built.
SELECT pg_relation_filenode('t_first') = :file AS file, pg_relation_filenode('t_first_pkey') = :key_file AS key_file;
SELECT state, rows_copied, changes_replayed FROM warden.partition_moves WHERE target = 't'::regclass;
(TABLE t EXCEPT ALL TABLE t_was) UNION ALL (TABLE t_was EXCEPT ALL TABLE t);
SELECT tableoid::regclass, count(*), count(added) FROM t GROUP BY 1 ORDER BY 1;
INSERT INTO t (k) VALUES (9), (3001), (77777) RETURNING tableoid::regclass, id, twice, added;
UPDATE t SET k = 3002 WHERE k = 8 RETURNING tableoid::regclass, v;
SET enable_seqscan = off;
SELECT k FROM t WHERE left(v, 5) = 'v 777';
RESET enable_seqscan;
INSERT INTO t (id, k) OVERRIDING SYSTEM VALUE VALUES (55, 55);
INSERT INTO refers VALUES (1, 2);
DELETE FROM t WHERE k = 10;
SELECT count(*) FROM refers;
SELECT * FROM leftovers;
DELETE FROM t;
INSERT INTO t (id, k, v) OVERRIDING SYSTEM VALUE SELECT id, k, v FROM t_was;
CALL warden.partition_revert('t');
(TABLE t EXCEPT ALL TABLE t_was) UNION ALL (TABLE t_was EXCEPT ALL TABLE t);
SELECT action FROM warden.partition_log WHERE partition = 'convm.t' ORDER BY at;

-- What keeps it from being done, when that has begun: nothing of it stays.
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conname = 'warden_move_bound') THEN
        RAISE EXCEPTION 'a partition is made';
    END IF;
END $$;
CREATE EVENT TRIGGER convm_refuse ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION refuse();
CALL warden.partition_convert('t', 'k', '1000', ahead => '1000', metadata_only => true);
DROP EVENT TRIGGER convm_refuse;
SELECT state, phase, last_error FROM warden.partition_moves ORDER BY id DESC LIMIT 1;
SELECT * FROM leftovers;
INSERT INTO t (k) VALUES (1000000);
DELETE FROM t WHERE k = 1000000;
CALL warden.partition_resume('t');
SELECT state, restarts FROM warden.partition_moves ORDER BY id DESC LIMIT 1;
SELECT count(*) FROM pg_inherits WHERE inhparent = 't'::regclass;
SELECT * FROM leftovers;
CALL warden.partition_revert('t');

-- Rows that no partition but the default one could have.
CREATE TABLE with_null (k int);
INSERT INTO with_null VALUES (1), (NULL);
CALL warden.partition_convert('with_null', 'k', '10', metadata_only => true);
CREATE TABLE without_end (at timestamptz);
INSERT INTO without_end VALUES ('2024-01-01'), ('infinity');
CALL warden.partition_convert('without_end', 'at', '1 month', metadata_only => true);
CREATE TABLE narrow (id int PRIMARY KEY, k int NOT NULL);
CALL warden.partition_convert('narrow', 'k', '10', metadata_only => true, widen_key => true);
-- The greatest key, as numbers are compared, not as texts are.
CREATE TABLE digits (k int NOT NULL);
INSERT INTO digits SELECT generate_series(1, 3000);
CALL warden.partition_convert('digits', 'k', '1000', ahead => '1000', metadata_only => true);
SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'digits'::regclass) ORDER BY 1;
-- The greatest key of all rows, not of those that its owner may see.
CREATE ROLE convm_owner;
GRANT USAGE, CREATE ON SCHEMA convm TO convm_owner;
CREATE TABLE hidden (k int NOT NULL);
INSERT INTO hidden SELECT generate_series(1, 3000);
CREATE POLICY none ON hidden USING (k < 0);
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, OWNER TO convm_owner;
CALL warden.partition_convert('hidden', 'k', '1000', ahead => '1000', metadata_only => true);
SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'hidden'::regclass) ORDER BY 1;
SELECT count(*), count(DISTINCT tableoid) AS tables FROM hidden;
DROP SCHEMA convm CASCADE;
DROP ROLE convm_owner;
