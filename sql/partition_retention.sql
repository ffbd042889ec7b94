-- What leaves, and how: by number, by size, to an archive, and with those that refer to it.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
CREATE ROLE regress_warden_archivist;
CREATE SCHEMA leaving;
CREATE SCHEMA leaving_archive;
GRANT ALL ON SCHEMA leaving TO PUBLIC;
SET search_path = leaving;
-- Partitions of the past, a year each, with a thousand rows.
CREATE FUNCTION make_years(parent regclass, first int, last int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR year IN first .. last LOOP
        EXECUTE format('CREATE TABLE %1$s_%2$s PARTITION OF %1$s FOR VALUES FROM (''%2$s-01-01'') TO (''%3$s-01-01'')',
                       parent, year, year + 1);
        EXECUTE format('INSERT INTO %s_%s (at) SELECT make_date(%s, 1, 1) + n %% 300 FROM generate_series(1, 1000) n',
                       parent, year, year);
    END LOOP;
END $$;
-- Those before this year, and what came out of them.
CREATE FUNCTION past(parent regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text)
    FROM pg_inherits WHERE inhparent = parent AND inhrelid::regclass::text ~ '_(19|200|201)\d+$' $$;
CREATE FUNCTION retired(set regclass DEFAULT NULL) RETURNS TABLE (parent regclass, partition text, action text, status text, command text, detail text)
LANGUAGE sql AS $$
    SELECT parent, partition, action, status, command, regexp_replace(detail, '_fkey_?\d*', '_fkey', 'g')
    FROM warden.partition_maintain(set) WHERE action <> 'create' $$;
CREATE FUNCTION planned(set regclass DEFAULT NULL) RETURNS TABLE (parent regclass, partition text, action text, status text, command text, detail text)
LANGUAGE sql AS $$
    SELECT parent, partition, action, status, command, regexp_replace(detail, '_fkey_?\d*', '_fkey', 'g')
    FROM warden.partition_maintain(set, dry_run => true) $$;

-- so many stay before the current one; what lies between the last and now is not filled but for those
CREATE TABLE counted (at timestamptz) PARTITION BY RANGE (at);
SELECT make_years('counted', 1990, 1995);
SELECT DISTINCT action, status FROM warden.partition_by_time('counted', '1 year', keep_partitions => 3, dry_run => true) ORDER BY 1;
SELECT action, partition, status, detail FROM warden.partition_by_time('counted', '1 year', keep_partitions => 3)
WHERE action <> 'create';
SELECT past('counted');
SELECT partition, action, status FROM retired('counted');
SELECT count(*) AS before_now FROM warden.partitions WHERE parent = 'counted'::regclass AND upper_bound::timestamptz <= now();
SELECT * FROM warden.partition_maintain('counted');
SELECT keep, keep_partitions, keep_bytes, on_expiry, on_reference FROM warden.partition_sets WHERE parent = 'counted'::regclass;
-- the stricter of two limits counts
SELECT action, partition, status FROM warden.partition_by_time('counted', '1 year', keep => '100 years', keep_partitions => 4)
WHERE action <> 'create';
SELECT count(*) FILTER (WHERE action = 'drop') AS gone
FROM warden.partition_by_time('counted', '1 year', keep => '1 year', keep_partitions => 4, dry_run => true);
DROP TABLE counted;

-- numbers: before the one that the sequence is in
CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY) PARTITION BY RANGE (id);
SELECT count(*) FROM warden.partition_by_number('numbered', 10, keep_partitions => 2);
INSERT INTO numbered SELECT FROM generate_series(1, 36);
SELECT partition, action, status FROM warden.partition_maintain('numbered');
SELECT min(id), max(id) FROM numbered;
SELECT * FROM warden.partition_maintain('numbered');
DROP TABLE numbered;

-- by size: the oldest first, never the current one; what is held neither leaves nor counts
CREATE TABLE sized (at timestamptz, fill text DEFAULT repeat('x', 1000)) PARTITION BY RANGE (at);
ALTER TABLE sized ALTER fill SET STORAGE PLAIN;
SELECT make_years('sized', 2000, 2005);
SELECT pg_total_relation_size('sized_2000') AS each \gset
SELECT count(*) > 0 FROM warden.partition_by_time('sized', '1 year', ahead => '1 year', keep_bytes => 4 * :each, on_expiry => 'detach');
SELECT warden.partition_hold('sized_2000', 'the court wants it');
SELECT partition, action, status FROM retired('sized');
SELECT past('sized');
SELECT * FROM warden.partition_maintain('sized');
SELECT warden.partition_release('sized_2000');
SELECT partition, action, status FROM retired('sized');
SELECT count(*) > 0 FROM warden.partition_by_time('sized', '1 year', ahead => '1 year', keep_bytes => 1);
SELECT count(*) AS gone FROM retired('sized') WHERE partition ~ '_200[0-5]$';
INSERT INTO sized VALUES (now());
SELECT DISTINCT action, status FROM warden.partition_maintain('sized');
SELECT min(upper_bound)::timestamptz > now() AS now_and_later FROM warden.partitions WHERE parent = 'sized'::regclass;
SELECT * FROM warden.partition_maintain('sized');
DROP TABLE sized;

