-- What a person wants to know of a set: how far it reaches, what is due next, why a partition is still there.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
-- Days are counted below: not across midnight.
DO $$ BEGIN IF localtime > '23:59' THEN PERFORM pg_sleep(61); END IF; END $$;
CREATE ROLE regress_warden_watcher;
CREATE SCHEMA status;
GRANT ALL ON SCHEMA status TO PUBLIC;
SET search_path = status;
CREATE FUNCTION masked(t text) RETURNS text LANGUAGE sql AS
$$ SELECT regexp_replace(regexp_replace(t, '_fkey_?\d*', '_fkey', 'g'), '20[2-9]\d-\d\d-\d\d', 'YYYY-MM-DD', 'g') $$;
CREATE FUNCTION reasons(set regclass) RETURNS TABLE (what text, said text, n bigint) LANGUAGE sql AS $$
    SELECT CASE WHEN kind = 'default' THEN kind WHEN upper_bound = 'MAXVALUE' THEN 'open'
                WHEN partition::text ~ '_p20[2-9]' THEN CASE WHEN upper_bound::timestamptz > now() THEN 'now and later' ELSE 'before' END
                ELSE partition::text END,
           masked(reason), count(*)
    FROM warden.partitions WHERE parent = set GROUP BY 1, 2 ORDER BY 1, 2 $$;

-- by age
CREATE TABLE events (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE events_2001 PARTITION OF events FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
CREATE TABLE events_2002 PARTITION OF events FOR VALUES FROM ('2002-01-01') TO ('2003-01-01');
SELECT format('CREATE TABLE events_2003 PARTITION OF events FOR VALUES FROM (%L) TO (%L)', '2003-01-01', current_date - 1) AS command \gset
:command;
CREATE TABLE events_rest PARTITION OF events DEFAULT;
SELECT count(*) FROM warden.partition_by_time('events', '1 day', ahead => '3 days');
SELECT * FROM reasons('events');
SELECT next_step, next_step_at = date_trunc('day', now()) + interval '1 day' AS at_midnight FROM warden.partition_sets;
SELECT count(*) FROM warden.partition_by_time('events', '1 day', ahead => '3 days', keep => '1 day');
SELECT * FROM reasons('events');
SELECT next_step, next_step_at FROM warden.partition_sets;
SELECT warden.partition_hold('events_2001', 'the court wants it');
CREATE VIEW looking AS SELECT * FROM events_2002;
SELECT * FROM reasons('events');
SELECT next_step, next_step_at FROM warden.partition_sets;
DROP VIEW looking;
ALTER TABLE events_2002 OWNER TO regress_warden_watcher;
ALTER TABLE events OWNER TO regress_warden_watcher;
ALTER SCHEMA status OWNER TO regress_warden_watcher;
SELECT count(*) FROM warden.partition_maintain('events');
SELECT * FROM reasons('events');
SELECT next_step, next_step_at = date_trunc('day', now()) + interval '1 day' AS at_midnight FROM warden.partition_sets;
-- what is open never leaves; yesterday is kept until tomorrow
SELECT warden.partition_release('events_2001');
DROP TABLE events;
CREATE TABLE events (at timestamp) PARTITION BY RANGE (at);
SELECT format('CREATE TABLE events_before PARTITION OF events FOR VALUES FROM (MINVALUE) TO (%L)', current_date) AS before,
       format('CREATE TABLE events_after PARTITION OF events FOR VALUES FROM (%L) TO (MAXVALUE)', current_date) AS after \gset
:before;
:after;
SELECT count(*) FROM warden.partition_by_time('events', '1 day', keep => '1 day');
SELECT partition, masked(reason) AS reason, expires_at = date_trunc('day', now()) + interval '1 day' AS tomorrow FROM warden.partitions ORDER BY 1;
SELECT covered_until, runs_out_in, next_step, next_step_at = date_trunc('day', now()) + interval '1 day' AS tomorrow FROM warden.partition_sets;
DROP TABLE events;

-- by number and size
CREATE TABLE events (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE events_2001 PARTITION OF events FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
SELECT count(*) > 0 FROM warden.partition_by_time('events', '1 day', ahead => '3 days', keep_partitions => 2);
SELECT * FROM reasons('events');
SELECT next_step, next_step_at = date_trunc('day', now()) + interval '1 day' AS at_midnight FROM warden.partition_sets;
SELECT count(*) > 0 FROM warden.partition_by_time('events', '1 day', ahead => '3 days', keep_bytes => 1000000);
SELECT * FROM reasons('events');
SELECT next_step, next_step_at = date_trunc('day', now()) + interval '1 day' AS at_midnight FROM warden.partition_sets;
DROP TABLE events;

-- numbers: as far as the sequence tells
CREATE TABLE numbered (id int) PARTITION BY RANGE (id);
SELECT count(*) FROM warden.partition_by_number('numbered', 10, keep => 10);
SELECT partition, reason FROM warden.partitions WHERE parent = 'numbered'::regclass ORDER BY 1;
CREATE SEQUENCE numbers OWNED BY numbered.id;
SELECT setval('numbers', 25);
SELECT partition, reason FROM warden.partitions WHERE parent = 'numbered'::regclass ORDER BY 1;
SELECT next_step, next_step_at, numbers_left FROM warden.partition_sets;
DROP TABLE numbered;

-- what refers to it
CREATE TABLE orders (at date PRIMARY KEY) PARTITION BY RANGE (at);
CREATE TABLE orders_2001 PARTITION OF orders FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
CREATE TABLE items (at date REFERENCES orders);
SELECT count(*) > 0 FROM warden.partition_by_time('orders', '1 month', ahead => '2 months', keep => '2 months');
SELECT * FROM reasons('orders') WHERE what = 'orders_2001';
SELECT count(*) > 0 FROM warden.partition_by_time('orders', '1 month', ahead => '2 months', keep => '2 months', on_reference => 'detach');
SELECT * FROM reasons('orders') WHERE what = 'orders_2001';

-- a look by whoever may look
SET ROLE regress_warden_watcher;
SELECT count(*) FROM warden.partition_sets;
RESET ROLE;
GRANT pg_monitor TO regress_warden_watcher;
SET ROLE regress_warden_watcher;
SELECT parent, next_step FROM warden.partition_sets;
SELECT * FROM reasons('orders') WHERE what = 'orders_2001';
RESET ROLE;
DROP TABLE items, orders;

-- a set that does not get its partitions says how far it reaches, when that is less than half as far as it should
CREATE TABLE short (at timestamptz) PARTITION BY RANGE (at);
SELECT count(*) FROM warden.partition_by_time('short', '1 day', ahead => '10 days', timezone => 'UTC');
CREATE TABLE short_rest PARTITION OF short DEFAULT;
CREATE FUNCTION drop_from(days int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE (SELECT string_agg(format('DROP TABLE %s', partition), ';') FROM warden.partitions
             WHERE parent = 'short'::regclass AND kind = 'range' AND lower_bound::timestamptz >= date_trunc('day', now()) + days * interval '1 day');
END $$;
SET client_min_messages = error;
SELECT drop_from(6);
INSERT INTO short SELECT date_trunc('day', now()) + n * interval '1 day' FROM generate_series(6, 11) n;
CALL warden.maintain();
SELECT colliding > 0 AS colliding, runs_out_in > '5 days' AS half FROM warden.partition_sets;
DROP SCHEMA status CASCADE;
DROP ROLE regress_warden_watcher;
