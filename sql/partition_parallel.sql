-- The views in a plan that has workers, where not everything may be asked of the server.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA parallel;
SET search_path = parallel;
CREATE TABLE one (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE two (at timestamptz) PARTITION BY RANGE (at);
SELECT DISTINCT action, status FROM unnest('{one,two}'::regclass[]) parent,
    warden.partition_by_time(parent, '1 year', ahead => '3 years');
CREATE TABLE big AS SELECT i FROM generate_series(1, 20000) i;
ANALYZE big;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT (SELECT count(*) FROM big WHERE i % 7 = 0), parent FROM warden.partition_sets ORDER BY parent::text;
SELECT kind, count(*) > 1 AS several FROM warden.partitions JOIN big ON i = 7 GROUP BY 1;
-- the name since PostgreSQL 16, and that before
SELECT count(set_config(name, 'on', false)) FROM pg_settings
WHERE name IN ('debug_parallel_query', 'force_parallel_mode');
SELECT count(*) FROM warden.partition_sets;
SELECT count(*) > 4 AS several FROM warden.partitions;
SELECT status FROM warden.partition_maintain();
SELECT count(set_config(name, 'off', false)) FROM pg_settings
WHERE name IN ('debug_parallel_query', 'force_parallel_mode');
DROP SCHEMA parallel CASCADE;
