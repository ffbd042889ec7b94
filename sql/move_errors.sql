-- What a move refuses before it begins: SQLSTATE, message, and what would help.  Nothing is half done.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = error;
\set SHOW_CONTEXT never
CREATE SCHEMA refused;
SET search_path = refused;
CREATE FUNCTION diagnose(command text) RETURNS TABLE (field text, said text) LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; details text; advice text;
BEGIN
    EXECUTE command;
    RAISE SQLSTATE 'ZZ000' USING MESSAGE = 'accepted'; -- and undone
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS
        state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, details = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
    RETURN QUERY SELECT * FROM (VALUES (state, message), ('detail', details), ('hint', advice)) v (f, s) WHERE s <> '';
END
$$;
CREATE FUNCTION drain(target text, arguments text DEFAULT '') RETURNS TABLE (field text, said text) LANGUAGE sql AS
$$ SELECT * FROM diagnose(format('SELECT * FROM warden.partition_drain_plan(%L%s)', target, arguments)) $$;
CREATE FUNCTION convert(target text, arguments text DEFAULT '''at'', ''1 month''') RETURNS TABLE (field text, said text) LANGUAGE sql AS
$$ SELECT * FROM diagnose(format('SELECT * FROM warden.partition_convert_plan(%L, %s)', target, arguments)) $$;
CREATE FUNCTION revert(target text) RETURNS TABLE (field text, said text) LANGUAGE sql AS
$$ SELECT * FROM diagnose(format('SELECT * FROM warden.partition_revert_plan(%L)', target)) $$;
\pset tuples_only on
\pset format unaligned
\pset fieldsep ': '

CREATE TABLE plain (at timestamptz NOT NULL, n int);
CREATE TABLE loose (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);
CREATE TABLE managed (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);
SELECT count(*) > 0 FROM warden.partition_by_time('managed', '1 day', timezone => 'UTC');
CREATE TABLE whole (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);
CREATE TABLE whole_rest PARTITION OF whole DEFAULT;
SELECT count(*) > 0 FROM warden.partition_by_time('whole', '1 day', timezone => 'UTC');
CREATE TABLE hashed (at timestamptz NOT NULL, n int) PARTITION BY HASH (at);
SELECT count(*) > 0 FROM warden.partition_by_hash('hashed', 2);

-- relations of other kinds
CREATE VIEW looking AS SELECT * FROM plain;
CREATE MATERIALIZED VIEW looked AS SELECT * FROM plain;
CREATE INDEX plain_n ON plain (n);
CREATE SEQUENCE counting;
CREATE TYPE pair AS (at timestamptz, n int);
CREATE FOREIGN DATA WRAPPER regress_warden_nowhere;
CREATE SERVER regress_warden_nowhere FOREIGN DATA WRAPPER regress_warden_nowhere;
CREATE FOREIGN TABLE far (at timestamptz) SERVER regress_warden_nowhere;
CREATE TEMPORARY TABLE passing (at timestamptz NOT NULL);
SELECT t, f.field, regexp_replace(f.said, 'pg_temp_\d+', 'pg_temp') FROM unnest(ARRAY['looking', 'looked', 'plain_n', 'counting', 'pair', 'far', 'passing', 'whole_rest', 'pg_catalog.pg_class',
    'information_schema.sql_features', 'warden.partition_policies', 'missing']) WITH ORDINALITY u (t, o), LATERAL drain(t) f ORDER BY o, f.field <> 'detail';
SELECT t, f.field, regexp_replace(f.said, 'pg_temp_\d+', 'pg_temp') FROM unnest(ARRAY['looking', 'looked', 'plain_n', 'counting', 'pair', 'far', 'passing', 'whole_rest', 'pg_catalog.pg_class',
    'information_schema.sql_features', 'warden.partition_policies', 'missing']) WITH ORDINALITY u (t, o), LATERAL convert(t) f ORDER BY o, f.field <> 'detail';
SELECT t, f.* FROM unnest(ARRAY['looking', 'looked', 'plain_n', 'counting', 'pair', 'far', 'passing', 'whole_rest', 'pg_catalog.pg_class',
    'information_schema.sql_features', 'warden.partition_policies', 'missing']) WITH ORDINALITY u (t, o), LATERAL revert(t) f ORDER BY o, f.field <> 'detail';
