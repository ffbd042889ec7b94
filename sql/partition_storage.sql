-- How new partitions are stored: as the policy says, else like the newest one; where the parent says.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA storage;
SET search_path = storage;
CREATE FUNCTION newest(parent regclass) RETURNS regclass LANGUAGE sql AS $$
    SELECT inhrelid FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
    WHERE inhparent = parent AND relname ~ '_p\d{8}' ORDER BY relname DESC LIMIT 1 $$;
CREATE FUNCTION options(relation regclass) RETURNS TABLE (options text[], toast text[], persistence "char", method name)
LANGUAGE sql AS $$
    SELECT c.reloptions, t.reloptions, c.relpersistence, amname
    FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid JOIN pg_am a ON a.oid = c.relam
    WHERE c.oid = relation $$;

-- nobody says anything
CREATE TABLE plain (at timestamptz, t text) PARTITION BY RANGE (at);
SELECT count(*) > 0 FROM warden.partition_by_time('plain', '1 year', ahead => '1 year');
SELECT * FROM options(newest('plain'));

-- the newest partition says it; not the default one, and not the one made last
CREATE TABLE templated (at timestamptz, t text) PARTITION BY RANGE (at);
CREATE TABLE templated_rest PARTITION OF templated DEFAULT WITH (fillfactor = 11);
CREATE TABLE templated_new PARTITION OF templated FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')
    WITH (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_vacuum_threshold = 1234);
CREATE TABLE templated_old PARTITION OF templated FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')
    WITH (fillfactor = 12);
SELECT DISTINCT status, detail FROM warden.partition_by_time('templated', '1 year', ahead => '1 year');
SELECT * FROM options(newest('templated'));

-- the policy says it, with parameters of the TOAST table, too; then other ones, then none
SELECT DISTINCT status, detail FROM warden.partition_by_time('templated', '1 year', ahead => '2 years',
    storage_parameters => '{fillfactor=50,toast.autovacuum_enabled=false,parallel_workers=3}');
SELECT * FROM options(newest('templated'));
SELECT storage_parameters FROM warden.partition_sets WHERE parent = 'templated'::regclass;
SELECT DISTINCT status, detail
FROM warden.partition_by_time('templated', '1 year', ahead => '3 years', storage_parameters => '{}');
SELECT * FROM options(newest('templated'));
SELECT DISTINCT status, detail FROM warden.partition_by_time('templated', '1 year', ahead => '4 years');
SELECT * FROM options(newest('templated'));

-- the newest is foreign, or partitioned: it cannot say
CREATE FOREIGN DATA WRAPPER storage_wrapper;
CREATE SERVER storage_server FOREIGN DATA WRAPPER storage_wrapper;
CREATE TABLE far (at timestamptz, t text) PARTITION BY RANGE (at);
CREATE FOREIGN TABLE far_2022 PARTITION OF far FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')
    SERVER storage_server OPTIONS (a 'b');
SELECT DISTINCT status, detail FROM warden.partition_by_time('far', '1 year', ahead => '1 year');
SELECT * FROM options(newest('far'));
CREATE TABLE deep (at timestamptz, n int) PARTITION BY RANGE (at);
CREATE TABLE deep_2022 PARTITION OF deep FOR VALUES FROM ('2022-01-01') TO ('2023-01-01') PARTITION BY LIST (n);
SELECT DISTINCT status, detail FROM warden.partition_by_time('deep', '1 year', ahead => '1 year');
SELECT * FROM options(newest('deep'));

-- the newest is unlogged: what follows is, too
CREATE TABLE fast (at timestamptz, t text) PARTITION BY RANGE (at);
CREATE UNLOGGED TABLE fast_2022 PARTITION OF fast FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
SELECT DISTINCT status, detail FROM warden.partition_by_time('fast', '1 year', ahead => '1 year');
SELECT * FROM options(newest('fast'));

-- the tablespace is the parent's, whatever default_tablespace says
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_warden_space LOCATION '';
CREATE TABLESPACE regress_warden_trap LOCATION '';
CREATE TABLE placed (at timestamptz, t text, n int) PARTITION BY RANGE (at) TABLESPACE regress_warden_space;
CREATE INDEX placed_n ON placed (n) TABLESPACE regress_warden_trap;
SET default_tablespace = regress_warden_trap;
SELECT DISTINCT status, detail FROM warden.partition_by_time('placed', '1 year', ahead => '1 year');
RESET default_tablespace;
SELECT relkind, spcname
FROM newest('placed')
JOIN pg_class c ON c.oid = newest OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = newest)
LEFT JOIN pg_tablespace s ON s.oid = reltablespace ORDER BY 1;
DROP SCHEMA storage CASCADE;
DROP FOREIGN DATA WRAPPER storage_wrapper CASCADE;
DROP TABLESPACE regress_warden_space;
DROP TABLESPACE regress_warden_trap;
