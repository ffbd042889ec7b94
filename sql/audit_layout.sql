-- A row of the log is laid out as the server itself would: byte for byte, with and without a key, NULLs, short, long and
-- compressed images.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION pageinspect;
CREATE TABLE numbers (id int PRIMARY KEY, a text, b int);
CREATE TABLE texts (id text PRIMARY KEY, a text, b int);
CREATE TABLE keyless (a text, b int);
-- A part of the log of their own: every row of its pages is theirs.
SELECT count(*) FROM (VALUES ('numbers'), ('texts'), ('keyless')) t (name), warden.audit_enable(t.name::regclass, keep => '77 days');
INSERT INTO numbers SELECT i, repeat('x', i), i FROM generate_series(1, 600) i;
INSERT INTO texts SELECT repeat('k', i), (SELECT string_agg(md5(n::text), '') FROM generate_series(1, i) n), i FROM generate_series(1, 100) i;
INSERT INTO keyless SELECT repeat('x', i), nullif(i, 3) FROM generate_series(0, 200) i;
UPDATE numbers SET b = b + 1;
UPDATE texts SET b = NULL, id = id || 'y' WHERE b % 2 = 0;
UPDATE keyless SET a = a || 'z';
DELETE FROM numbers;
DELETE FROM texts;
TRUNCATE keyless;
SELECT log::text FROM warden.audit_classes WHERE keep = '77 days' \gset
CREATE TABLE formed (LIKE warden.audit_log);
ALTER TABLE formed SET (toast_tuple_target = 4064);
SELECT count(*) > 0 AS is_compressed FROM pg_attribute WHERE attrelid = :'log'::regclass AND attcompression = 'l' \gset
-- an expression: else rows are copied as they are
INSERT INTO formed SELECT id + 0, at, transaction, session, key_number, relation, version, class, flags, operation, key, before, after FROM :log;
CREATE VIEW items AS
SELECT t.name, i.t_infomask & 7 AS kinds, i.t_infomask2 & 2047 AS columns, i.t_hoff, i.t_bits, i.t_data
FROM (SELECT 'log', relid::regclass FROM pg_partition_tree(:'log') WHERE isleaf
      UNION ALL VALUES ('formed', 'formed'::regclass)) t (name, relation),
     generate_series(0, pg_relation_size(t.relation) / current_setting('block_size')::int - 1) page,
     heap_page_items(get_raw_page(t.relation::text, page::int)) i
WHERE i.t_data IS NOT NULL;
SELECT kinds, columns, t_hoff, t_bits, count(*) FROM items WHERE name = 'log' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT count(*) AS differ FROM (
    SELECT kinds, columns, t_hoff, t_bits, t_data, count(*) FILTER (WHERE name = 'log') AS log, count(*) FILTER (WHERE name = 'formed') AS formed
    FROM items GROUP BY 1, 2, 3, 4, 5) i WHERE log <> formed;
-- Some are long enough for a header of four bytes, and for compression where the server has it.
SELECT count(*) FILTER (WHERE pg_column_size(after) > 127) > 100 AS some_long,
       (count(*) FILTER (WHERE pg_column_compression(after) = 'lz4') > 0) = :'is_compressed' AS compressed_if_it_can
FROM :log;
DROP VIEW items;
DROP EXTENSION pageinspect;
DROP TABLE numbers, texts, keyless, formed;