SELECT t, f.* FROM unnest(ARRAY['0', '4294967295']) WITH ORDINALITY u (t, o), LATERAL drain(t) f ORDER BY o;
SELECT t, f.* FROM unnest(ARRAY['0', '4294967295']) WITH ORDINALITY u (t, o), LATERAL convert(t) f ORDER BY o;
SELECT t, f.* FROM unnest(ARRAY['0', '4294967295']) WITH ORDINALITY u (t, o), LATERAL revert(t) f ORDER BY o;

-- tables in another state
SELECT t, f.* FROM unnest(ARRAY['plain', 'loose', 'managed', 'hashed']) WITH ORDINALITY u (t, o), LATERAL drain(t) f ORDER BY o;
SELECT t, f.* FROM unnest(ARRAY['loose', 'managed', 'whole']) WITH ORDINALITY u (t, o), LATERAL convert(t) f ORDER BY o;
SELECT t, f.* FROM unnest(ARRAY['plain', 'hashed']) WITH ORDINALITY u (t, o), LATERAL revert(t) f ORDER BY o;

-- NULL for each argument that must not be
SELECT * FROM diagnose('SELECT * FROM warden.partition_drain_plan(NULL)');
SELECT * FROM drain('whole', ', NULL');
SELECT * FROM diagnose($$SELECT * FROM warden.partition_convert_plan(NULL, 'at', '1 day')$$);
SELECT * FROM convert('plain', $$NULL, '1 day'$$);
SELECT * FROM convert('plain', $$'at', NULL$$);
SELECT * FROM convert('plain', $$'at', '1 day', metadata_only => NULL$$);
SELECT * FROM convert('plain', $$'at', '1 day', default_partition => NULL$$);
SELECT * FROM convert('plain', $$'at', '1 day', widen_key => NULL$$);
SELECT * FROM diagnose('SELECT * FROM warden.partition_revert_plan(NULL)');
SELECT * FROM diagnose('SELECT warden.partition_pause(NULL)');
\set VERBOSITY sqlstate
CALL warden.partition_drain(NULL);
CALL warden.partition_drain('whole', NULL);
CALL warden.partition_drain('whole', dry_run => NULL);
CALL warden.partition_convert(NULL, 'at', '1 day');
CALL warden.partition_convert('plain', NULL, '1 day');
CALL warden.partition_convert('plain', 'at', NULL);
CALL warden.partition_convert('plain', 'at', '1 day', dry_run => NULL);
CALL warden.partition_revert(NULL);
CALL warden.partition_revert('whole', dry_run => NULL);
CALL warden.partition_resume(NULL);
CALL warden.partition_cancel(NULL);
\set VERBOSITY default

-- numbers that cannot be right
SELECT a, f.* FROM unnest(ARRAY['0', '-1']) WITH ORDINALITY u (a, o), LATERAL drain('whole', ', ' || a) f ORDER BY o;
CALL warden.partition_drain('whole', max_rows_per_second => 0);
CALL warden.partition_drain('whole', max_bytes_per_second => -1);
CALL warden.partition_drain('whole', max_lag_bytes => -1);
CALL warden.partition_drain('whole', max_sessions => -1);
CALL warden.partition_convert('plain', 'at', '1 day', max_rows_per_second => 0);
CALL warden.partition_convert('plain', 'at', '1 day', max_bytes_per_second => -1);
CALL warden.partition_revert('whole', max_rows_per_second => -5);

-- arguments of a conversion
CREATE TABLE keys (at timestamptz NOT NULL, local timestamp, day date, number bigint, small smallint, id uuid, name text, ip inet,
    num numeric, computed int GENERATED ALWAYS AS (number::int) STORED, tags text[]);
SELECT a, f.* FROM unnest(ARRAY[
    $$'missing', '1 day'$$, $$'ctid', '1 day'$$, $$'xmin', '1000'$$, $$'', '1 day'$$, $$'computed', '1000'$$, $$'ip', '1 day'$$, $$'tags', '1 day'$$,
    $$'name', '1 day'$$, $$'id', '1 day'$$, $$'at', '1000'$$, $$'at', ''$$, $$'at', 'often'$$, $$'at', '0 days'$$, $$'at', '-1 day'$$,
    $$'at', '1 month 1 day'$$, $$'at', '1000000 years'$$, $$'number', '1 day'$$, $$'number', '0'$$, $$'number', '-5'$$, $$'number', '1.5'$$,
    $$'number', '99999999999999999999'$$, $$'small', '100000'$$, $$'day', '1 hour'$$,
    $$'at', '1 day', ahead => 'soon'$$, $$'at', '1 day', ahead => '-1 day'$$, $$'at', '1 day', ahead => '500 years'$$, $$'number', '10', ahead => '1 day'$$,
    $$'at', '1 day', keep => 'never'$$, $$'at', '1 day', keep => '-1 day'$$, $$'at', '1 day', timezone => 'Mars'$$,
    $$'at', '1 day', anchor => 'then'$$, $$'at', '1 day', anchor => 'infinity'$$, $$'number', '10', anchor => '2020-01-01'$$, $$'number', '10', timezone => 'UTC'$$,
    $$'number', '1 day', key_format => 'unix_years'$$, $$'at', '1 day', key_format => 'unix_seconds'$$, $$'id', '1 day', key_format => 'ulid'$$]) WITH ORDINALITY u (a, o),
    LATERAL convert('keys', a) f ORDER BY o, f.field IN ('detail', 'hint'), f.field;