-- to an archive, under another name where that is taken
CREATE TABLE kept (at timestamptz PRIMARY KEY, note text) PARTITION BY RANGE (at);
CREATE INDEX ON kept (note);
CREATE TABLE kept_2000 PARTITION OF kept FOR VALUES FROM ('2000-01-01') TO ('2001-01-01');
CREATE TABLE kept_2001 PARTITION OF kept FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
CREATE TABLE "kept ""2002""" PARTITION OF kept FOR VALUES FROM ('2002-01-01') TO ('2003-01-01');
INSERT INTO kept VALUES ('2000-05-05', 'a'), ('2001-05-05', 'b'), ('2002-05-05', 'c');
CREATE VIEW leaving_archive.kept_2000 AS SELECT 1 AS one;
CREATE TABLE leaving_archive.kept_2001_pkey (n int);
CREATE TYPE leaving_archive.kept_2001_note_idx_1 AS ENUM ();
CREATE TABLE leaving_archive.kept_2001_note_idx ();
SELECT partition, action, status, command FROM warden.partition_by_time('kept', '1 year', ahead => '1 year', keep => '10 years',
    on_expiry => 'archive', archive_schema => 'leaving_archive') WHERE action <> 'create';
SELECT partition, action, status, command FROM warden.partition_maintain('kept', dry_run => true);
SELECT partition, action, status, command FROM warden.partition_maintain('kept') ORDER BY 1;
SELECT relname, relkind, relispartition FROM pg_class WHERE relnamespace = 'leaving_archive'::regnamespace ORDER BY 1;
SELECT note FROM kept UNION ALL SELECT note FROM leaving_archive.kept_2000_1 UNION ALL
SELECT note FROM leaving_archive.kept_2001 UNION ALL SELECT note FROM leaving_archive."kept ""2002""";
SELECT partition, action FROM warden.partition_log WHERE parent = 'kept'::regclass AND action <> 'create' ORDER BY 1;
SELECT * FROM warden.partition_maintain('kept');
-- as the owner, who must be allowed to
ALTER TABLE kept OWNER TO regress_warden_archivist;
SELECT warden.partition_by_time('kept', '1 year', keep => '10 years', on_expiry => 'archive', archive_schema => 'leaving_archive');
GRANT USAGE, CREATE ON SCHEMA leaving_archive TO regress_warden_archivist;
SELECT count(*) FROM warden.partition_by_time('kept', '1 year', ahead => '1 year', keep => '10 years', on_expiry => 'archive', archive_schema => 'leaving_archive');
CREATE TABLE kept_2003 PARTITION OF kept FOR VALUES FROM ('2003-01-01') TO ('2004-01-01');
SELECT partition, action, status, detail FROM retired('kept');
ALTER TABLE kept_2003 OWNER TO regress_warden_archivist;
REVOKE CREATE ON SCHEMA leaving_archive FROM regress_warden_archivist;
SELECT partition, action, status, detail FROM retired('kept');
SELECT past('kept');
GRANT USAGE, CREATE ON SCHEMA leaving_archive TO regress_warden_archivist;
SELECT partition, action, status, detail FROM retired('kept');
ALTER SCHEMA leaving_archive RENAME TO leaving_elsewhere;
CREATE TABLE kept_2004 PARTITION OF kept FOR VALUES FROM ('2004-01-01') TO ('2005-01-01');
ALTER TABLE kept_2004 OWNER TO regress_warden_archivist;
SELECT partition, action, status, detail FROM retired('kept');
ALTER SCHEMA leaving_elsewhere RENAME TO leaving_archive;
SELECT partition, action, status, detail FROM retired('kept');
DROP TABLE kept;

