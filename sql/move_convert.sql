-- partition_convert() with rows copied: what becomes of a table, of rows that no range has, and of what is written
-- afterwards.
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
CREATE SCHEMA conv;
SET search_path = conv;
-- Nothing of a job is left: neither tables, nor triggers, nor constraints.
CREATE VIEW leftovers AS
    SELECT 'trigger' AS kind, tgrelid::regclass::text AS name FROM pg_trigger WHERE tgfoid = 'warden.partition_move_capture'::regproc
    UNION ALL
    SELECT 'constraint', conrelid::regclass || ' ' || conname FROM pg_constraint WHERE conname ~ '^warden_'
    UNION ALL
    SELECT 'side', relation::regclass::text FROM warden.partition_move_sides
    UNION ALL
    SELECT 'source', relation::regclass::text FROM warden.partition_move_sources
    UNION ALL
    SELECT 'table', c.oid::regclass::text FROM pg_class c WHERE relrewrite <> 0
    UNION ALL
    SELECT 'member', c.oid::regclass::text FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    WHERE c.relnamespace = 'conv'::regnamespace;
CREATE FUNCTION partitions(of_table regclass) RETURNS TABLE (partition text, bound text, rows bigint) LANGUAGE plpgsql AS $$
DECLARE child regclass;
BEGIN
    FOR child IN SELECT inhrelid FROM pg_inherits WHERE inhparent = of_table ORDER BY inhrelid::regclass::text LOOP
        RETURN QUERY EXECUTE format('SELECT %L, pg_get_expr(relpartbound, oid), (SELECT count(*) FROM %s) FROM pg_class WHERE oid = %L::regclass',
                                    child::text, child, child::text);
    END LOOP;
END $$;

-- Numbers, with a gap, null, and rows of which only the default partition can be.
CREATE TABLE n (id int NOT NULL, k int, v text DEFAULT 'v', twice int GENERATED ALWAYS AS (id * 2) STORED);
CREATE INDEX n_k ON n (k);
CREATE INDEX n_v ON n (lower(v)) WHERE k > 5;
COMMENT ON TABLE n IS 'numbers';
CREATE VIEW of_n AS SELECT k, count(*) AS rows FROM n GROUP BY k;
INSERT INTO n SELECT i, i, 'v ' || i FROM generate_series(0, 249) i;
INSERT INTO n SELECT i, i, repeat('long ' || i, 1000) FROM generate_series(1000, 1049) i;
INSERT INTO n SELECT 5000 + i, NULL FROM generate_series(1, 20) i;
CREATE TABLE n_was AS TABLE n;
SELECT 'n'::regclass::oid AS n \gset
SELECT step, action, command, lock, relation, bytes IS NOT NULL AS bytes, seconds IS NOT NULL AS seconds, detail
FROM warden.partition_convert_plan('n', 'k', '100', ahead => '100')
WHERE action NOT IN ('copy', 'index') ORDER BY step;
SELECT action, lock, relation, bytes > 0 AS bytes, seconds > 0 AS seconds, detail LIKE 'About 320 rows into %' AS rows
FROM warden.partition_convert_plan('n', 'k', '100', ahead => '100') WHERE action IN ('copy', 'index') ORDER BY step;
-- As a plan it changes nothing.
SELECT relkind FROM pg_class WHERE oid = :n;
SELECT count(*) FROM warden.partition_moves WHERE target = 'n'::regclass;
CALL warden.partition_convert('n', 'k', '100', ahead => '100');
SELECT 'n'::regclass::oid = :n AS is_the_same, pg_get_partkeydef('n'::regclass);
SELECT * FROM partitions('n');
(TABLE n EXCEPT ALL TABLE n_was) UNION ALL (TABLE n_was EXCEPT ALL TABLE n);
SELECT count(*), sum(rows) FROM of_n;
SELECT * FROM leftovers;
SELECT kind, state, phase, rows_copied, rows_total, restarts, pause_ms > 0 AS pause FROM warden.partition_moves WHERE target = 'n'::regclass ORDER BY id;
SELECT parent, partition, action, command FROM warden.partition_log WHERE parent = 'n'::regclass;
SELECT every_number, ahead_number, keep_number FROM warden.partition_sets WHERE parent = 'n'::regclass;
SELECT indexrelid::regclass, relkind, indisvalid FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = 'n'::regclass ORDER BY 1;
INSERT INTO n (id, k) VALUES (1, 150), (2, 1149), (3, 77777), (4, NULL) RETURNING tableoid::regclass, twice;
UPDATE n SET k = 10 WHERE k = 1020 RETURNING tableoid::regclass, length(v);
SET enable_seqscan = off;
SELECT id FROM n WHERE k = 222;
RESET enable_seqscan;
CALL warden.partition_convert('n', 'k', '100'); -- is one
DELETE FROM n;
INSERT INTO n (id, k, v) SELECT id, k, v FROM n_was;
CALL warden.partition_revert('n');
SELECT 'n'::regclass::oid = :n AS is_the_same, relkind FROM pg_class WHERE oid = :n;
(TABLE n EXCEPT ALL TABLE n_was) UNION ALL (TABLE n_was EXCEPT ALL TABLE n);
SELECT action, command FROM warden.partition_log WHERE parent = 'n'::regclass AND partition = 'conv.n' ORDER BY at;
SELECT * FROM leftovers;
SELECT count(*) FROM warden.partition_sets WHERE parent = :n;
SELECT count(*) FROM warden.partition_origins WHERE parent = :n;
-- And again.
CALL warden.partition_convert('n', 'k', '100', ahead => '100');
CALL warden.partition_revert('n');