-- what a conversion cannot do, and what would help
CREATE TABLE parents (at timestamptz NOT NULL);
CREATE TABLE children () INHERITS (parents);
CREATE TYPE shape AS (at timestamptz, n int);
CREATE TABLE typed OF shape (at NOT NULL);
CREATE TABLE narrow (id bigint PRIMARY KEY, at timestamptz NOT NULL);
CREATE TABLE narrow_unique (id bigint, at timestamptz NOT NULL, UNIQUE (id));
CREATE TABLE referenced (id bigint PRIMARY KEY, at timestamptz NOT NULL);
CREATE TABLE referring (id bigint REFERENCES referenced);
CREATE TABLE narrow_index (id bigint, at timestamptz NOT NULL);
CREATE UNIQUE INDEX ON narrow_index (lower(id::text));
CREATE TABLE excluded (at timestamptz NOT NULL, span tstzrange, EXCLUDE USING gist (span WITH &&));
CREATE TABLE not_inherited (at timestamptz NOT NULL, n int, CHECK (n > 0) NO INHERIT);
CREATE TABLE transition (at timestamptz NOT NULL);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER rows AFTER INSERT ON transition REFERENCING NEW TABLE AS fresh FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TABLE nullable (at timestamptz);
INSERT INTO nullable VALUES (NULL), ('2020-01-01');
CREATE TABLE endless (at timestamptz NOT NULL);
INSERT INTO endless VALUES ('2020-01-01'), ('infinity'), ('-infinity');
CREATE TABLE spread (at timestamptz NOT NULL);
INSERT INTO spread VALUES ('1700-01-01'), ('2020-01-01'), ('9000-01-01');
CREATE UNLOGGED TABLE unlogged (at timestamptz NOT NULL);
CREATE TABLE unchecked (at timestamptz NOT NULL, n int);
INSERT INTO unchecked VALUES ('2020-01-01', -1);
ALTER TABLE unchecked ADD CHECK (n > 0) NOT VALID;
CREATE TABLE self (id bigint, at timestamptz, up bigint, up_at timestamptz, PRIMARY KEY (id, at), FOREIGN KEY (up, up_at) REFERENCES self);
SELECT t, f.* FROM unnest(ARRAY['parents', 'children', 'typed', 'narrow', 'narrow_unique', 'referenced', 'narrow_index', 'excluded', 'not_inherited',
    'transition', 'nullable', 'endless', 'spread', 'unlogged', 'unchecked', 'self']) WITH ORDINALITY u (t, o), LATERAL convert(t) f ORDER BY o, f.field IN ('detail', 'hint'), f.field;
\echo widened
SELECT t, f.* FROM unnest(ARRAY['narrow', 'narrow_unique', 'referenced', 'narrow_index']) WITH ORDINALITY u (t, o),
    LATERAL convert(t, $$'at', '1 day', widen_key => true$$) f ORDER BY o, f.field IN ('detail', 'hint'), f.field;
\echo without a default partition
SELECT t, f.* FROM unnest(ARRAY['nullable', 'endless', 'spread']) WITH ORDINALITY u (t, o),
    LATERAL convert(t, $$'at', '1 month', default_partition => false$$) f ORDER BY o, f.field IN ('detail', 'hint'), f.field;
\echo without copying
SELECT t, f.* FROM unnest(ARRAY['nullable', 'endless', 'spread']) WITH ORDINALITY u (t, o),
    LATERAL convert(t, $$'at', '1 day', metadata_only => true$$) f ORDER BY o, f.field IN ('detail', 'hint'), f.field;