-- the archive has a tablespace and an access method of its own: the table is moved there by itself, in CALL maintain()
SET allow_in_place_tablespaces = true;
CREATE TABLESPACE regress_warden_attic LOCATION '';
GRANT CREATE ON TABLESPACE regress_warden_attic TO regress_warden_archivist;
CREATE ACCESS METHOD regress_warden_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE moved (at timestamptz PRIMARY KEY, note text) PARTITION BY RANGE (at);
CREATE TABLE moved_2000 PARTITION OF moved FOR VALUES FROM ('2000-01-01') TO ('2001-01-01') PARTITION BY HASH (at);
CREATE TABLE moved_2000_0 PARTITION OF moved_2000 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE moved_2001 PARTITION OF moved FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
INSERT INTO moved VALUES ('2000-05-05', 'a'), ('2001-05-05', 'b');
ALTER TABLE moved OWNER TO regress_warden_archivist;
ALTER TABLE moved_2000 OWNER TO regress_warden_archivist;
ALTER TABLE moved_2000_0 OWNER TO regress_warden_archivist;
ALTER TABLE moved_2001 OWNER TO regress_warden_archivist;
SELECT count(*) FROM warden.partition_by_time('moved', '1 year', ahead => '1 year', keep_partitions => 1, on_expiry => 'archive',
    archive_schema => 'leaving_archive', archive_tablespace => 'regress_warden_attic', archive_access_method => 'regress_warden_heap')
WHERE action <> 'create';
CREATE FUNCTION places() RETURNS TABLE (name text, tablespace name, access_method name) LANGUAGE sql AS $$
    SELECT relname, spcname, amname
    FROM pg_class c LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace LEFT JOIN pg_am ON pg_am.oid = c.relam AND c.relkind = 'r'
    WHERE relnamespace = 'leaving_archive'::regnamespace AND relname ~ '^moved' ORDER BY 1 $$;
SELECT partition, action, status FROM retired('moved') ORDER BY 1;
SELECT * FROM places();
SELECT partition, action FROM warden.partition_departures ORDER BY partition::text;
SELECT partition, action, status, command, detail FROM warden.partition_maintain('moved');
CALL warden.maintain();
SELECT * FROM places();
SELECT partition, action, command FROM warden.partition_log WHERE parent = 'moved'::regclass AND action = 'move' ORDER BY 1;
SELECT * FROM warden.partition_maintain('moved');
SELECT * FROM warden.partition_departures;
SELECT note FROM leaving_archive.moved_2000 UNION ALL SELECT note FROM leaving_archive.moved_2001;
-- one that somebody has taken out of the archive meanwhile is left alone; one that cannot be moved is told of
CREATE TABLE moved_2002 PARTITION OF moved FOR VALUES FROM ('2002-01-01') TO ('2003-01-01');
CREATE TABLE moved_2003 PARTITION OF moved FOR VALUES FROM ('2003-01-01') TO ('2004-01-01');
ALTER TABLE moved_2002 OWNER TO regress_warden_archivist;
ALTER TABLE moved_2003 OWNER TO regress_warden_archivist;
SELECT partition, action, status FROM retired('moved') ORDER BY 1;
ALTER TABLE leaving_archive.moved_2002 SET SCHEMA leaving;
REVOKE CREATE ON TABLESPACE regress_warden_attic FROM regress_warden_archivist;
SET client_min_messages = error;
CALL warden.maintain();
SET client_min_messages = warning;
SELECT last_error FROM warden.partition_sets WHERE parent = 'moved'::regclass;
SELECT partition, action FROM warden.partition_departures;
GRANT CREATE ON TABLESPACE regress_warden_attic TO regress_warden_archivist;
CALL warden.maintain();
SELECT last_error FROM warden.partition_sets WHERE parent = 'moved'::regclass;
SELECT * FROM places() WHERE name ~ '_200[23]';
DROP TABLE moved, moved_2002, leaving_archive.moved_2000, leaving_archive.moved_2001, leaving_archive.moved_2003;
DROP TABLESPACE regress_warden_attic;

