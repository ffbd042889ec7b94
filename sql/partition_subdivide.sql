-- Trees: new partitions of a set are partitioned themselves, and those that are, whoever made them, are kept like sets.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
-- Months are counted below: not across midnight.
DO $$ BEGIN IF localtime > '23:59' THEN PERFORM pg_sleep(61); END IF; END $$;
CREATE ROLE regress_warden_keeper;
CREATE ROLE regress_warden_reader;
CREATE SCHEMA trees;
GRANT ALL ON SCHEMA trees TO regress_warden_keeper;
SET search_path = trees;
CREATE FUNCTION masked(t text) RETURNS text LANGUAGE sql AS
$$ SELECT regexp_replace(t, '_p20[23]\d{5}', '_pYYYYMMDD', 'g') $$;
-- a tree, level by level
CREATE FUNCTION tree(target regclass) RETURNS TABLE (level int, partition text, is_leaf boolean, count bigint)
LANGUAGE sql AS $$
    SELECT level, masked(relid::text) COLLATE "C" AS partition, isleaf, count(*) FROM pg_partition_tree(target)
    GROUP BY 1, 2, 3 ORDER BY 1, 2 $$;

-- range, then hash: whole before it is attached, each table with the owner, the rights and the properties of the root
SET ROLE regress_warden_keeper;
CREATE TABLE events (at timestamptz, tenant int, note text, PRIMARY KEY (at, tenant)) PARTITION BY RANGE (at);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE INDEX ON events (note);
ALTER TABLE events REPLICA IDENTITY USING INDEX events_pkey;
ALTER TABLE events ALTER note SET STATISTICS 500;
GRANT SELECT ON events TO regress_warden_reader;
RESET ROLE;
SELECT count(*) FROM warden.partition_by_time('events', '1 month', ahead => '1 month',
    storage_parameters => '{fillfactor=77}');
SELECT action, status, detail FROM warden.partition_subdivide('events', 'hash', 'tenant', modulus => 3);
SELECT parent, sub_method, sub_key, sub_modulus, sub_keys, sub_every, sub_ahead, sub_keep FROM warden.partition_sets;
-- what there is stays; what is new is a tree
DO $$ BEGIN EXECUTE (SELECT format('DROP TABLE %s', max(partition::text)) FROM warden.partitions WHERE kind = 'range'); END $$;
SELECT masked(partition) AS partition, status, masked(regexp_replace(command, '''[^'']*''', '...', 'g')) AS command
FROM warden.partition_maintain('events', dry_run => true) \gx
SELECT masked(partition) AS partition, action, status FROM warden.partition_maintain('events');
SELECT * FROM tree('events');
SELECT relkind, relowner::regrole, reloptions, relreplident,
       relacl = (SELECT relacl FROM pg_class WHERE oid = 'events'::regclass) AS same_rights, count(*)
FROM pg_class WHERE relname ~ '^events_p\d+(_h3_\d)?$' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 6;
SELECT attstattarget, count(*) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relname ~ '^events_p\d+_h3' AND attname = 'note' AND relkind = 'r' GROUP BY 1;
INSERT INTO events SELECT now() + interval '1 month' * (n % 2), n, 'x' FROM generate_series(1, 100) n;
-- nothing more to do, and what goes missing below comes back, from whichever end one asks
SELECT * FROM warden.partition_maintain();
SELECT max(partition::text) AS tree FROM warden.partitions WHERE parent = 'events'::regclass AND kind = 'range' \gset
SELECT :'tree' || '_h3_0' AS zero, :'tree' || '_h3_1' AS one, :'tree' || '_h3_2' AS two \gset
DROP TABLE :one;
SELECT masked(parent::text) AS parent, masked(partition) AS partition, action, status FROM warden.partition_maintain('events');
DROP TABLE :two;
SELECT masked(parent::text) AS parent, masked(partition) AS partition, action, status FROM warden.partition_maintain(:'tree');
DROP TABLE :zero;
CALL warden.maintain();
SELECT * FROM tree('events');
SELECT masked(parent::text) AS parent, masked(partition) AS partition, action FROM warden.partition_log
WHERE parent = :'tree'::regclass ORDER BY at;
SELECT masked(parent::text) AS parent, masked(partition::text) AS partition, kind, bound FROM warden.partitions WHERE parent = :'tree'::regclass;
SELECT masked(parent::text) AS parent, declared_on, partitions, last_success IS NOT NULL AS success, last_error FROM warden.partition_sets_below;
-- declared anew, the subdivision stays
SELECT * FROM warden.partition_by_time('events', '1 month', ahead => '1 month', keep => '1 month');
SELECT sub_method, sub_key, sub_modulus FROM warden.partition_sets;

