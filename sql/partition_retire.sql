-- A partition leaves when its actual upper bound is older than keep, and only then; never by CASCADE.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE SCHEMA retire;
SET search_path = retire;
-- What is left of those that were made by hand.
CREATE FUNCTION left_of(parent regclass) RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(inhrelid::regclass::text ORDER BY inhrelid::regclass::text) FROM pg_inherits
    WHERE inhparent = parent AND inhrelid::regclass::text !~ '_p20[2-9]' $$;
CREATE FUNCTION maintain(parent regclass, dry_run boolean DEFAULT false)
RETURNS TABLE (partition text, action text, status text, command text, detail text) LANGUAGE sql AS $$
    SELECT partition, action, status, command, detail FROM warden.partition_maintain(parent, dry_run)
    WHERE action <> 'create' $$;
-- The same, in short: SQLSTATE and who is in the way.
CREATE FUNCTION outcome(parent regclass)
RETURNS TABLE (partition text, action text, status text, sqlstate text, culprit text) LANGUAGE sql AS $$
    SELECT partition, action, status, left(detail, 5), substring(detail FROM 'looking|pointing|taking|items')
    FROM maintain(parent) $$;

-- the upper bound decides, to the microsecond: not the lower one, not the name, not the length that was agreed
CREATE TABLE edges (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE edges_rest PARTITION OF edges DEFAULT;
CREATE TABLE edges_p20010101 PARTITION OF edges FOR VALUES FROM (MINVALUE) TO ('2001-01-01');
DO $$
DECLARE
    due timestamptz := now() - interval '90 days';
BEGIN
    EXECUTE format('CREATE TABLE edges_due PARTITION OF edges FOR VALUES FROM (''2001-01-01'') TO (%L)', due);
    EXECUTE format('CREATE TABLE edges_wide PARTITION OF edges FOR VALUES FROM (%L) TO (%L)',
                   due, due + interval '1 hour');
    EXECUTE format('CREATE TABLE edges_p20020101 PARTITION OF edges FOR VALUES FROM (%L) TO (MAXVALUE)',
                   due + interval '1 hour');
END $$;
INSERT INTO edges VALUES ('2000-01-01'), ('2005-01-01'), (now()), (NULL);
SELECT partition, action, status, detail FROM warden.partition_by_time('edges', '1 day', keep => '90 days');
SELECT partition, kind, expires_at = nullif(upper_bound, 'MAXVALUE')::timestamptz + interval '90 days' AS expires
FROM warden.partitions WHERE parent = 'edges'::regclass ORDER BY partition::text;
SELECT * FROM maintain('edges', dry_run => true);
SELECT left_of('edges');
SELECT * FROM maintain('edges');
SELECT left_of('edges');
SELECT count(*) FROM edges;
SELECT * FROM warden.partition_maintain('edges');

-- months that are kept are months of the set's time zone
CREATE TABLE months (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE months_a PARTITION OF months FOR VALUES FROM (MINVALUE) TO ('2228-01-31 10:00+00');
CREATE TABLE months_b PARTITION OF months FOR VALUES FROM ('2228-01-31 10:00+00') TO (MAXVALUE);
SELECT * FROM warden.partition_by_time('months', '1 month', keep => '1 month', timezone => 'Pacific/Kiritimati');
SELECT partition, lower_bound, upper_bound, expires_at FROM warden.partitions WHERE parent = 'months'::regclass
ORDER BY partition::text;

-- keep is not said: nothing ever leaves; it is taken back: nothing leaves any more
CREATE TABLE forever (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE forever_old PARTITION OF forever FOR VALUES FROM ('2001-01-01') TO (MAXVALUE);
CREATE TABLE forever_older PARTITION OF forever FOR VALUES FROM ('1999-01-01') TO ('2001-01-01');
SELECT action, partition, status FROM warden.partition_by_time('forever', '1 year', keep => '1 year');
SELECT action, partition, status FROM warden.partition_by_time('forever', '1 year');
SELECT * FROM maintain('forever');
SELECT left_of('forever');

-- detached: a table like any other, with its rows, its indexes and its grants
CREATE TABLE put_aside (at timestamptz PRIMARY KEY) PARTITION BY RANGE (at);
CREATE TABLE put_aside_old PARTITION OF put_aside FOR VALUES FROM ('1999-01-01') TO ('2000-01-01');
GRANT SELECT ON put_aside_old TO PUBLIC;
INSERT INTO put_aside VALUES ('1999-06-01');
SELECT DISTINCT action, status
FROM warden.partition_by_time('put_aside', '1 year', ahead => '1 year', keep => '1 year', on_expiry => 'detach');
SELECT * FROM maintain('put_aside', dry_run => true);
SELECT * FROM maintain('put_aside');
SELECT relispartition, relhasindex, has_table_privilege('pg_monitor', oid, 'SELECT') AS granted
FROM pg_class WHERE oid = 'put_aside_old'::regclass;
SELECT * FROM put_aside_old;
SELECT * FROM warden.partition_maintain('put_aside');

-- what belongs to the partition goes with it
CREATE TABLE belongings (id serial, at timestamptz, n int CHECK (n > 0), twice int GENERATED ALWAYS AS (n * 2) STORED,
    t text, CHECK (n < 100 OR t IS NOT NULL)) PARTITION BY RANGE (at);
CREATE TABLE belongings_old PARTITION OF belongings FOR VALUES FROM ('1999-01-01') TO ('2000-01-01');
CREATE TABLE belongings_deep PARTITION OF belongings FOR VALUES FROM ('2000-01-01') TO ('2001-01-01')
    PARTITION BY LIST (n);
CREATE TABLE belongings_deep_1 PARTITION OF belongings_deep FOR VALUES IN (1);
CREATE INDEX ON belongings_old ((n + 1)) WHERE twice > 1;
CREATE STATISTICS belongings_together ON n, t FROM belongings_old;
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER above BEFORE UPDATE OF n ON belongings FOR EACH ROW WHEN (OLD.n <> NEW.n) EXECUTE FUNCTION pass();
CREATE TRIGGER own BEFORE UPDATE OF n ON belongings_old FOR EACH ROW WHEN (OLD.n <> NEW.n) EXECUTE FUNCTION pass();
CREATE POLICY own ON belongings_old USING (n > 0 AND EXISTS (SELECT FROM belongings_old o WHERE o.n = 1));
CREATE RULE own AS ON DELETE TO belongings_old DO ALSO UPDATE belongings_old SET n = 2 WHERE n = 1;
COMMENT ON COLUMN belongings_old.n IS 'a number';
SELECT DISTINCT action, status
FROM warden.partition_by_time('belongings', '1 year', ahead => '1 year', keep => '1 year');
SELECT partition, action, status, detail FROM maintain('belongings');

-- a view, a foreign key, a function: who is in use stays, with the reason; the others go
CREATE TABLE used (id int, at timestamptz, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE used_1991 PARTITION OF used FOR VALUES FROM ('1991-01-01') TO ('1992-01-01');
CREATE TABLE used_1992 PARTITION OF used FOR VALUES FROM ('1992-01-01') TO ('1993-01-01');
CREATE TABLE used_1993 PARTITION OF used FOR VALUES FROM ('1993-01-01') TO ('1994-01-01');
CREATE TABLE used_1994 PARTITION OF used FOR VALUES FROM ('1994-01-01') TO ('1995-01-01');
CREATE TABLE used_1995 PARTITION OF used FOR VALUES FROM ('1995-01-01') TO ('1996-01-01');
CREATE VIEW looking AS SELECT * FROM used_1992;
CREATE TABLE pointing (id int, at timestamptz, FOREIGN KEY (id, at) REFERENCES used_1994);
CREATE FUNCTION taking(used_1995) RETURNS int LANGUAGE sql RETURN 1;
CREATE TABLE used_1996 PARTITION OF used FOR VALUES FROM ('1996-01-01') TO ('1997-01-01');
SELECT DISTINCT action, status FROM warden.partition_by_time('used', '1 year', ahead => '1 year', keep => '1 year');
SELECT * FROM outcome('used');
SELECT left_of('used');
SELECT left(last_error, 5) AS last_error FROM warden.partition_sets WHERE parent = 'used'::regclass;
SELECT * FROM outcome('used');
DROP VIEW looking;
DROP TABLE pointing;
DROP FUNCTION taking;
SELECT * FROM outcome('used');
SELECT last_error, last_error_at, blocked_by FROM warden.partition_sets WHERE parent = 'used'::regclass;

-- what is in use can be put aside nevertheless
CREATE TABLE aside (id int, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE aside_1992 PARTITION OF aside FOR VALUES FROM ('1992-01-01') TO ('1993-01-01');
CREATE VIEW looking AS SELECT * FROM aside_1992;
SELECT DISTINCT action, status
FROM warden.partition_by_time('aside', '1 year', ahead => '1 year', keep => '1 year', on_expiry => 'detach');
SELECT * FROM outcome('aside');

-- a foreign key to the whole set: the referencing rows are never touched, and the key stays
CREATE TABLE orders (id int, at timestamptz, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE orders_1991 PARTITION OF orders FOR VALUES FROM ('1991-01-01') TO ('1992-01-01');
CREATE TABLE orders_1992 PARTITION OF orders FOR VALUES FROM ('1992-01-01') TO ('1993-01-01');
CREATE TABLE orders_1993 PARTITION OF orders FOR VALUES FROM ('1993-01-01') TO ('1994-01-01');
CREATE TABLE items (id int, at timestamptz, FOREIGN KEY (id, at) REFERENCES orders ON DELETE CASCADE);
INSERT INTO orders VALUES (1, '1991-05-05'), (2, '1992-05-05');
INSERT INTO items VALUES (1, '1991-05-05');
SELECT DISTINCT action, status FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep => '1 year');
SELECT partition, status, culprit FROM outcome('orders') WHERE partition ~ '1991';
SELECT count(*) FROM items;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'items'::regclass AND conparentid = 0;
SELECT to_regclass('orders_1991');
-- without a row that refers to it a partition can be detached; a row that does is the reason why not
SELECT DISTINCT action, status
FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep => '1 year', on_expiry => 'detach');
SELECT * FROM outcome('orders');
DELETE FROM items;
SELECT * FROM outcome('orders');
SELECT left_of('orders');
DROP SCHEMA retire CASCADE;