-- what a reversion cannot do
CREATE TABLE halves (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);
CREATE TABLE halves_one PARTITION OF halves FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') PARTITION BY LIST (n);
CREATE TABLE halves_one_rest PARTITION OF halves_one DEFAULT;
CREATE TABLE distant (at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE FOREIGN TABLE distant_one PARTITION OF distant FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') SERVER regress_warden_nowhere;
SELECT t, f.* FROM unnest(ARRAY['halves', 'halves_one', 'distant']) WITH ORDINALITY u (t, o), LATERAL revert(t) f ORDER BY o, f.field IN ('detail', 'hint'), f.field;

-- where it cannot commit
SELECT * FROM diagnose($$CALL warden.partition_drain('whole')$$);
SELECT * FROM diagnose($$CALL warden.partition_convert('plain', 'at', '1 day')$$);
SELECT * FROM diagnose($$CALL warden.partition_revert('whole')$$);
SELECT * FROM diagnose($$CALL warden.partition_resume('whole')$$);
SELECT * FROM diagnose($$CALL warden.partition_cancel('whole')$$);
BEGIN;
CALL warden.partition_convert('plain', 'at', '1 day');
ROLLBACK;
BEGIN;
CALL warden.partition_cancel('plain');
ROLLBACK;
SET default_transaction_read_only = on;
CALL warden.partition_convert('plain', 'at', '1 day');
RESET default_transaction_read_only;

-- no job
SELECT * FROM diagnose($$SELECT warden.partition_pause('plain')$$);
CALL warden.partition_resume('plain');
CALL warden.partition_cancel('plain');
CALL warden.partition_resume('looking');
CALL warden.partition_cancel('looking');

-- nothing of all this has begun
SELECT count(*) FROM warden.partition_move_jobs WHERE ended IS NULL AND target_name ~ '^refused';
SELECT count(*) FROM pg_trigger WHERE tgfoid = 'warden.partition_move_capture'::regproc;
SELECT relname FROM pg_class WHERE relrewrite <> 0;
\pset tuples_only off

-- a job that fails stays, until it is resumed or taken back
\set VERBOSITY terse
CREATE FUNCTION fails(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('refused.fails', true) = 'on' THEN RAISE SQLSTATE 'ZZ001' USING MESSAGE = 'not today'; END IF;
    RETURN n;
END $$;
CREATE TABLE failing (at timestamptz NOT NULL, n int);
INSERT INTO failing SELECT timestamptz '2020-01-01 UTC' + g * interval '1 hour', g FROM generate_series(1, 100) g;
CREATE INDEX ON failing (refused.fails(n));
SET refused.fails = 'on';
CALL warden.partition_convert('failing', 'at', '1 month', timezone => 'UTC');
SELECT target_name, kind, state, last_error FROM warden.partition_move_jobs WHERE target = 'failing'::regclass;
CALL warden.partition_resume('failing');
SET refused.fails = 'off';
-- another one meanwhile
CALL warden.partition_convert('failing', 'at', '1 year', timezone => 'UTC');
CALL warden.partition_convert('failing', 'n', '10');
CALL warden.partition_revert('failing');
SELECT count(*) FROM failing;
CALL warden.partition_resume('failing');
SELECT relkind, (SELECT count(DISTINCT tableoid) FROM failing), (SELECT count(*) FROM failing) FROM pg_class WHERE oid = 'failing'::regclass;
CALL warden.partition_resume('failing');
SET refused.fails = 'on';
CALL warden.partition_revert('failing');
CALL warden.partition_cancel('failing');
CALL warden.partition_cancel('failing');
SET refused.fails = 'off';
SELECT relkind FROM pg_class WHERE oid = 'failing'::regclass;
CALL warden.partition_revert('failing');
SELECT relkind, (SELECT count(*) FROM failing) FROM pg_class WHERE oid = 'failing'::regclass;
-- a table that is dropped meanwhile
SET refused.fails = 'on';
CALL warden.partition_convert('failing', 'at', '1 month', timezone => 'UTC');
DROP TABLE failing;
SET refused.fails = 'off';
CALL warden.maintain();
SELECT kind, state FROM warden.partition_move_jobs WHERE target_name = 'refused.failing' ORDER BY id;
SELECT count(*) FROM warden.partition_move_sides;
SELECT relname FROM pg_class WHERE relrewrite <> 0;

DROP SCHEMA refused CASCADE;
DROP FOREIGN DATA WRAPPER regress_warden_nowhere CASCADE;
