-- Sets by list: declared values have partitions; values that the default partition has many rows of are told.
SET timezone = 'UTC';
SET datestyle = 'ISO, DMY';
SET client_min_messages = warning;
CREATE ROLE regress_warden_keeper;
GRANT EXECUTE ON FUNCTION warden.partition_by_list, warden.partition_maintain, warden.partition_unmanage,
    warden.partition_hold TO regress_warden_keeper;
CREATE SCHEMA listed AUTHORIZATION regress_warden_keeper;
SET search_path = listed;
SET ROLE regress_warden_keeper;
CREATE FUNCTION bounds(target regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s %s', relname, pg_get_expr(relpartbound, c.oid))
    FROM pg_class c JOIN pg_inherits ON inhrelid = c.oid WHERE inhparent = target ORDER BY relname COLLATE "C" $$;

-- values of all sorts, and what they are called
CREATE TABLE orders (country text, n int) PARTITION BY LIST (country);
SELECT partition, action, status FROM warden.partition_by_list('orders', keys => '{de}', dry_run => true);
SELECT count(*) FROM warden.partition_policies WHERE parent = 'orders'::regclass;
SELECT * FROM warden.partition_by_list('orders',
    keys => ARRAY['de', 'DE', 'a/b', 'a b', '', NULL, 'NULL', 'DEFAULT', 'it''s "q"', 'Österreich', 'de',
                  '; DROP TABLE orders --', repeat('long ', 20), repeat('long ', 20) || '2', repeat('ü', 60)]);
SELECT * FROM warden.partition_maintain('orders');
SELECT bounds('orders');
SELECT parent, method, modulus, keys, min_rows, partitions, covered_to, covered_until FROM warden.partition_sets;
SELECT partition, kind, lower_bound, upper_bound, expires_at, bound FROM warden.partitions
WHERE partition IN ('orders_de'::regclass, 'orders_null'::regclass) ORDER BY partition::text;
INSERT INTO orders VALUES ('de', 1), ('DE', 2), (NULL, 3), ('', 4);
-- others instead: what was declared before stays
SELECT partition, status FROM warden.partition_by_list('orders', keys => '{fr}');
DROP TABLE orders_fr;
SELECT partition, status FROM warden.partition_maintain('orders');
-- a partition of several values, by hand: what it takes is taken
CREATE TABLE nordic PARTITION OF orders FOR VALUES IN ('se', 'no');
SELECT partition, status FROM warden.partition_by_list('orders', keys => '{se,no,dk}');

-- a default partition: rows that are in the way are a state, and no error
CREATE TABLE sales (country text, n int, twice int GENERATED ALWAYS AS (n * 2) STORED) PARTITION BY LIST (country);
CREATE TABLE sales_rest PARTITION OF sales DEFAULT;
INSERT INTO sales SELECT 'big', n FROM generate_series(1, 2000) n;
INSERT INTO sales SELECT 'small', n FROM generate_series(1, 10) n;
INSERT INTO sales SELECT NULL, n FROM generate_series(1, 1500) n;
SELECT partition, action, status, detail FROM warden.partition_by_list('sales', keys => '{small,new}');
-- found by ANALYZE only
ANALYZE sales;
SELECT partition, action, status, detail FROM warden.partition_maintain('sales');
SELECT last_error, default_rows FROM warden.partition_sets WHERE parent = 'sales'::regclass;
RESET ROLE;
CALL warden.maintain();
SET ROLE regress_warden_keeper;
SELECT command FROM warden.partition_maintain('sales') WHERE partition = 'listed.sales_big';
-- the statements are right
SELECT command FROM warden.partition_maintain('sales') WHERE status = 'colliding' \gexec
SELECT bounds('sales');
SELECT tableoid::regclass AS partition, count(*), sum(n), sum(twice) FROM sales GROUP BY 1 ORDER BY 1;
SELECT * FROM warden.partition_maintain('sales');
-- statistics are not believed: it is counted
INSERT INTO sales_rest SELECT 'gone', n FROM generate_series(1, 2000) n;
ANALYZE sales_rest;
DELETE FROM sales_rest WHERE n > 5;
SELECT * FROM warden.partition_maintain('sales');
INSERT INTO sales_rest SELECT 'gone', n FROM generate_series(1, 20000) n;
SELECT partition, detail FROM warden.partition_maintain('sales');
-- how many are enough, or that nobody wants to know
SELECT partition, status FROM warden.partition_by_list('sales', min_rows => 5000);
SELECT partition, status FROM warden.partition_by_list('sales', min_rows => NULL);
-- one that is both declared and frequent is told once
SELECT partition, status FROM warden.partition_by_list('sales', keys => '{gone}', min_rows => 10);
-- rows that others refer to cannot be moved
CREATE TABLE items (country text PRIMARY KEY) PARTITION BY LIST (country);
CREATE TABLE items_rest PARTITION OF items DEFAULT;
INSERT INTO items VALUES ('x');
CREATE TABLE parts (country text REFERENCES items ON DELETE CASCADE);
INSERT INTO parts VALUES ('x');
SELECT partition, status, command, detail FROM warden.partition_by_list('items', keys => '{x}');

-- types: values are compared as the partition key compares them, never as text
CREATE TYPE mood AS ENUM ('sad', 'ok', 'Happy!');
CREATE COLLATION ignore_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN code AS text CHECK (value <> 'bad') COLLATE "C";
CREATE TABLE of_int (k int) PARTITION BY LIST (k);
CREATE TABLE of_enum (k mood) PARTITION BY LIST (k);
CREATE TABLE of_uuid (k uuid) PARTITION BY LIST (k);
CREATE TABLE of_bool (k bool) PARTITION BY LIST (k);
CREATE TABLE of_date (k date) PARTITION BY LIST (k);
CREATE TABLE of_text (k text COLLATE ignore_case) PARTITION BY LIST (k);
CREATE TABLE of_text_c (k text COLLATE ignore_case) PARTITION BY LIST (k COLLATE "C");
CREATE TABLE of_domain (k code) PARTITION BY LIST (k);
CREATE TABLE of_char (k char(3)) PARTITION BY LIST (k);
CREATE TABLE of_numeric (k numeric) PARTITION BY LIST (k);
DO $$ DECLARE t text; BEGIN
    FOREACH t IN ARRAY ARRAY['int', 'enum', 'uuid', 'bool', 'date', 'text', 'text_c', 'domain', 'char', 'numeric'] LOOP
        EXECUTE format('CREATE TABLE of_%s_rest PARTITION OF of_%1$s DEFAULT', t);
    END LOOP;
END $$;
SELECT count(*) FROM warden.partition_by_list('of_int', keys => '{007,7,-7}');
SELECT count(*) FROM warden.partition_by_list('of_enum', keys => '{ok,Happy!}');
SELECT count(*) FROM warden.partition_by_list('of_uuid', keys => '{A0EEBC999C0B4EF8BB6D6BB9BD380A11,"{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}"}');
SELECT count(*) FROM warden.partition_by_list('of_bool', keys => '{yes,true,off,NULL}');
SELECT count(*) FROM warden.partition_by_list('of_date', keys => '{01/02/2026,infinity}');
SELECT count(*) FROM warden.partition_by_list('of_text', keys => '{de,DE,De}');
SELECT count(*) FROM warden.partition_by_list('of_text_c', keys => '{de,DE}');
SELECT count(*) FROM warden.partition_by_list('of_domain', keys => '{good}');
SELECT count(*) FROM warden.partition_by_list('of_char', keys => '{a,"a ",abc}');
SELECT count(*) FROM warden.partition_by_list('of_numeric', keys => '{1.0,1.00,NaN}');
SET datestyle = 'SQL, MDY';
SELECT parent, keys FROM warden.partition_sets WHERE parent::text LIKE 'of%' ORDER BY parent::text;
SELECT * FROM warden.partition_maintain() WHERE parent::text LIKE 'of%';
SELECT bounds(oid) FROM pg_class WHERE relname LIKE 'of%' AND relkind = 'p' ORDER BY relname;
-- and so are the rows of the default partition
INSERT INTO of_text_rest SELECT 'FR' FROM generate_series(1, 3);
INSERT INTO of_text_c_rest SELECT 'FR' FROM generate_series(1, 3);
INSERT INTO of_char_rest SELECT 'xyz' FROM generate_series(1, 3);
INSERT INTO of_domain_rest SELECT 'x' FROM generate_series(1, 3);
INSERT INTO of_date_rest SELECT '2026-03-04' FROM generate_series(1, 3);
INSERT INTO of_enum_rest SELECT 'sad' FROM generate_series(1, 3);
ANALYZE of_text, of_text_c, of_char, of_domain, of_date, of_enum;
SELECT parent, partition, status, detail FROM unnest('{of_text,of_text_c,of_char,of_domain,of_date,of_enum}'::regclass[]) t,
    warden.partition_by_list(t, min_rows => 3, keys => CASE WHEN t::text LIKE 'of_text%' THEN '{fr}'::text[] END);
SELECT command FROM warden.partition_maintain() WHERE parent::text LIKE 'of%' AND status = 'colliding' \gexec
SELECT tableoid::regclass::text, count(*) FROM of_char GROUP BY 1;
SELECT tableoid::regclass::text, count(*) FROM of_text GROUP BY 1;
SELECT bounds('of_date');
-- a value that cannot be read any more fails alone
ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';
SELECT partition, status FROM warden.partition_by_list('of_enum', keys => '{fine}');
ALTER TYPE mood RENAME VALUE 'fine' TO 'so so';
SELECT action, status, detail FROM warden.partition_maintain('of_enum');
DROP SCHEMA listed CASCADE;
RESET ROLE;
DROP OWNED BY regress_warden_keeper;
DROP ROLE regress_warden_keeper;
