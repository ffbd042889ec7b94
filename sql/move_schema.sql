-- What happens to a schema, or to the owner of a table, while rows are being moved: the extension is left alone, and the
-- job cleans up, or begins anew.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
CREATE SCHEMA watch;
SET search_path = watch;
CREATE ROLE move_schema_owner;
CREATE ROLE move_schema_heir;
GRANT CREATE ON DATABASE contrib_regression TO move_schema_owner, move_schema_heir;

-- An index that cannot be built as long as the switch says so: a job fails with all rows copied, its tables are there.
CREATE TABLE switch (is_on boolean);
INSERT INTO switch VALUES (true);
CREATE FUNCTION fragile(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF (SELECT is_on FROM watch.switch) THEN
        RAISE 'not now';
    END IF;
    RETURN v;
END $$;
GRANT USAGE ON SCHEMA watch TO PUBLIC;
GRANT SELECT ON switch TO PUBLIC;
CREATE VIEW leftovers AS
    SELECT 'table' AS kind, c.oid::regclass::text AS name FROM pg_class c
    WHERE relname ~ '^partition_move_(log|map)_' OR relrewrite <> 0 OR relname ~ '_side(_|$)'
       OR relnamespace = 'warden'::regnamespace AND relname ~ '_p20'
    UNION ALL
    SELECT 'trigger', tgrelid::regclass || '.' || tgname FROM pg_trigger WHERE tgfoid = 'warden.partition_move_capture'::regproc
    UNION ALL
    SELECT 'part', job || ' ' || relation::regclass FROM warden.partition_move_sources
    UNION ALL
    SELECT 'part', job || ' ' || relation::regclass FROM warden.partition_move_sides
    UNION ALL
    SELECT 'open', target_name FROM warden.partition_move_jobs WHERE ended IS NULL;
-- Where the tables of open jobs are, and whose.
CREATE VIEW waiting AS
    SELECT s.relation::regclass::text AS side, relnamespace::regnamespace AS schema, relowner::regrole AS owner,
           (SELECT count(*) FROM pg_index WHERE indrelid = c.oid) AS indexes,
           (SELECT count(DISTINCT i.relnamespace) FROM pg_index JOIN pg_class i ON i.oid = indexrelid
            WHERE indrelid = c.oid AND i.relnamespace <> c.relnamespace) AS elsewhere,
           (SELECT typnamespace = c.relnamespace FROM pg_type WHERE oid = c.reltype) AS with_type
    FROM warden.partition_move_sides s JOIN pg_class c ON c.oid = s.relation;
GRANT SELECT ON waiting TO PUBLIC;

-- Makes a schema and a table for each kind of job.  Statistics, a serial and a type of the schema are in the way of none.
CREATE PROCEDURE furnish() LANGUAGE plpgsql AS $$
BEGIN
    CREATE SCHEMA app;
    CREATE DOMAIN app.amount AS int CHECK (VALUE >= 0);
    CREATE TABLE app.converted (id serial, at timestamptz NOT NULL, v app.amount, w int, body text, PRIMARY KEY (id, at));
    CREATE STATISTICS app.converted_stat ON v, w FROM app.converted;
    CREATE INDEX converted_v ON app.converted (v);
    CREATE TABLE app.drained (LIKE app.converted INCLUDING ALL) PARTITION BY RANGE (at);
    CREATE TABLE app.drained_rest PARTITION OF app.drained DEFAULT;
    CREATE TABLE app.reverted (LIKE app.converted INCLUDING ALL) PARTITION BY RANGE (at);
    CREATE TABLE app.reverted_1 PARTITION OF app.reverted FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
    CREATE TABLE app.reverted_rest PARTITION OF app.reverted DEFAULT;
    CREATE INDEX converted_w ON app.converted (watch.fragile(w));
    CREATE INDEX drained_w ON app.drained (watch.fragile(w));
    CREATE INDEX reverted_w ON app.reverted (watch.fragile(w));
    UPDATE watch.switch SET is_on = false;
    INSERT INTO app.converted SELECT i, timestamptz '2024-01-01' + i * interval '6 minutes', i, i % 10, 'row ' || i FROM generate_series(1, 15000) i;
    INSERT INTO app.drained SELECT * FROM app.converted;
    INSERT INTO app.reverted SELECT * FROM app.converted;
    PERFORM warden.partition_by_time('app.drained', '1 month', ahead => '1 month');
    UPDATE watch.switch SET is_on = true;
END $$;
CALL furnish();
SELECT count(*) FROM leftovers;
\set VERBOSITY terse
\set SHOW_CONTEXT never

-- A schema dropped while jobs are open that failed or are paused: by somebody who has no other rights.
CREATE PROCEDURE give(role regrole) LANGUAGE plpgsql AS $$
DECLARE
    t text;
BEGIN
    EXECUTE format('ALTER SCHEMA app OWNER TO %s', role);
    EXECUTE format('ALTER DOMAIN app.amount OWNER TO %s', role);
    FOR t IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p') ORDER BY relispartition, oid LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO %s', t, role);
    END LOOP;
