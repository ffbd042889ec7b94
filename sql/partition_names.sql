-- Names: <parent>_pYYYYMMDD, whatever the parent is called and whatever names are taken, in 63 bytes.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA names;
CREATE SCHEMA "Odd ""schema"".%I";
SET search_path = names;
DO $$ BEGIN IF localtime > '23:59' THEN PERFORM pg_sleep(61); END IF; END $$;
-- What partitions are called: characters cut of the parent's name, what follows it, bytes in all.
CREATE FUNCTION made(parent regclass) RETURNS TABLE (cut int, rest text, bytes int, partitions bigint)
LANGUAGE sql AS $$
    SELECT length(own) - length(start), regexp_replace(rest, '_p\d{8}(_\d{6})?', '_pYYYYMMDD'),
           octet_length(name), count(*)
    FROM (SELECT c.relname AS name, p.relname AS own, substring(c.relname FROM '(.*)_p\d{8}') AS start,
                 substring(c.relname FROM '.*(_p\d{8}.*)') AS rest
          FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid JOIN pg_class p ON p.oid = inhparent
          WHERE inhparent = parent) n
    WHERE starts_with(own, start) GROUP BY 1, 2, 3 $$;
CREATE FUNCTION make(parent regclass, every interval)
RETURNS TABLE (status text, detail text, cut int, rest text, bytes int, partitions bigint) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP TABLE done AS SELECT p.status, p.detail, bool_and(to_regclass(partition) IS NOT NULL) AS exist
                              FROM warden.partition_by_time(parent, every, ahead => 2 * every) p GROUP BY 1, 2;
    RETURN QUERY SELECT d.status, d.detail, m.* FROM done d, names.made(parent) m WHERE exist ORDER BY m.rest, d.status;
    DROP TABLE done;
END $$;

-- odd names: the table, its schema, its column
CREATE TABLE parents (name text);
INSERT INTO parents VALUES ('plain'), ('Upper Case'), ('quote"double'), ('quote''single'), ('back\slash'),
    ('percent%s%I%1$s'), (E'new\nline'), ('dot.dot'), ('select'), ('user'), ('äöü€'), ('$1'), ('$$'), ('a_p20200101'),
    ('; DROP TABLE names.parents; --'), (' ');
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT p.name FROM names.parents p LOOP
        EXECUTE format('CREATE TABLE "Odd ""schema"".%%I".%1$I (%1$I timestamptz NOT NULL) PARTITION BY RANGE (%1$I)',
                       name);
    END LOOP;
END $$;
SELECT replace(relname, E'\n', '<newline>') AS name, made.*
FROM (SELECT oid, relname FROM pg_class WHERE relkind = 'p' AND relnamespace::regnamespace::text ~ 'Odd') c,
     make(oid, '1 day') made ORDER BY relname COLLATE "C";
SELECT count(*) FROM warden.partition_maintain();
SELECT count(DISTINCT parent) FROM warden.partitions;
DROP SCHEMA "Odd ""schema"".%I" CASCADE;

-- 63 bytes, of one and of more bytes a character; a cut character is left out
CREATE FUNCTION long(name text, every interval)
RETURNS TABLE (status text, detail text, cut int, rest text, bytes int, partitions bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (at timestamptz) PARTITION BY RANGE (at)', name);
    RETURN QUERY SELECT * FROM make(quote_ident(name)::regclass, every);
END $$;
SELECT * FROM long(repeat('x', 52), '1 day');
SELECT * FROM long(repeat('x', 53), '1 day');
SELECT * FROM long(repeat('x', 54), '1 day');
SELECT * FROM long(repeat('x', 63), '1 day');
SELECT * FROM long(repeat('y', 63), '1 hour');
SELECT * FROM long(repeat('ä', 27), '1 day');
SELECT * FROM long('a' || repeat('ä', 31), '1 day');
SELECT * FROM long(repeat('€', 21), '1 day');
SELECT * FROM long(repeat('𝄞', 15), '1 day');
-- sets whose names begin with the same 60 bytes: both get all their partitions
SELECT * FROM long(repeat('x', 60) || 'abc', '1 day');
SELECT * FROM long(repeat('x', 60) || 'abd', '1 day');

-- a name that is taken, by whatever it may be: the next one. @ stands for the name of today's partition.
CREATE FUNCTION taken(command text)
RETURNS TABLE (status text, detail text, cut int, rest text, bytes int, partitions bigint) LANGUAGE plpgsql AS $$
BEGIN
    CREATE SCHEMA names_taken;
    SET LOCAL search_path = names_taken, names;
    CREATE TABLE taken (at timestamptz) PARTITION BY RANGE (at);
    EXECUTE replace(command, '@', 'taken_p' || to_char(now(), 'YYYYMMDD'));
    RETURN QUERY SELECT * FROM make('taken', '1 day');
    DROP SCHEMA names_taken CASCADE;
END $$;
SELECT * FROM taken('SELECT');
SELECT * FROM taken('CREATE TABLE @ ()');
SELECT * FROM taken('CREATE VIEW @ AS SELECT 1');
SELECT * FROM taken('CREATE MATERIALIZED VIEW @ AS SELECT 1');
SELECT * FROM taken('CREATE SEQUENCE @');
SELECT * FROM taken('CREATE TABLE other (n int); CREATE INDEX @ ON other (n)');
SELECT * FROM taken('CREATE TYPE @ AS ENUM ()');
SELECT * FROM taken('CREATE TYPE @ AS (n int)');
SELECT * FROM taken('CREATE DOMAIN @ AS int');
SELECT * FROM taken('CREATE TABLE @ (); CREATE TYPE @_1 AS ENUM (); CREATE SEQUENCE @_2');
-- the name in another schema is free
SELECT * FROM taken('CREATE TABLE names.@ ()');
-- the name of a partition of the same set with other bounds
SELECT * FROM taken('CREATE TABLE @ PARTITION OF taken FOR VALUES FROM (MINVALUE) TO (''yesterday'')');
DROP SCHEMA names CASCADE;