-- a foreign key refers to it: it stays and is reported; is dropped when no row refers to it; goes after those that do
CREATE TABLE orders (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE orders_2000 PARTITION OF orders FOR VALUES FROM ('2000-01-01') TO ('2001-01-01');
CREATE TABLE orders_2001 PARTITION OF orders FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
CREATE TABLE items (id int, at date, FOREIGN KEY (id, at) REFERENCES orders) PARTITION BY RANGE (at);
CREATE TABLE items_2000 PARTITION OF items FOR VALUES FROM ('2000-01-01') TO ('2001-01-01');
CREATE TABLE items_2001 PARTITION OF items FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
INSERT INTO orders VALUES (1, '2000-05-05'), (2, '2001-05-05');
INSERT INTO items SELECT * FROM orders;
CREATE FUNCTION declare_orders(on_reference text) RETURNS void LANGUAGE sql AS $$
    SELECT FROM warden.partition_by_time('orders', '1 year', ahead => '1 year', keep => '10 years', on_reference => on_reference) $$;
SELECT declare_orders('skip');
SELECT partition, action, status, detail FROM retired('orders');
SELECT declare_orders('detach');
SELECT partition, action, status, detail FROM retired('orders');
DELETE FROM items WHERE at < '2001-01-01';
SELECT partition, action, status, command, detail FROM planned('orders');
SELECT partition, action, status, command, detail FROM retired('orders');
SELECT past('orders'), to_regclass('orders_2000') IS NULL AS gone;
-- in one run, those that refer first, although they were declared last
SELECT count(*) > 0 FROM warden.partition_by_time('items', '1 year', ahead => '1 year', keep => '10 years');
SELECT parent, partition, action, status, command FROM retired();
SELECT * FROM orders, items;
-- a pair: what refers to it goes with it, whatever its own policy keeps
CREATE TABLE orders_2002 PARTITION OF orders FOR VALUES FROM ('2002-01-01') TO ('2003-01-01');
CREATE TABLE items_2002 PARTITION OF items FOR VALUES FROM ('2002-01-01') TO ('2002-07-01');
CREATE TABLE items_2002b PARTITION OF items FOR VALUES FROM ('2002-07-01') TO ('2003-01-01');
INSERT INTO orders VALUES (1, '2002-05-05'), (2, '2002-08-05');
INSERT INTO items SELECT * FROM orders;
SELECT count(*) FROM warden.partition_by_time('items', '1 year', ahead => '1 year');
SELECT declare_orders('detach');
SELECT parent, partition, action, status, detail FROM retired();
SELECT declare_orders('pair');
SELECT parent, partition, action, status, detail FROM planned();
SELECT parent, partition, action, status FROM retired();
SELECT * FROM warden.partition_maintain();
-- unless its owner has no rights on what refers to it
CREATE TABLE orders_2003 PARTITION OF orders FOR VALUES FROM ('2003-01-01') TO ('2004-01-01');
CREATE TABLE items_2003 PARTITION OF items FOR VALUES FROM ('2003-01-01') TO ('2004-01-01');
ALTER TABLE orders OWNER TO regress_warden_archivist;
ALTER TABLE orders_2003 OWNER TO regress_warden_archivist;
SELECT declare_orders('pair');
SELECT parent, partition, action, status FROM retired('items');
GRANT REFERENCES, SELECT ON orders, items TO regress_warden_archivist;
INSERT INTO orders VALUES (1, '2003-05-05');
INSERT INTO items VALUES (1, '2003-05-05');
SELECT parent, partition, action, status, detail FROM retired();
-- a key that is not the partition key pairs nothing
ALTER TABLE orders OWNER TO CURRENT_USER;
ALTER TABLE orders_2003 OWNER TO CURRENT_USER;
CREATE TABLE notes (id int, order_at date, at date, FOREIGN KEY (id, order_at) REFERENCES orders) PARTITION BY RANGE (at);
CREATE TABLE notes_2003 PARTITION OF notes FOR VALUES FROM ('2003-01-01') TO ('2004-01-01');
SELECT count(*) > 0 FROM warden.partition_by_time('notes', '1 year', ahead => '1 year');
SELECT parent, partition, action, status, detail FROM retired();
SELECT past('notes'), past('orders');
DROP TABLE notes, items, orders;

-- what cannot be right
\set VERBOSITY terse
CREATE TABLE events (at timestamptz) PARTITION BY RANGE (at);
SELECT warden.partition_by_time('events', '1 day', keep_partitions => 0);
SELECT warden.partition_by_time('events', '1 day', keep_bytes => -1);
SELECT warden.partition_by_time('events', '1 day', on_reference => 'cascade');
SELECT warden.partition_by_time('events', '1 day', on_reference => NULL);
SELECT warden.partition_by_time('events', '1 day', on_expiry => 'archive');
SELECT warden.partition_by_time('events', '1 day', archive_schema => 'leaving_archive');
SELECT warden.partition_by_time('events', '1 day', on_expiry => 'archive', archive_schema => 'nowhere');
SELECT warden.partition_by_time('events', '1 day', on_expiry => 'archive', archive_schema => 'leaving_archive', archive_tablespace => 'nowhere');
SELECT warden.partition_by_time('events', '1 day', on_expiry => 'archive', archive_schema => 'leaving_archive', archive_access_method => 'btree');
CREATE TABLE numbers (id int) PARTITION BY RANGE (id);
SELECT warden.partition_by_number('numbers', 10, keep_partitions => -1);
SELECT warden.partition_by_number('numbers', 10, on_expiry => 'archive');

SET client_min_messages = error;
DROP SCHEMA leaving, leaving_archive CASCADE;
DROP OWNED BY regress_warden_archivist;
DROP ROLE regress_warden_archivist;