-- Under the locks no row is read: neither of the partition for the rest, when others are attached after it, nor of others.
CREATE TABLE rest (k int, v text);
INSERT INTO rest SELECT i, 'v' FROM generate_series(1, 150) i;
INSERT INTO rest SELECT 100000 + i, 'v' FROM generate_series(1, 20) i;
INSERT INTO rest SELECT NULL, 'null' FROM generate_series(1, 20000) i;
CALL warden.partition_convert('rest', 'k', '50000', ahead => '50000');
SELECT * FROM partitions('rest');
DROP TABLE rest;
CREATE TABLE rest (k int, v text) WITH (autovacuum_enabled = off);
INSERT INTO rest SELECT i, 'v' FROM generate_series(1, 150) i;
INSERT INTO rest SELECT NULL, 'null' FROM generate_series(1, 20000) i;
CALL warden.partition_convert('rest', 'k', '50', ahead => '50');
SELECT pg_stat_force_next_flush();
SELECT relname, seq_scan, seq_tup_read FROM pg_stat_all_tables WHERE relid = 'rest_default'::regclass;
DROP TABLE rest;

-- Time, as a column of three kinds has it; without a default partition; an identity that goes on; a table without rows.
CREATE TABLE at_time (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, PRIMARY KEY (id, at));
INSERT INTO at_time (at) SELECT timestamptz '2021-06-15' + i * interval '1 month' FROM generate_series(0, 30) i;
CALL warden.partition_convert('at_time', 'at', '1 year', ahead => '1 year', default_partition => false);
SELECT * FROM partitions('at_time') WHERE partition < 'at_time_p2025';
SELECT count(*) FROM pg_inherits WHERE inhparent = 'at_time'::regclass AND pg_get_expr((SELECT relpartbound FROM pg_class WHERE oid = inhrelid), inhrelid) = 'DEFAULT';
INSERT INTO at_time (at) VALUES ('2022-02-02') RETURNING id, tableoid::regclass;
INSERT INTO at_time (at) VALUES ('1999-02-02');
CALL warden.partition_revert('at_time');
INSERT INTO at_time (at) VALUES ('1999-02-02') RETURNING id;
CREATE TABLE of_day (d date, v int);
INSERT INTO of_day SELECT date '2023-01-01' + i, i FROM generate_series(0, 400) i;
CALL warden.partition_convert('of_day', 'd', '1 year', ahead => '1 year');
SELECT * FROM partitions('of_day') WHERE partition < 'of_day_p2025';
CREATE TABLE without_rows (k bigint NOT NULL PRIMARY KEY);
CALL warden.partition_convert('without_rows', 'k', '1000', ahead => '2000');
SELECT * FROM partitions('without_rows');
INSERT INTO without_rows VALUES (5), (999999) RETURNING tableoid::regclass;
CALL warden.partition_revert('without_rows');
TABLE without_rows ORDER BY k;

