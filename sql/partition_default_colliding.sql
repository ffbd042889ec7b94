-- Rows of a range that are in the default partition: a state of the set, which the other ranges do not mind.
CREATE SCHEMA colliding;
SET search_path = colliding;
SET client_min_messages = error;
SET timezone = 'UTC';
SELECT 'Etc/GMT' || to_char(extract(hour FROM now()) - 12, 'FMSG00') AS zone \gset
SELECT regexp_replace(:'zone', '([+-])0?(\d)', '\1\2') AS zone \gset
CREATE FUNCTION masked(t text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(t, '''\d{4}-.*?''', '''...''', 'g') $$;
CREATE FUNCTION make(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (at timestamptz, pad text) PARTITION BY RANGE (at)', name);
    EXECUTE format('ALTER TABLE %I ALTER pad SET STORAGE PLAIN', name);
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', name || '_rest', name);
    EXECUTE format('INSERT INTO %I SELECT timestamptz ''2001-01-01'' + n * interval ''1 hour'', repeat(''x'', 4500)
                    FROM generate_series(1, 1100) n', name);
    -- and these are in the way of two days that are to have partitions
    EXECUTE format('INSERT INTO %I SELECT now() + i * interval ''1 day'' FROM unnest(''{2, 2, 2, 4}''::int[]) i', name);
END $$;
CREATE VIEW reads AS
SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE schemaname = 'colliding' AND relname ~ '_rest$';
CREATE TABLE read_before AS SELECT * FROM reads;
SELECT make(name) FROM (VALUES ('plain'), ('indexed')) v (name);
CREATE INDEX ON indexed (at);
SELECT pg_stat_force_next_flush();
INSERT INTO read_before SELECT * FROM reads;

-- looked for by the index, and else not: that would take long
SELECT relname, action, status, masked(detail) AS detail, count(*)
FROM pg_class, warden.partition_by_time(oid, '1 day', ahead => '5 days', timezone => :'zone')
WHERE relnamespace = 'colliding'::regnamespace AND relkind = 'p' GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 4;
SELECT parent, partitions, colliding, skipped, last_success, last_error FROM warden.partition_sets ORDER BY parent::text;
CALL warden.maintain();
SELECT parent, partitions, colliding, skipped, last_success IS NOT NULL AS success, last_error FROM warden.partition_sets
ORDER BY parent::text;
-- with an index one pass, to validate; without one two more, because the first found that there are some
SELECT pg_stat_force_next_flush();
SELECT relname, r.seq_tup_read - b.seq_tup_read AS more FROM reads r JOIN read_before b USING (relname) ORDER BY 1;
UPDATE read_before b SET seq_tup_read = r.seq_tup_read FROM reads r WHERE r.relname = b.relname;
-- the same again: looked at, and nothing is written, locked or refused for it
SELECT parent::regclass, xmin AS xmin FROM warden.partition_states WHERE parent = 'plain'::regclass \gset before_
CALL warden.maintain();
SELECT xmin = :'before_xmin' AS unchanged, colliding FROM warden.partition_states WHERE parent = 'plain'::regclass;
SELECT pg_stat_force_next_flush();
SELECT relname, r.seq_tup_read - b.seq_tup_read AS more FROM reads r JOIN read_before b USING (relname) ORDER BY 1;
SELECT action, status, masked(detail) AS detail, count(*)
FROM warden.partition_maintain('indexed') GROUP BY 1, 2, 3 ORDER BY 2, 3;
SELECT colliding FROM warden.partition_sets WHERE parent = 'plain'::regclass;
-- moved out of the way: they are made, and the state is gone
DELETE FROM plain WHERE at > now();
DELETE FROM indexed WHERE at > now();
CALL warden.maintain();
SELECT parent, partitions, colliding, last_error FROM warden.partition_sets ORDER BY parent::text;
SELECT count(*) FROM warden.partition_checks;

-- a constraint of the user's tells the server as much: made in one transaction, and nothing is read
ALTER TABLE plain_rest ADD CONSTRAINT old CHECK (at < '2002-01-01');
SELECT pg_stat_force_next_flush();
SELECT seq_tup_read AS before FROM reads WHERE relname = 'plain_rest' \gset
SELECT action, status, count(*) FROM warden.partition_by_time('plain', '1 day', ahead => '8 days') GROUP BY 1, 2;
SELECT pg_stat_force_next_flush();
SELECT seq_tup_read - :before AS more FROM reads WHERE relname = 'plain_rest';

-- what a maintenance has left that was killed: the next one takes it away
CREATE FUNCTION leave(parent regclass, leaf regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT pg_warden_no_rows_of_new_partitions CHECK (at < now()) NOT VALID', leaf);
    INSERT INTO warden.partition_checks (parent, partition, pid) VALUES (parent::oid, leaf::oid, 0);
END $$;
CREATE FUNCTION left_over() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM pg_constraint WHERE conname = 'pg_warden_no_rows_of_new_partitions' $$;
SELECT leave('indexed', 'indexed_rest'), leave('plain', 'plain_rest');
\set VERBOSITY sqlstate
INSERT INTO indexed VALUES (now() + interval '1 year');
\set VERBOSITY default
SELECT count(*) FROM warden.partition_maintain('indexed');
INSERT INTO indexed VALUES (now() + interval '1 year');
SELECT left_over(), (SELECT count(*) FROM warden.partition_checks) AS noted;
CALL warden.maintain();
SELECT left_over(), (SELECT count(*) FROM warden.partition_checks) AS noted;
-- also when the set is not managed any more, the table is no partition any more, or is gone
SELECT leave('indexed', 'indexed_rest'), leave('plain', 'plain_rest');
SELECT warden.partition_unmanage('indexed');
SELECT left_over(), (SELECT count(*) FROM warden.partition_checks) AS noted;
SELECT leave('indexed', 'indexed_rest');
ALTER TABLE plain DETACH PARTITION plain_rest;
DROP TABLE indexed;
CALL warden.maintain();
SELECT left_over(), (SELECT count(*) FROM warden.partition_checks) AS noted;

-- a default partition that is partitioned, belongs to others, has columns in another order, and a foreign table
CREATE ROLE regress_warden_rest;
CREATE ROLE regress_warden_leaf;
GRANT USAGE ON SCHEMA colliding TO regress_warden_rest, regress_warden_leaf;
CREATE TABLE tree (at timestamptz, kind text, pad text) PARTITION BY RANGE (at);
CREATE TABLE "tree's Rest" PARTITION OF tree DEFAULT PARTITION BY LIST (kind);
CREATE TABLE "tree's ""big"" leaf" (gone int, pad text, kind text, at timestamptz);
ALTER TABLE "tree's ""big"" leaf" DROP COLUMN gone, ALTER pad SET STORAGE PLAIN;
ALTER TABLE "tree's Rest" ATTACH PARTITION "tree's ""big"" leaf" FOR VALUES IN ('big');
CREATE TABLE tree_small PARTITION OF "tree's Rest" FOR VALUES IN ('small');
CREATE FOREIGN DATA WRAPPER regress_warden_nothing;
CREATE SERVER regress_warden_nowhere FOREIGN DATA WRAPPER regress_warden_nothing;
CREATE FOREIGN TABLE tree_foreign PARTITION OF "tree's Rest" DEFAULT SERVER regress_warden_nowhere;
INSERT INTO tree SELECT timestamptz '2001-01-01' + n * interval '1 hour', 'big', repeat('x', 4500)
FROM generate_series(1, 1100) n;
INSERT INTO tree VALUES (NULL, 'big'), ('1999-01-01', 'small'), (now() + interval '3 days', 'small');
ALTER TABLE "tree's Rest" OWNER TO regress_warden_rest;
ALTER TABLE "tree's ""big"" leaf" OWNER TO regress_warden_leaf;
SELECT action, status, masked(detail) AS detail, count(*)
FROM warden.partition_by_time('tree', '1 day', ahead => '5 days', timezone => :'zone') GROUP BY 1, 2, 3 ORDER BY 2, 3;
CALL warden.maintain();
SELECT partitions, colliding, skipped, last_error FROM warden.partition_sets WHERE parent = 'tree'::regclass;
SELECT pg_stat_force_next_flush();
SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE relname = 'tree''s "big" leaf';
SELECT count(*), left_over() FROM warden.partition_checks;
-- an owner who may not look up his own table: told, and nothing is left behind
REVOKE USAGE ON SCHEMA colliding FROM regress_warden_leaf;
SELECT action, status, masked(detail) AS detail, count(*)
FROM warden.partition_by_time('tree', '1 day', ahead => '7 days', timezone => :'zone') GROUP BY 1, 2, 3 ORDER BY 2, 3;
CALL warden.maintain();
SELECT partitions, last_error FROM warden.partition_sets WHERE parent = 'tree'::regclass;
SELECT count(*), left_over() FROM warden.partition_checks;
DROP SCHEMA colliding CASCADE;
DROP FOREIGN DATA WRAPPER regress_warden_nothing CASCADE;
DROP ROLE regress_warden_rest, regress_warden_leaf;
CALL warden.maintain();
