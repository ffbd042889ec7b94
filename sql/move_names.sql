-- Whatever tables, schemas and columns are called, and whatever names are taken: the right table is moved, and its
-- indexes, constraints and triggers are called as before.
SET timezone = 'UTC';
SET client_min_messages = error;
CREATE SCHEMA odd;
CREATE SCHEMA "Odd ""schema"".%I";
SET search_path = odd;
CREATE TABLE parents (name text);
INSERT INTO parents VALUES ('plain'), ('Upper Case'), ('quote"double'), ('quote''single'), ('back\slash'),
    ('percent%s%I%1$s'), (E'new\nline'), ('dot.dot'), ('select'), ('user'), ('äöü€'), ('$1'), ('$$'), ('a_p20200101'),
    ('; DROP TABLE odd.parents; --'), (' '), (repeat('x', 63)), (repeat('ä', 31) || '_'), ('pg_toast_1'), ('job_1'), ('a,b {c} "d"');
-- What a table has, by name: the columns of its indexes, constraints and triggers.
CREATE FUNCTION parts(t regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(part, E'\n' ORDER BY part COLLATE "C") FROM (
        SELECT 'column ' || attnum || ' ' || quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = t AND attnum > 0
        UNION ALL SELECT 'index ' || indexrelid::regclass || ' ' || regexp_replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') FROM pg_index WHERE indrelid = t
        UNION ALL SELECT 'constraint ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = t
        UNION ALL SELECT 'trigger ' || quote_ident(tgname) FROM pg_trigger WHERE tgrelid = t AND NOT tgisinternal) p (part) $$;
CREATE FUNCTION content(t regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
    EXECUTE format('SELECT md5(string_agg(t::text, E''\n'' ORDER BY id)) FROM %s t', t) INTO found;
    RETURN found;
END $$;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT p.name FROM odd.parents p LOOP
        EXECUTE format('CREATE TABLE "Odd ""schema"".%%I".%1$I (id int, gone int, %1$I timestamptz NOT NULL, n text DEFAULT %1$L,
            CONSTRAINT %2$I CHECK (id > 0 AND %1$I > ''1999-01-01''), CONSTRAINT %3$I PRIMARY KEY (id, %1$I))', name, left(name, 25) || ' c', left(name, 25) || ' k');
        EXECUTE format('ALTER TABLE "Odd ""schema"".%%I".%I DROP gone', name);
        EXECUTE format('CREATE INDEX %2$I ON "Odd ""schema"".%%I".%1$I (lower(n), %1$I)', name, left(name, 25) || ' i');
        EXECUTE format('CREATE TRIGGER %1$I AFTER INSERT ON "Odd ""schema"".%%I".%1$I FOR EACH ROW EXECUTE FUNCTION odd.note(%1$L)', name);
        EXECUTE format('INSERT INTO "Odd ""schema"".%%I".%1$I SELECT g, timestamptz ''2020-01-01 UTC'' + g %% 3 * interval ''1 year'' FROM generate_series(1, 30) g', name);
    END LOOP;
END $$;
CREATE TABLE before AS SELECT t.oid, p.name, parts(t.oid), content(t.oid) FROM parents p JOIN pg_class t ON t.relname = p.name
    WHERE relnamespace = '"Odd ""schema"".%I"'::regnamespace;
SELECT count(*) FROM before;
SELECT format('CALL warden.partition_convert(%L, %L, ''1 year'', timezone => ''UTC'', ahead => ''1 day'', metadata_only => %L)', oid::regclass, name, name < 'f')
FROM before ORDER BY name COLLATE "C" \gexec
SELECT name, relkind FROM before JOIN pg_class c USING (oid) WHERE relkind <> 'p' OR name <> relname ORDER BY name COLLATE "C";
SELECT name, parts(oid), parts FROM before WHERE parts(oid) <> parts ORDER BY name COLLATE "C";
SELECT name FROM before WHERE content(oid) <> content ORDER BY name COLLATE "C";
SELECT name, relname FROM before b JOIN pg_inherits ON inhparent = b.oid JOIN pg_class c ON c.oid = inhrelid
    WHERE octet_length(relname) > 63 OR NOT starts_with(relname, left(name, 20)) ORDER BY 1, 2;
SELECT count(*) FROM warden.partition_sets WHERE parent IN (SELECT oid FROM before);
-- into their default partitions, and out
SELECT format('INSERT INTO %s SELECT g, timestamptz ''2017-01-01 UTC'' + g %% 3 * interval ''1 year'' FROM generate_series(101, 130) g', oid::regclass)
FROM before WHERE name >= 'f' ORDER BY name COLLATE "C" \gexec
UPDATE before SET content = odd.content(oid);
SELECT format('CALL warden.partition_drain(%L)', oid::regclass) FROM before ORDER BY name COLLATE "C" \gexec
SELECT name FROM before WHERE content(oid) <> content ORDER BY name COLLATE "C";
-- and back
SELECT format('CALL warden.partition_revert(%L)', oid::regclass) FROM before ORDER BY name COLLATE "C" \gexec
SELECT name, relkind FROM before JOIN pg_class c USING (oid) WHERE relkind <> 'r' OR name <> relname ORDER BY name COLLATE "C";
SELECT name, parts(oid), parts FROM before WHERE parts(oid) <> parts ORDER BY name COLLATE "C";
SELECT name FROM before WHERE content(oid) <> content ORDER BY name COLLATE "C";
-- all that is there is what was
SELECT relname, relkind FROM pg_class WHERE relnamespace = '"Odd ""schema"".%I"'::regnamespace AND relkind IN ('r', 'p', 'S', 'v')
    AND oid NOT IN (SELECT oid FROM before) ORDER BY 1;
SELECT count(*) FROM warden.partition_move_jobs WHERE ended IS NULL AND target IN (SELECT oid FROM before);
SELECT count(*) FROM warden.partition_sets WHERE parent IN (SELECT oid FROM before);
SELECT count(*) FROM warden.partition_origins WHERE parent IN (SELECT oid FROM before);

-- names that are taken: by a table, an index, a view, a sequence, a type, a table of another schema
CREATE SCHEMA other;
CREATE TABLE t (id int, at timestamptz NOT NULL, PRIMARY KEY (id, at));
CREATE INDEX t_at ON t (at);
CREATE TABLE other.t (id int, at timestamptz NOT NULL);
INSERT INTO t SELECT g, timestamptz '2020-01-01 UTC' + g % 5 * interval '1 year' FROM generate_series(1, 50) g;
INSERT INTO other.t SELECT g, timestamptz '2020-01-01 UTC' + g % 5 * interval '1 year' FROM generate_series(1, 70) g;
CREATE TABLE t_p20200101 (); CREATE VIEW t_p20210101 AS SELECT 1; CREATE SEQUENCE t_p20220101; CREATE TYPE t_p20230101 AS ENUM ();
CREATE TABLE t_default (); CREATE TABLE t_p20240101_pkey (); CREATE TABLE other.t_p20240101 ();
SET search_path = other, odd;
CALL warden.partition_convert('odd.t', 'at', '1 year', timezone => 'UTC', ahead => '1 day');
SELECT count(*), count(DISTINCT tableoid) FROM odd.t;
SELECT count(*), count(DISTINCT tableoid) FROM other.t;
SELECT relkind FROM pg_class WHERE oid = 'other.t'::regclass;
SELECT count(*) = count(DISTINCT relnamespace::text || relname) AND bool_and(relnamespace = 'odd'::regnamespace) FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'odd.t'::regclass;
CALL warden.partition_revert('odd.t');
SELECT relname FROM pg_class WHERE relnamespace = 'odd'::regnamespace AND relname LIKE 't\_%' ORDER BY 1;
-- a function of the same name is not ours
CREATE PROCEDURE other.partition_convert(regclass, name, text) LANGUAGE sql AS 'SELECT 1';
CALL warden.partition_convert('other.t', 'at', '1 year', timezone => 'UTC', ahead => '1 day');
SELECT count(*), count(DISTINCT tableoid) FROM other.t;
-- renamed and moved meanwhile: a policy, an origin and a job follow
ALTER TABLE other.t RENAME TO u;
ALTER TABLE other.u SET SCHEMA odd;
CALL warden.partition_revert('odd.u');
SELECT count(*), count(DISTINCT tableoid) FROM odd.u;
SELECT relname FROM pg_class WHERE relnamespace = 'other'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1;

DROP SCHEMA odd, other, "Odd ""schema"".%I" CASCADE;