END $$;
CALL give('move_schema_owner');
CALL warden.partition_convert('app.converted', 'at', '1 month', ahead => '1 month');
CALL warden.partition_drain('app.drained');
CALL warden.partition_revert('app.reverted');
SELECT target_name, state, phase, last_error FROM warden.partition_moves WHERE target_name LIKE 'app.%' ORDER BY 1;
SELECT schema, owner, count(*) > 1 AS several, sum(indexes) > 1 AS have_indexes, max(elsewhere) AS elsewhere, bool_and(with_type) AS with_type
FROM waiting GROUP BY 1, 2;
SELECT warden.partition_pause('app.drained');
SET ROLE move_schema_owner;
SET client_min_messages = error;
DROP SCHEMA app CASCADE;
RESET ROLE;
SELECT extname, (SELECT count(*) FROM pg_class WHERE relnamespace = 'warden'::regnamespace AND relname = 'partition_move_jobs') FROM pg_extension WHERE extname = 'pg_warden';
SELECT count(*) > 0 AS is_left FROM leftovers;
CALL warden.maintain();
SELECT * FROM leftovers;
SELECT target_name, state FROM warden.partition_moves ORDER BY id;

-- The same by one table, and by what the columns of it depend on.
CALL furnish();
CALL warden.partition_drain('app.drained');
CALL warden.partition_convert('app.converted', 'at', '1 month', ahead => '1 month');
CALL warden.partition_revert('app.reverted');
DROP TABLE app.drained CASCADE;
DROP DOMAIN app.amount CASCADE;
CALL warden.maintain();
DROP FUNCTION fragile CASCADE;
DROP TABLE app.converted, app.reverted CASCADE;
CALL warden.maintain();
SELECT extname FROM pg_extension WHERE extname = 'pg_warden';
SELECT * FROM leftovers;
DROP SCHEMA app CASCADE;
CREATE FUNCTION fragile(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF (SELECT is_on FROM watch.switch) THEN
        RAISE 'not now';
    END IF;
    RETURN v;
END $$;

-- DROP OWNED is refused, as what it would drop is the extension's for now; it is not once the job is canceled.
CALL furnish();
CALL give('move_schema_owner');
GRANT EXECUTE ON ROUTINE warden.partition_by_time, warden.partition_drain, warden.partition_convert, warden.partition_revert, warden.partition_resume TO move_schema_owner, move_schema_heir;
SET ROLE move_schema_owner;
CALL warden.partition_drain('app.drained');
CALL warden.partition_convert('app.converted', 'at', '1 month', ahead => '1 month');
CALL warden.partition_revert('app.reverted');
RESET ROLE;
DROP OWNED BY move_schema_owner CASCADE;
SELECT extname FROM pg_extension WHERE extname = 'pg_warden';
SELECT count(*) FROM app.drained;

-- Another owner: begun anew as that one.
REASSIGN OWNED BY move_schema_owner TO move_schema_heir;
UPDATE switch SET is_on = false;
GRANT USAGE ON SCHEMA watch TO move_schema_heir;
SET ROLE move_schema_owner;
CALL warden.partition_resume('app.drained');
SET ROLE move_schema_heir;
SET client_min_messages = notice;
CALL warden.partition_resume('app.drained');
CALL warden.partition_resume('app.converted');
CALL warden.partition_resume('app.reverted');
RESET ROLE;
SET client_min_messages = error;
SELECT target_name, state, restarts FROM warden.partition_moves WHERE state = 'done' ORDER BY 1;
SELECT c.relname, relkind, relowner::regrole, (SELECT string_agg(DISTINCT p.relowner::regrole || ' ' || p.relnamespace::regnamespace, ', ')
                                      FROM pg_inherits JOIN pg_class p ON p.oid = inhrelid WHERE inhparent = c.oid) AS parts
FROM pg_class c WHERE relnamespace = 'app'::regnamespace AND relname IN ('converted', 'drained', 'reverted') ORDER BY 1;
SELECT (SELECT count(*) FROM app.converted), (SELECT count(*) FROM app.drained), (SELECT count(*) FROM ONLY app.drained_rest), (SELECT count(*) FROM app.reverted);
SELECT DISTINCT array_length(stxkeys::int2[], 1), count(*) > 3 AS for_each FROM pg_statistic_ext WHERE stxnamespace = 'app'::regnamespace GROUP BY 1;
SELECT * FROM leftovers;
SET ROLE move_schema_heir;
DROP OWNED BY move_schema_heir CASCADE;
RESET ROLE;
SELECT extname FROM pg_extension WHERE extname = 'pg_warden';

-- A schema renamed, and a table moved to another one: begun anew.
DROP SCHEMA IF EXISTS app CASCADE;
CALL furnish();
CALL warden.partition_convert('app.converted', 'at', '1 month', ahead => '1 month');
CALL warden.partition_drain('app.drained');
CALL warden.partition_revert('app.reverted');
CREATE SCHEMA elsewhere;
ALTER SCHEMA app RENAME TO renamed;
ALTER TABLE renamed.drained SET SCHEMA elsewhere;
UPDATE switch SET is_on = false;
SET client_min_messages = notice;
CALL warden.partition_resume('renamed.converted');
CALL warden.partition_resume('elsewhere.drained');
CALL warden.partition_resume('renamed.reverted');
SET client_min_messages = error;
SELECT DISTINCT c.oid::regclass, p.relnamespace::regnamespace FROM pg_class c LEFT JOIN pg_inherits ON inhparent = c.oid LEFT JOIN pg_class p ON p.oid = inhrelid
WHERE c.relname IN ('converted', 'drained', 'reverted') ORDER BY 1, 2;
SELECT (SELECT count(*) FROM renamed.converted), (SELECT count(*) FROM elsewhere.drained), (SELECT count(*) FROM renamed.reverted);
SELECT * FROM leftovers;
DROP SCHEMA renamed, elsewhere CASCADE;

-- A name that was taken meanwhile is told, and the job goes on when it is free again.
CREATE TABLE taken (id int, at timestamptz NOT NULL, w int);
INSERT INTO taken SELECT i, timestamptz '2024-01-01' + i * interval '1 hour', i FROM generate_series(1, 1000) i;
CREATE INDEX taken_w ON taken (watch.fragile(w));
UPDATE switch SET is_on = true;
CALL warden.partition_convert('taken', 'at', '1 month', ahead => '1 month');
CREATE TABLE taken_p20240101 ();
CREATE TYPE taken_p20240201 AS ENUM ();
UPDATE switch SET is_on = false;
\set VERBOSITY default
CALL warden.partition_resume('taken');
ALTER TABLE taken_p20240101 RENAME TO other;
CALL warden.partition_resume('taken');
\set VERBOSITY terse
DROP TYPE taken_p20240201;
CALL warden.partition_resume('taken');
SELECT count(*) FROM taken_p20240101;
-- Its indexes give way.
CREATE TABLE "Very long name of a table, cut where that of a partition begins" (id int, at timestamptz NOT NULL, w int);
INSERT INTO "Very long name of a table, cut where that of a partition begins" TABLE taken;
CREATE INDEX ON "Very long name of a table, cut where that of a partition begins" (w);
CALL warden.partition_convert('"Very long name of a table, cut where that of a partition begins"', 'at', '1 month', ahead => '1 month');
SELECT relkind, count(*) > 5 AS several FROM pg_class WHERE relname ~ 'Very' AND relnamespace = 'watch'::regnamespace GROUP BY 1 ORDER BY 1;
SELECT * FROM leftovers;
DROP SCHEMA watch CASCADE;
DROP OWNED BY move_schema_owner, move_schema_heir;
DROP ROLE move_schema_owner, move_schema_heir;