-- A table that refers to itself, and is referred to.
CREATE TABLE tree (id int PRIMARY KEY, above int REFERENCES tree ON DELETE CASCADE);
INSERT INTO tree SELECT i, nullif(i / 2, 0) FROM generate_series(1, 300) i;
CREATE TABLE leaf (id int REFERENCES tree ON DELETE SET NULL);
INSERT INTO leaf SELECT i FROM generate_series(1, 300, 7) i;
CALL warden.partition_convert('tree', 'id', '100', ahead => '100');
SELECT * FROM partitions('tree');
SELECT count(*), sum(above) FROM tree;
SELECT count(id) FROM leaf;
INSERT INTO tree VALUES (301, 999);
INSERT INTO leaf VALUES (999);
DELETE FROM tree WHERE id = 2;
SELECT count(*), sum(above) FROM tree;
SELECT count(id) FROM leaf;
CALL warden.partition_revert('tree');
SELECT count(*), sum(above) FROM tree;
SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE confrelid = 'tree'::regclass ORDER BY 1;
INSERT INTO tree VALUES (301, 999);
DELETE FROM tree WHERE id = 3;
SELECT count(*), sum(above) FROM tree;

-- What is written beyond all ranges while rows are copied goes to the default partition; without one, it begins anew.
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE 'conv.beyond\_%') THEN
        RAISE EXCEPTION 'no index here';
    END IF;
END $$;
CREATE TABLE beyond (k int NOT NULL, v int);
CREATE INDEX ON beyond (k);
INSERT INTO beyond SELECT i, i FROM generate_series(1, 99) i;
CREATE EVENT TRIGGER conv_refuse ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION refuse();
CALL warden.partition_convert('beyond', 'k', '50', ahead => '50');
SELECT state, phase, last_error FROM warden.partition_moves WHERE target = 'beyond'::regclass;
INSERT INTO beyond VALUES (1001, 0);
UPDATE beyond SET v = 0 WHERE k IN (7, 77);
DROP EVENT TRIGGER conv_refuse;
CALL warden.partition_resume('beyond');
SELECT * FROM partitions('beyond');
SELECT count(*), sum(k), sum(v) FROM beyond;
SELECT state, restarts, changes_replayed FROM warden.partition_moves WHERE target = 'beyond'::regclass;
CALL warden.partition_revert('beyond');
DELETE FROM beyond WHERE k > 1000;
CREATE EVENT TRIGGER conv_refuse ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION refuse();
CALL warden.partition_convert('beyond', 'k', '50', ahead => '50', default_partition => false);
INSERT INTO beyond VALUES (201, 0);
DROP EVENT TRIGGER conv_refuse;
CALL warden.partition_resume('beyond');
SELECT * FROM partitions('beyond');
SELECT count(*), sum(k), sum(v) FROM beyond;
SELECT kind, state, restarts FROM warden.partition_moves WHERE target = 'beyond'::regclass ORDER BY id;

-- dry_run tells the same.
CALL warden.partition_convert('without_rows', 'k', '1000000', ahead => '1000000', default_partition => false, dry_run => true);
SELECT * FROM leftovers;
-- What a table was is of no use when it is dropped.
DROP TABLE of_day;
CALL warden.maintain();
SELECT parent::oid::regclass FROM warden.partition_origins WHERE parent::oid::regclass::text ~ '^[a-z_]+$' ORDER BY 1;
DROP SCHEMA conv CASCADE;
CALL warden.maintain();
SELECT count(*) FROM warden.partition_origins;