-- retention takes a tree whole, unless something in it is held or needed
SET ROLE regress_warden_keeper;
CREATE TABLE old PARTITION OF events FOR VALUES FROM ('2001-01-01') TO ('2001-02-01') PARTITION BY HASH (tenant);
CREATE TABLE old_all PARTITION OF old FOR VALUES WITH (MODULUS 1, REMAINDER 0);
RESET ROLE;
SELECT warden.partition_hold('old_all', 'below');
SELECT parent, partition, held FROM warden.partitions WHERE held IS NOT NULL;
SELECT partition, action, status FROM warden.partition_maintain('events') WHERE action = 'drop';
SELECT warden.partition_release('old_all');
CREATE VIEW looking AS SELECT * FROM old_all;
SELECT partition, action, status, detail FROM warden.partition_maintain('events') WHERE action = 'drop';
DROP VIEW looking;
SELECT partition, action, status, command FROM warden.partition_maintain('events');

-- list, then range of time: a tenant each, months below, which come and go
CREATE TABLE logs (tenant text, at timestamp, n int) PARTITION BY LIST (tenant);
CREATE TABLE logs_mine PARTITION OF logs FOR VALUES IN ('mine') PARTITION BY RANGE (at);
CREATE TABLE logs_other PARTITION OF logs FOR VALUES IN ('other') PARTITION BY RANGE (n);
SELECT count(*) FROM warden.partition_by_list('logs', keys => '{early}');
SELECT parent, masked(partition) AS partition, action, status, detail
FROM warden.partition_subdivide('logs', 'range', 'at', every => '1 mon', ahead => '1 month', keep => '60 days')
ORDER BY 1, 2;
SELECT partition FROM warden.partition_by_list('logs', keys => '{early,acme}');
SELECT * FROM tree('logs');
SELECT sub_every, sub_ahead, sub_keep, sub_timezone FROM warden.partition_sets WHERE parent = 'logs'::regclass;
CREATE TABLE logs_acme_old PARTITION OF logs_acme FOR VALUES FROM ('2010-01-01') TO ('2010-02-01');
SELECT parent, partition, action, status FROM warden.partition_maintain('logs', dry_run => true) WHERE action = 'drop';
SELECT partition, held, expires_at FROM warden.partitions WHERE partition = 'logs_acme_old'::regclass;
SELECT parent, partition, action, status FROM warden.partition_maintain() WHERE action = 'drop';
SELECT parent, covered_until > now() AS covered, runs_out_in > '27 days' AS ahead FROM warden.partition_sets_below
WHERE declared_on = 'logs'::regclass ORDER BY parent::text;
SELECT * FROM warden.partition_maintain();
-- a set below that is in trouble does not keep its siblings from anything
CREATE TABLE logs_acme_rest PARTITION OF logs_acme DEFAULT;
DO $$ BEGIN EXECUTE (SELECT string_agg(format('DROP TABLE %s', partition), ';') FROM (
    SELECT max(partition::text) AS partition FROM warden.partitions
    WHERE parent IN ('logs_acme'::regclass, 'logs_mine'::regclass) AND kind = 'range' GROUP BY parent) p); END $$;
INSERT INTO logs VALUES ('acme', now() + interval '1 month');
SELECT parent, action, status FROM warden.partition_maintain('logs');
SELECT parent, colliding, last_error FROM warden.partition_sets_below WHERE declared_on = 'logs'::regclass ORDER BY parent::text;
TRUNCATE logs;
SELECT parent, action, status FROM warden.partition_maintain();
SELECT parent, colliding, last_error FROM warden.partition_sets_below WHERE declared_on = 'logs'::regclass ORDER BY parent::text;

-- hash, then list; and values whose names collide
SELECT * FROM warden.partition_maintain();
CREATE TABLE carts (id int, state text) PARTITION BY HASH (id);
SELECT count(*) FROM warden.partition_by_hash('carts', 2, dry_run => true);
SELECT count(*) FROM warden.partition_by_hash('carts', 2);
SELECT detail FROM warden.partition_subdivide('carts', 'list', 'state', keys => '{open,a b,a/b,NULL,open}');
DROP TABLE carts_h2_1;
SELECT partition, command FROM warden.partition_maintain('carts');
SELECT * FROM tree('carts');
SELECT partition, action, status FROM warden.partition_subdivide('carts', 'list', 'state', keys => '{open,closed}');
INSERT INTO carts SELECT n, 'more' FROM generate_series(1, 10) n;
SELECT parent, partition, action, status FROM warden.partition_subdivide('carts', 'list', 'state', keys => '{more}');
SELECT sub_keys FROM warden.partition_sets WHERE parent = 'carts'::regclass;

