-- A hold keeps what is of the same range in all sets that leave together (on_reference => 'pair').
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
CREATE ROLE regress_warden_clerk;
CREATE SCHEMA pairs;
GRANT ALL ON SCHEMA pairs TO regress_warden_clerk;
SET search_path = pairs;
-- A partition of past years.
CREATE FUNCTION make(parent regclass, suffix text, first date, next date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %s_%s PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', parent, suffix, parent, first, next);
END $$;
CREATE FUNCTION past(parent regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text)
    FROM pg_inherits WHERE inhparent = parent AND inhrelid::regclass::text ~ '_200\d[ab]?$' $$;
CREATE FUNCTION leaving(dry_run boolean DEFAULT false) RETURNS TABLE (parent regclass, partition text, action text, status text, detail text)
LANGUAGE sql AS $$
    SELECT parent, partition, action, status, detail FROM warden.partition_maintain(dry_run => dry_run)
    WHERE partition ~ '_200\d(_?[ab])?$|_p1?0$' ORDER BY parent::text, partition $$;

CREATE TABLE orders (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE items (id int, at date, FOREIGN KEY (id, at) REFERENCES orders) PARTITION BY RANGE (at);
CREATE TABLE parcels (id int, at date, FOREIGN KEY (id, at) REFERENCES orders) PARTITION BY RANGE (at);
CREATE FUNCTION make_all() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR year IN 2000 .. 2002 LOOP
        PERFORM make('orders', year::text, make_date(year, 1, 1), make_date(year + 1, 1, 1));
        PERFORM make('items', year || 'a', make_date(year, 1, 1), make_date(year, 7, 1));
        PERFORM make('items', year || 'b', make_date(year, 7, 1), make_date(year + 1, 1, 1));
        PERFORM make('parcels', year::text, make_date(year, 1, 1), make_date(year + 1, 1, 1));
    END LOOP;
    INSERT INTO orders SELECT n, make_date(2000 + n / 2, 1 + n % 2 * 6, 5) FROM generate_series(0, 5) n;
    INSERT INTO items SELECT * FROM orders;
    INSERT INTO parcels SELECT * FROM orders;
END $$;
SELECT make_all();
SELECT count(*) FROM warden.partition_by_time('items', '1 year', ahead => '1 year') WHERE action <> 'create';
SELECT count(*) FROM warden.partition_by_time('parcels', '1 year', ahead => '1 year') WHERE action <> 'create';
SELECT count(*) FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep => '10 years', on_reference => 'pair')
WHERE action <> 'create';

-- of what is referred to: those that refer to it stay
SELECT warden.partition_hold('orders_2001', 'case 17');
SELECT parent, partition, reason FROM warden.partitions WHERE partition::text ~ '_200[01]' ORDER BY parent::text, partition::text;
SELECT * FROM leaving(dry_run => true);
SELECT parent, partition, action, status FROM leaving();
SELECT past('orders'), past('items'), past('parcels');
SELECT count(*) FROM orders JOIN items USING (id, at) JOIN parcels USING (id, at) WHERE at < '2005-01-01';
SELECT next_step FROM warden.partition_sets WHERE parent = 'orders'::regclass;
CALL warden.maintain();
SELECT * FROM warden.partition_maintain();
SELECT last_error FROM warden.partition_sets WHERE last_error IS NOT NULL;
-- let go, all leave
SELECT warden.partition_release('orders_2001');
SELECT DISTINCT reason FROM warden.partitions WHERE partition::text ~ '_2001' ORDER BY 1;
SELECT parent, partition, action, status FROM leaving();
SELECT past('orders'), past('items'), past('parcels');

-- of one that refers to it: that stays, even if no row does refer to it; and what else refers to that
SELECT make_all();
TRUNCATE items, parcels;
SELECT warden.partition_hold('items_2001b', 'case 18');
SELECT reason FROM warden.partitions WHERE partition IN ('orders_2001'::regclass, 'items_2001a'::regclass, 'parcels_2001'::regclass, 'items_2001b'::regclass) ORDER BY partition::text;
SELECT parent, partition, status FROM leaving();
SELECT past('orders'), past('items'), past('parcels');
SELECT next_step, next_step_at > now() AS later FROM warden.partition_sets WHERE parent = 'orders'::regclass;
SELECT * FROM leaving();
SELECT warden.partition_release('items_2001b');
CALL warden.maintain();
SELECT past('orders'), past('items'), past('parcels');

-- whatever their own policy says; before the other one has expired, too
TRUNCATE orders CASCADE;
SELECT make_all();
SELECT count(*) FROM warden.partition_by_time('items', '1 year', ahead => '1 year', keep => '10 years') WHERE action = 'create';
SELECT count(*) FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep => '900 years', on_reference => 'pair') WHERE action = 'create';
SELECT warden.partition_hold('orders_2000', 'case 19');
SELECT partition, regexp_replace(reason, '\d+-01-01', 'date') FROM warden.partitions WHERE partition IN ('items_2000a'::regclass, 'items_2001a'::regclass, 'parcels_2001'::regclass) ORDER BY partition::text;
SELECT parent, partition, status FROM leaving();
SELECT past('orders'), past('items'), past('parcels');
SELECT next_step, next_step_at > now() AS later FROM warden.partition_sets WHERE parent = 'items'::regclass;
-- of a set that is not taken along any more a partition leaves
SELECT count(*) FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep => '900 years') WHERE action = 'create';
SELECT parent, partition, status FROM leaving();
SELECT past('orders'), past('items'), past('parcels');
DROP TABLE items, parcels, orders;

