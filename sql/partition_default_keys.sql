-- Of every type of key: while the default partition is big, partitions of the future are made with one scan of it that
-- locks nobody out, and none in a single transaction.
CREATE SCHEMA keyed;
SET search_path = keyed;
SET client_min_messages = warning;
SET timezone = 'UTC';
-- Where it is about noon, so that no day ends while this runs.
SELECT 'Etc/GMT' || to_char(extract(hour FROM now()) - 12, 'FMSG00') AS zone \gset
SELECT regexp_replace(:'zone', '([+-])0?(\d)', '\1\2') AS zone \gset
-- More than 8 MB of rows that are in nobody's way, and one without a key.
CREATE FUNCTION make(name text, type text, key text, sorted_by text DEFAULT '') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I ("its Key" %s, pad text) PARTITION BY RANGE ("its Key" %s)', name, type, sorted_by);
    EXECUTE format('ALTER TABLE %I ALTER pad SET STORAGE PLAIN', name);
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', name || ' Rest', name);
    EXECUTE format('INSERT INTO %I SELECT %s, repeat(''x'', 4500) FROM generate_series(1, 1099) n', name, key);
    EXECUTE format('INSERT INTO %I VALUES (NULL)', name);
END $$;
DO $$
BEGIN
    PERFORM keyed.make('timestamptz', 'timestamptz', $f$timestamptz '2001-01-01' + n * interval '1 hour'$f$);
    PERFORM keyed.make('timestamp', 'timestamp', $f$timestamp '2001-01-01' + n * interval '1 hour'$f$);
    PERFORM keyed.make('date', 'date', $f$date '2001-01-01' + n$f$);
    PERFORM keyed.make('seconds', 'int', 'n');
    PERFORM keyed.make('nanoseconds', 'bigint', 'n');
    PERFORM keyed.make('uuidv7', 'uuid', $f$('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid$f$);
    PERFORM keyed.make('ulid', 'text', $f$lpad(n::text, 26, '0')$f$, 'COLLATE "C"');
    PERFORM keyed.make('ulid of C', 'text COLLATE "C"', $f$lpad(n::text, 26, '0')$f$);
    PERFORM keyed.make('ulid varchar', 'varchar(26)', $f$lpad(n::text, 26, '0')$f$, 'COLLATE "C"');
    PERFORM keyed.make('ulid varchar of C', 'varchar COLLATE "C"', $f$lpad(n::text, 26, '0')$f$);
    PERFORM keyed.make('ulid by pattern', 'text COLLATE "C"', $f$lpad(n::text, 26, '0')$f$, 'text_pattern_ops');
    PERFORM keyed.make('smallint', 'smallint', '-n');
    PERFORM keyed.make('int', 'int', '-n');
    PERFORM keyed.make('bigint', 'bigint', '-n');
    PERFORM keyed.make('numeric', 'numeric', '-n');
    PERFORM keyed.make('numeric of scale', 'numeric(12,2)', '-n');
END $$;
-- of time: today cannot be kept free, the three days after it can; of numbers likewise
CREATE TABLE declared AS
SELECT relname, action, status, replace(detail, relname || ' Rest', '...') AS detail
FROM pg_class,
     warden.partition_by_time(oid, '1 day', ahead => '3 days', timezone => :'zone',
         key_format => CASE WHEN relname ~ 'ulid' THEN 'ulid' WHEN relname = 'uuidv7' THEN 'uuidv7'
                            WHEN relname ~ 'seconds' THEN 'unix_' || relname END)
WHERE relkind = 'p' AND relnamespace = 'keyed'::regnamespace AND relname !~ 'int|numeric';
INSERT INTO declared
SELECT relname, action, status, replace(detail, relname || ' Rest', '...')
FROM pg_class, warden.partition_by_number(oid, 100, ahead => 400)
WHERE relkind = 'p' AND relnamespace = 'keyed'::regnamespace AND relname ~ 'int|numeric';
SELECT relname ~ 'int|numeric' AS numbers, action, status, detail, count(DISTINCT relname) AS sets, count(*)
FROM declared GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3;
CREATE VIEW reads AS
SELECT relname, seq_tup_read / 1100.0 AS passes, seq_tup_read % 1100 AS more
FROM pg_stat_user_tables WHERE schemaname = 'keyed' AND relname ~ ' Rest$';
SELECT pg_stat_force_next_flush();
SELECT sum(passes) AS passes, sum(more) AS more FROM reads;

CALL warden.maintain();
SELECT pg_stat_force_next_flush();
SELECT parent, partitions, colliding, skipped, passes::int, more, last_error
FROM warden.partition_sets JOIN pg_class c ON c.oid = parent JOIN reads r ON r.relname = c.relname || ' Rest'
ORDER BY c.relname COLLATE "C";
-- it has left nothing behind
SELECT conname, conrelid::regclass FROM pg_constraint WHERE connamespace = 'keyed'::regnamespace;
SELECT count(*) FROM warden.partition_checks;
-- of a key that is sorted by other operators nothing is proven, and so nothing is read for it
SELECT action, status, replace(detail, relname || ' Rest', '...') AS detail, count(*)
FROM pg_class, warden.partition_maintain(oid, dry_run => true) WHERE relname = 'ulid by pattern' GROUP BY 1, 2, 3 ORDER BY 3;

-- by hand, in a quiet moment: all goes on as always
DO $$
DECLARE command text;
BEGIN
    FOR command IN SELECT m.command FROM warden.partition_maintain('"ulid by pattern"', dry_run => true) m LOOP
        EXECUTE command;
    END LOOP;
END $$;
SELECT count(*) FROM warden.partition_maintain('"ulid by pattern"');
SELECT partitions, skipped FROM warden.partition_sets WHERE parent = '"ulid by pattern"'::regclass;
DROP SCHEMA keyed CASCADE;
CALL warden.maintain();
