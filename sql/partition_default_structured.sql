-- partition_add_default(): a default partition that may have any number of rows, because no new partition makes the
-- server read them.
CREATE SCHEMA structured;
SET search_path = structured;
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT 'Etc/GMT' || to_char(extract(hour FROM now()) - 12, 'FMSG00') AS zone \gset
SELECT regexp_replace(:'zone', '([+-])0?(\d)', '\1\2') AS zone \gset
CREATE FUNCTION masked(t text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(t, '''\d{4}-.*?''', '''...''', 'g') $$;
CREATE FUNCTION tree(parent regclass)
    RETURNS TABLE (name regclass, leaf boolean, owner regrole, same_acl boolean, persistence "char", options text[], bound text, checks text)
    LANGUAGE sql AS $$
    SELECT c.oid::regclass, t.isleaf, c.relowner::regrole, c.relacl IS NOT DISTINCT FROM p.relacl, c.relpersistence, c.reloptions,
           masked(pg_get_expr(c.relpartbound, c.oid)),
           (SELECT string_agg(masked(pg_get_constraintdef(o.oid)), ' ' ORDER BY conname) FROM pg_constraint o
            WHERE o.conrelid = c.oid AND o.contype = 'c')
    FROM pg_partition_tree(parent) t JOIN pg_class c ON c.oid = t.relid, pg_class p
    WHERE p.oid = parent AND c.relname ~ '_default' ORDER BY c.relname $$;

CREATE ROLE regress_warden_owner;
CREATE ROLE regress_warden_reader;
GRANT ALL ON SCHEMA structured TO regress_warden_owner;
GRANT USAGE ON SCHEMA structured TO regress_warden_reader;
SET ROLE regress_warden_owner;
CREATE TABLE kinds (kind int PRIMARY KEY);
INSERT INTO kinds VALUES (1);
CREATE TABLE events (id int, at timestamptz NOT NULL, kind int REFERENCES kinds, pad text CHECK (pad <> ''),
    PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
ALTER TABLE events ALTER pad SET STORAGE PLAIN;
ALTER TABLE events REPLICA IDENTITY USING INDEX events_pkey;
GRANT SELECT ON events TO regress_warden_reader;
RESET ROLE;
-- errors
SELECT warden.partition_add_default('events');
SELECT warden.partition_add_default(NULL);
SELECT warden.partition_add_default('events', NULL);
SELECT count(*) FROM warden.partition_by_time('events', '1 day', ahead => '3 days', timezone => :'zone',
    storage_parameters => '{fillfactor=90}');
GRANT EXECUTE ON FUNCTION warden.partition_add_default TO regress_warden_reader;
SET ROLE regress_warden_reader;
SELECT warden.partition_add_default('events');
RESET ROLE;
-- first look
SELECT parent, partition, action, status, masked(command) AS command, detail
FROM warden.partition_add_default('events', dry_run => true);
SELECT * FROM tree('events');
SELECT partition, action, status, detail FROM warden.partition_add_default('events');
SELECT * FROM tree('events');
SELECT c.relname, c.relreplident, i.relname AS identity FROM pg_class c
LEFT JOIN pg_index x ON x.indrelid = c.oid AND indisreplident LEFT JOIN pg_class i ON i.oid = x.indexrelid
WHERE c.relname ~ '^events_default' AND c.relkind IN ('r', 'p') ORDER BY 1;
SELECT conrelid::regclass, count(*) FROM pg_constraint
WHERE contype = 'f' AND conrelid::regclass::text ~ 'events_default' GROUP BY 1 ORDER BY conrelid::regclass::text;
SELECT partition, action, left(command, 40) AS command FROM warden.partition_log WHERE partition ~ '^structured.*default';
SELECT warden.partition_add_default('events');

-- rows find their place, and 8 MB of them are late, and some far off
INSERT INTO events SELECT n, timestamptz '2001-01-01' + n * interval '1 hour', 1, repeat('x', 4500)
FROM generate_series(1, 1100) n;
INSERT INTO events SELECT n, now() + interval '50 years', 1, repeat('x', 4500) FROM generate_series(1, 1100) n;
INSERT INTO events VALUES (1, 'infinity', 1), (2, '-infinity', 1), (3, now() + interval '5 years', 1);
SELECT tableoid::regclass, count(*) FROM events GROUP BY 1 ORDER BY tableoid::regclass::text;
-- made at once, in one transaction too, and not a row of them is read
SELECT pg_stat_force_next_flush();
SELECT sum(seq_tup_read) AS before FROM pg_stat_user_tables WHERE relname ~ 'events_default_(late|far)' \gset
SELECT action, status, detail, count(*)
FROM warden.partition_by_time('events', '1 day', ahead => '10 days', timezone => :'zone') GROUP BY 1, 2, 3;
UPDATE warden.partition_policies SET ahead = '20 days';
CALL warden.maintain();
SELECT pg_stat_force_next_flush();
SELECT sum(seq_tup_read) - :before AS more FROM pg_stat_user_tables WHERE relname ~ 'events_default_(late|far)';
SELECT partitions, colliding, skipped, last_error FROM warden.partition_sets;

-- rows that are neither late nor far are in the part that is looked at; as are those between late and retention, later
INSERT INTO events VALUES (4, now() + interval '22 days', 1);
SELECT action, status, masked(detail) AS detail, count(*)
FROM warden.partition_by_time('events', '1 day', ahead => '23 days', timezone => :'zone') GROUP BY 1, 2, 3 ORDER BY 2;
DELETE FROM events WHERE id = 4;
-- when that has grown big, CALL does without a scan under a lock
INSERT INTO events SELECT n, now() + interval '1 year', 1, repeat('x', 4500) FROM generate_series(1, 1100) n;
SELECT status, count(*) FROM warden.partition_maintain() GROUP BY 1;
SELECT count(*) FROM warden.partition_by_time('events', '1 day', ahead => '30 days', timezone => :'zone');
CALL warden.maintain();
SELECT action, status FROM warden.partition_maintain();
SELECT partitions, colliding, skipped, last_error FROM warden.partition_sets;
SELECT count(*) FROM warden.partition_checks;
SELECT conrelid::regclass, conname FROM pg_constraint WHERE conname ~ 'pg_warden';

-- numbers, in a name that must be quoted and cut, with nulls, unlogged
CREATE TABLE "Numbers ""of"" a long name, which has to be cut to make it fit" (n int) PARTITION BY RANGE (n);
CREATE UNLOGGED TABLE first PARTITION OF "Numbers ""of"" a long name, which has to be cut to make it fit"
FOR VALUES FROM (0) TO (100);
SELECT count(*) FROM warden.partition_by_number('"Numbers ""of"" a long name, which has to be cut to make it fit"', 100);
SELECT partition FROM warden.partition_add_default('"Numbers ""of"" a long name, which has to be cut to make it fit"');
SELECT name, persistence, bound, checks FROM tree('"Numbers ""of"" a long name, which has to be cut to make it fit"');
INSERT INTO "Numbers ""of"" a long name, which has to be cut to make it fit" VALUES (NULL), (-1), (2000000000), (5000), (5);
SELECT tableoid::regclass, n FROM "Numbers ""of"" a long name, which has to be cut to make it fit" ORDER BY n;

-- what begins at the beginning, or ends at the end, needs no table for what is before, or after
CREATE TABLE "all" (n smallint) PARTITION BY RANGE (n);
CREATE TABLE all_low PARTITION OF "all" FOR VALUES FROM (MINVALUE) TO (0);
SELECT count(*) FROM warden.partition_by_number('"all"', 10000);
SELECT count(*) FROM warden.partition_add_default('"all"');
SELECT name, bound, checks FROM tree('"all"');

-- other types of key
CREATE TABLE days (day date) PARTITION BY RANGE (day);
CREATE TABLE ids (id uuid) PARTITION BY RANGE (id);
CREATE TABLE ulids (id varchar(26)) PARTITION BY RANGE (id COLLATE "C");
SELECT count(*) FROM (VALUES ('days', NULL), ('ids', 'uuidv7'), ('ulids', 'ulid')) v (name, format),
    warden.partition_by_time(name::regclass, '1 day', ahead => '3 days', timezone => :'zone', key_format => format),
    warden.partition_add_default(name::regclass);
INSERT INTO days SELECT '2001-01-01' FROM generate_series(1, 300000);
INSERT INTO ids SELECT '00000000-0000-7000-8000-000000000000' FROM generate_series(1, 200000);
INSERT INTO ulids SELECT '00000000000000000000000000' FROM generate_series(1, 200000);
SELECT relname, pg_relation_size(oid) > 8 * 1024 * 1024 AS big FROM pg_class WHERE relname ~ '^(days|ids|ulids)_default_late' ORDER BY 1;
SELECT name, action, status, detail, count(*) FROM (VALUES ('days', NULL), ('ids', 'uuidv7'), ('ulids', 'ulid')) v (name, format),
    warden.partition_by_time(name::regclass, '1 day', ahead => '5 days', timezone => :'zone', key_format => format)
GROUP BY 1, 2, 3, 4 ORDER BY 1;
SELECT pg_stat_force_next_flush();
SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE relname ~ '^(days|ids|ulids)_default_late' ORDER BY 1;
DROP SCHEMA structured CASCADE;
REVOKE EXECUTE ON FUNCTION warden.partition_add_default FROM regress_warden_reader;
DROP ROLE regress_warden_owner, regress_warden_reader;
CALL warden.maintain();