-- by size: what stays because of another hold neither counts nor makes others leave
CREATE TABLE orders (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE items (id int, at date, FOREIGN KEY (id, at) REFERENCES orders) PARTITION BY RANGE (at);
SELECT make('orders', '2000', '2000-01-01', '2001-01-01'), make('orders', '2001', '2001-01-01', '2002-01-01'), make('orders', '2002', '2002-01-01', '2003-01-01');
SELECT make('items', '2001', '2001-01-01', '2002-01-01'), make('items', '2002', '2002-01-01', '2003-01-01');
INSERT INTO orders SELECT n, make_date(year, 1, 1) FROM generate_series(2000, 2002) year, generate_series(1, 30000) n;
SELECT pg_total_relation_size('orders_2000') AS each \gset
SELECT count(*) FROM warden.partition_by_time('items', '1 year', ahead => '1 year') WHERE action <> 'create';
SELECT count(*) > 0 FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep_bytes => :each * 5 / 2, on_reference => 'pair');
SELECT parent, partition, status FROM leaving(dry_run => true);
SELECT warden.partition_hold('items_2001', 'case 20');
SELECT parent, partition, status FROM leaving(dry_run => true);
SELECT count(*) > 0 FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep_bytes => :each / 2, on_reference => 'pair');
SELECT parent, partition, status FROM leaving(dry_run => true);
SELECT partition, reason FROM warden.partitions WHERE parent IN ('orders'::regclass, 'items'::regclass) AND partition::text ~ '_200\d$' ORDER BY partition::text;
SELECT warden.partition_release('items_2001');
SELECT parent, partition, status FROM leaving(dry_run => true);
DROP TABLE items, orders;

-- trees: held below, it is kept as a whole, and all below what leaves with it
CREATE TABLE orders (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE orders_2001 PARTITION OF orders FOR VALUES FROM ('2001-01-01') TO ('2002-01-01') PARTITION BY HASH (id);
CREATE TABLE orders_2001_h1_0 PARTITION OF orders_2001 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE items (id int, at date, sent date, FOREIGN KEY (id, at) REFERENCES orders) PARTITION BY RANGE (at);
CREATE TABLE items_2001 PARTITION OF items FOR VALUES FROM ('2001-01-01') TO ('2002-01-01') PARTITION BY RANGE (sent);
CREATE TABLE items_2001_a PARTITION OF items_2001 FOR VALUES FROM ('2001-01-01') TO ('2001-02-01');
CREATE TABLE items_2002 PARTITION OF items FOR VALUES FROM ('2002-01-01') TO ('2003-01-01') PARTITION BY RANGE (sent);
CREATE TABLE items_2002_a PARTITION OF items_2002 FOR VALUES FROM ('2001-01-01') TO ('2001-02-01');
SELECT count(*) FROM warden.partition_by_time('items', '1 year', ahead => '1 year') WHERE action <> 'create';
SELECT count(*) FROM warden.partition_subdivide('items', 'range', 'sent', every => '1 year', keep => '10 years') WHERE action <> 'create' AND status = 'done';
SELECT count(*) FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep => '900 years', on_reference => 'pair') WHERE action = 'drop';
SELECT count(*) FROM warden.partition_subdivide('orders', 'hash', 'id', modulus => 1) WHERE action <> 'create' AND status = 'done';
SELECT warden.partition_hold('orders_2001_h1_0', 'case 21');
SELECT reason FROM warden.partitions WHERE partition = 'items_2001_a'::regclass;
SELECT parent, partition, status FROM leaving();
SELECT warden.partition_release('orders_2001_h1_0');
SELECT parent, partition, status FROM leaving();
DROP TABLE items, orders;

