-- Sets of numbers: partitions exist ahead of the numbers in use, and leave behind them.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA numbers;
SET search_path = numbers;
CREATE FUNCTION shown(parent regclass) RETURNS TABLE (partition text, lower_bound text, upper_bound text) LANGUAGE sql AS
    $$ SELECT partition::text, lower_bound, upper_bound FROM warden.partitions WHERE parent = shown.parent $$;

-- by the sequence of an identity column
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text) PARTITION BY RANGE (id);
SELECT partition, action, status, command, detail FROM warden.partition_by_number('orders', every => 1000);
INSERT INTO orders (note) SELECT 'x' FROM generate_series(1, 2500);
SELECT partition, action, status FROM warden.partition_maintain('orders');
SELECT * FROM warden.partition_maintain('orders');
SELECT every, every_number, ahead_number, keep_number, anchor_number, key_format, timezone, covered_to, covered_until, runs_out_in, numbers_left, partitions
FROM warden.partition_sets WHERE parent = 'orders'::regclass;
-- what is kept is counted from the last number
SELECT partition, action, status, detail FROM warden.partition_by_number('orders', every => 1000, ahead => 2000, keep => 1000);
SELECT partition, action, status, command FROM warden.partition_maintain('orders');
SELECT * FROM shown('orders');
SELECT min(id), max(id), count(*) FROM orders;
-- another length goes on from where the partitions end
SELECT partition, action, status FROM warden.partition_by_number('orders', every => 5000, ahead => 12000);
SELECT * FROM shown('orders');
-- a sequence that was set far ahead: the numbers that nobody has used get no partitions, but for the last hundred
CREATE TABLE jump (id bigserial) PARTITION BY RANGE (id);
SELECT count(*) FROM warden.partition_by_number('jump', every => 10, ahead => 20);
SELECT setval('jump_id_seq', 1000000);
SELECT action, status, count(*) FROM warden.partition_maintain('jump') GROUP BY 1, 2;
SELECT upper_bound FROM shown('jump') ORDER BY lower_bound::bigint DESC LIMIT 1;
SELECT count(*) FROM warden.partition_maintain('jump');
SELECT numbers_left FROM warden.partition_sets WHERE parent = 'jump'::regclass;

-- without a sequence, by the newest partition that has rows; one far off is in the default partition and moves nothing
CREATE TABLE points (n int NOT NULL, PRIMARY KEY (n)) PARTITION BY RANGE (n);
CREATE TABLE points_rest PARTITION OF points DEFAULT;
SELECT partition, action, status FROM warden.partition_by_number('points', every => 100, ahead => 150, anchor => 50);
INSERT INTO points VALUES (10), (2000000000), (-5);
SELECT * FROM warden.partition_maintain('points');
INSERT INTO points VALUES (60);
SELECT partition, action, status FROM warden.partition_maintain('points');
INSERT INTO points VALUES (149);
SELECT partition, action, status FROM warden.partition_maintain('points');
SELECT covered_to, numbers_left, partitions FROM warden.partition_sets WHERE parent = 'points'::regclass;
-- negative numbers, and an anchor that continues what exists
CREATE TABLE depths (n smallint PRIMARY KEY) PARTITION BY RANGE (n);
CREATE TABLE depths_first PARTITION OF depths FOR VALUES FROM (-32000) TO (-20000);
SELECT partition, action, status FROM warden.partition_by_number('depths', every => 12000, ahead => 30000);
SELECT * FROM shown('depths');
INSERT INTO depths VALUES (-1);
-- up to the end of the type, where there is nothing to do any more
SELECT partition, action, status, command FROM warden.partition_maintain('depths');
SELECT * FROM shown('depths');
INSERT INTO depths VALUES (32767);
SELECT * FROM warden.partition_maintain('depths');
SELECT covered_to, numbers_left FROM warden.partition_sets WHERE parent = 'depths'::regclass;
-- between whole numbers, as somebody has made it, nothing is left out
CREATE TABLE readings (at numeric(20, 3)) PARTITION BY RANGE (at);
CREATE TABLE readings_odd PARTITION OF readings FOR VALUES FROM (0) TO (10.5);
SELECT partition, action, status FROM warden.partition_by_number('readings', every => 10, ahead => 25);
SELECT * FROM shown('readings');
INSERT INTO readings VALUES (10.499), (10.5), (11.001), (29.999);
SELECT partition, action, status FROM warden.partition_maintain('readings');
-- what is beyond all whole numbers
CREATE TABLE beyond (n numeric) PARTITION BY RANGE (n);
CREATE TABLE beyond_below PARTITION OF beyond FOR VALUES FROM ('-Infinity') TO (0);
CREATE TABLE beyond_above PARTITION OF beyond FOR VALUES FROM (1e30) TO ('NaN');
SELECT partition, action, status FROM warden.partition_by_number('beyond', every => 10, ahead => 20);
SELECT * FROM shown('beyond');
SELECT covered_to, numbers_left FROM warden.partition_sets WHERE parent = 'beyond'::regclass;
-- a great many empty partitions: nothing is retired by what was not found
CREATE TABLE empty (n bigint) PARTITION BY RANGE (n);
SELECT count(*) FROM warden.partition_by_number('empty', every => 1, ahead => 100);
INSERT INTO empty VALUES (0);
SELECT count(*) FROM warden.partition_by_number('empty', every => 1, ahead => 1, keep => 1);
SELECT action, status, count(*) FROM warden.partition_maintain('empty') GROUP BY 1, 2;

-- arguments
\set VERBOSITY terse
SELECT warden.partition_by_number('orders', 0);
SELECT warden.partition_by_number('orders', NULL);
SELECT warden.partition_by_number('orders', 10, ahead => -1);
SELECT warden.partition_by_number('orders', 10, keep => 9);
SELECT warden.partition_by_number('orders', 10, on_expiry => 'burn');
SELECT warden.partition_by_number('orders', 1, ahead => 1000000000);
SELECT warden.partition_by_number('orders', 9223372036854775807, ahead => 9223372036854775807);
\set VERBOSITY default
CREATE TABLE timed (at timestamptz) PARTITION BY RANGE (at);
SELECT warden.partition_by_number('timed', 10);
SELECT warden.partition_by_number('orders_p2000', 10);
-- a set of numbers becomes one of time only if its key is one
SELECT warden.partition_by_time('orders', '1 day');
SELECT warden.partition_unmanage('orders');
SELECT count(*) FROM warden.partition_sets WHERE parent = 'orders'::regclass;

SET client_min_messages = error;
DROP SCHEMA numbers CASCADE;