-- range, then range of the same column: all between the bounds at once, and nothing beyond them
CREATE TABLE years (day date, n int) PARTITION BY RANGE (day);
SELECT count(*) > 0 FROM warden.partition_by_time('years', '1 year', ahead => '1 year');
SELECT detail <> '' FROM warden.partition_subdivide('years', 'range', 'day', every => '1 month');
CREATE TABLE years_2010 PARTITION OF years FOR VALUES FROM ('2010-01-15') TO ('2011-01-01') PARTITION BY RANGE (day);
SELECT parent, count(*), min(partition), max(partition) FROM warden.partition_maintain('years') WHERE parent = 'years_2010'::regclass GROUP BY 1;
SELECT partition, lower_bound, upper_bound FROM warden.partitions WHERE parent = 'years_2010'::regclass ORDER BY lower_bound LIMIT 2;
DROP TABLE years_2010;
DO $$ BEGIN EXECUTE (SELECT format('DROP TABLE %s', max(partition::text)) FROM warden.partitions WHERE parent = 'years'::regclass); END $$;
SELECT count(*) > 0 FROM warden.partition_maintain('years');
SELECT DISTINCT level, isleaf, count(*) FROM pg_partition_tree('years') WHERE level = 2 GROUP BY parentrelid, 1, 2;
SELECT * FROM warden.partition_maintain('years');
-- a default partition that is partitioned is not one of them
CREATE TABLE years_rest PARTITION OF years DEFAULT PARTITION BY RANGE (day);
SELECT * FROM warden.partition_maintain('years');

-- numbers below numbers, and to end it
CREATE TABLE ids (id bigint) PARTITION BY RANGE (id);
SELECT count(*) FROM warden.partition_by_number('ids', 1000, ahead => 2000);
SELECT detail FROM warden.partition_subdivide('ids', 'range', 'id', every => '400');
DROP TABLE ids_p1000;
SELECT partition FROM warden.partition_maintain('ids');
SELECT partition, lower_bound, upper_bound FROM warden.partitions WHERE parent = 'ids_p1000'::regclass;
SELECT * FROM warden.partition_subdivide('ids', NULL);
SELECT sub_method, sub_key, sub_every FROM warden.partition_sets WHERE parent = 'ids'::regclass;
DROP TABLE ids_p1000_p1600;
SELECT * FROM warden.partition_maintain('ids');
DROP TABLE ids_p1000;
SELECT partition FROM warden.partition_maintain('ids');
SELECT * FROM tree('ids');

-- but for what would be retired at once
CREATE TABLE counted (id bigserial) PARTITION BY RANGE (id);
SELECT setval('counted_id_seq', 1550);
SELECT count(*) FROM warden.partition_by_number('counted', 1000, ahead => 1000);
SELECT count(*) FROM warden.partition_subdivide('counted', 'range', 'id', every => '100', keep => '300');
DROP TABLE counted_p1000;
SELECT partition FROM warden.partition_maintain('counted');
SELECT partition, lower_bound FROM warden.partitions WHERE parent = 'counted_p1000'::regclass ORDER BY lower_bound LIMIT 1;
SELECT setval('counted_id_seq', 1610);
SELECT partition, action, status FROM warden.partition_maintain('counted');
SELECT parent, covered_to, numbers_left FROM warden.partition_sets_below WHERE declared_on = 'counted'::regclass;

-- a column with an odd name, of a table with an odd name
CREATE TABLE "odd ""1"" ; --" ("a ""b"", c" text, n int) PARTITION BY LIST (n);
SELECT count(*) FROM warden.partition_by_list('"odd ""1"" ; --"');
SELECT count(*) FROM warden.partition_subdivide('"odd ""1"" ; --"', 'hash', 'a "b", c', modulus => 2);
SELECT partition, command FROM warden.partition_by_list('"odd ""1"" ; --"', keys => '{5}');
SELECT * FROM warden.partition_maintain('"odd ""1"" ; --"');

DROP SCHEMA trees CASCADE;
DROP OWNED BY regress_warden_keeper;
DROP ROLE regress_warden_keeper, regress_warden_reader;