-- numbers; a set without retention of its own, of which it is said with which it leaves
CREATE TABLE batches (id bigserial PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE rows (id bigint REFERENCES batches, n int) PARTITION BY RANGE (id);
SELECT count(*) FROM warden.partition_by_number('batches', 10, ahead => 30, keep => 20, on_reference => 'pair');
CREATE TABLE rows_p0 PARTITION OF rows FOR VALUES FROM (0) TO (10);
CREATE TABLE rows_p10 PARTITION OF rows FOR VALUES FROM (10) TO (1000);
SELECT count(*) FROM warden.partition_by_number('rows', 10, ahead => 10);
SELECT partition, reason FROM warden.partitions WHERE parent = 'rows'::regclass AND partition::text ~ '_p1?0$' ORDER BY partition::text;
INSERT INTO batches SELECT FROM generate_series(1, 15);
INSERT INTO rows SELECT id FROM batches;
SELECT setval('batches_id_seq', 35);
SELECT warden.partition_hold('batches_p0', 'case 22');
SELECT partition, reason FROM warden.partitions WHERE parent = 'rows'::regclass AND partition::text ~ '_p1?0$' ORDER BY partition::text;
SELECT parent, partition, status FROM leaving();
SELECT warden.partition_release('batches_p0');
SELECT parent, partition, status FROM leaving();
DROP TABLE rows, batches;

-- what the reason says of a set that another takes along
CREATE TABLE orders (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE items (id int, at date, FOREIGN KEY (id, at) REFERENCES orders) PARTITION BY RANGE (at);
SELECT make('items', '2001', '2001-01-01', '2002-01-01');
SELECT count(*) > 0 FROM warden.partition_by_time('items', '1 year', ahead => '1 year');
CREATE VIEW reasons AS
    SELECT reason FROM warden.partitions WHERE parent = 'items'::regclass AND (partition::text ~ '_2001' OR lower_bound::date > now()) ORDER BY partition::text;
SELECT count(*) > 0 FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', on_reference => 'pair');
SELECT * FROM reasons;
SELECT count(*) > 0 FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep => '900 years', on_reference => 'pair');
SELECT * FROM reasons;
SELECT count(*) > 0 FROM warden.partition_by_time('items', '1 year', ahead => '1 year', keep => '1000 years');
SELECT * FROM reasons;
SELECT count(*) > 0 FROM warden.partition_by_time('items', '1 year', ahead => '1 year', keep => '800 years');
SELECT * FROM reasons;
SELECT count(*) > 0 FROM warden.partition_by_time('items', '1 year', ahead => '1 year');
SELECT count(*) > 0 FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep_partitions => 1000, on_reference => 'pair');
SELECT * FROM reasons;
DROP VIEW reasons;
DROP TABLE items, orders;

-- whose owner has no rights on what refers to it holds for himself alone; and is told what he lacks to look there
CREATE TABLE orders (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE items (id int, at date, FOREIGN KEY (id, at) REFERENCES orders) PARTITION BY RANGE (at);
SELECT make('orders', '2001', '2001-01-01', '2002-01-01'), make('items', '2001', '2001-01-01', '2002-01-01'), make('items', '2002', '2002-01-01', '2003-01-01');
ALTER TABLE orders OWNER TO regress_warden_clerk;
ALTER TABLE orders_2001 OWNER TO regress_warden_clerk;
SELECT count(*) FROM warden.partition_by_time('items', '1 year', ahead => '1 year', keep => '10 years') WHERE action = 'drop';
SELECT count(*) FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep => '10 years', on_reference => 'pair') WHERE action = 'drop';
SELECT warden.partition_hold('orders_2001', 'case 23');
SELECT parent, partition, status FROM leaving();
SELECT warden.partition_release('orders_2001');
SELECT parent, partition, status, detail FROM leaving();
CALL warden.maintain();
GRANT SELECT (id) ON items TO regress_warden_clerk;
REVOKE ALL ON SCHEMA pairs FROM regress_warden_clerk;
CALL warden.maintain();
GRANT USAGE ON SCHEMA pairs TO regress_warden_clerk;
SELECT parent, partition, status, detail FROM leaving();
GRANT SELECT (at) ON items TO regress_warden_clerk;
SELECT parent, partition, status, detail FROM leaving();

SET client_min_messages = error;
DROP SCHEMA pairs CASCADE;
DROP OWNED BY regress_warden_clerk;
DROP ROLE regress_warden_clerk;
