-- The type of commands: there is no way to read another's, nor to guess it by comparing.
SET timezone = 'UTC';
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE ROLE regress_warden_owner LOGIN;
CREATE ROLE regress_warden_stranger LOGIN;
CREATE ROLE "regress_warden=Odd ""name""" LOGIN;
CREATE SCHEMA command;
GRANT ALL ON SCHEMA command TO PUBLIC;
GRANT EXECUTE ON FUNCTION warden.schedule_add TO regress_warden_owner, "regress_warden=Odd ""name""";
SET search_path = command;

-- written and read
SELECT 'regress_warden_owner=SELECT 1'::warden.job_command;
SELECT warden.job_owner(c)::regrole, warden.job_text(c)
FROM unnest(ARRAY['regress_warden_owner=SELECT a = b', '"regress_warden=Odd ""name"""=SELECT 1', 'regress_warden_owner=',
                  '-=SELECT 1', 'regress_warden_gone=SELECT 1', E'regress_warden_owner=\n  SELECT \'ä\';\n']::warden.job_command[]) c;
SELECT c FROM unnest(ARRAY['"regress_warden=Odd ""name"""=SELECT 1', '-=SELECT 1', 'regress_warden_gone=SELECT 1',
                           '"-"=SELECT 1']::warden.job_command[]) c;
SELECT warden.job_command('regress_warden_owner'::regrole, 'SELECT 1'), warden.job_command(0, 'SELECT 1'),
       warden.job_command(4294967295, 'SELECT 1'), warden.job_command(NULL, 'SELECT 1') IS NULL AS n1,
       warden.job_command(0, NULL) IS NULL AS n2;
SELECT NULL::warden.job_command IS NULL, warden.job_owner(NULL) IS NULL, warden.job_text(NULL) IS NULL;
-- what is none
SELECT ''::warden.job_command;
SELECT 'SELECT 1'::warden.job_command;
SELECT '=SELECT 1'::warden.job_command;
SELECT '"unfinished=SELECT 1'::warden.job_command;
SELECT 'two roles=SELECT 1'::warden.job_command;
\echo :LAST_ERROR_SQLSTATE
-- a long one, and one that is stored out of line
SELECT length(warden.job_text(warden.job_command(10, repeat('x', 1000000))));
CREATE TEMPORARY TABLE kept (c warden.job_command);
INSERT INTO kept SELECT warden.job_command('regress_warden_owner'::regrole, string_agg(md5(n::text), '')) FROM generate_series(1, 10000) n;
SELECT warden.job_owner(c)::regrole, length(warden.job_text(c)), length(c::text) FROM kept;

-- two jobs
SET ROLE regress_warden_owner;
SELECT warden.schedule_add('guarded', '@yearly', 'SELECT ''k''') AS id \gset
SET ROLE "regress_warden=Odd ""name""";
SELECT warden.schedule_add('odd', '@yearly', 'SELECT 2') > 0 AS added;
SELECT name, owner, command FROM warden.schedule_jobs WHERE name IN ('odd', 'guarded') ORDER BY name;

-- every way to read one
SET ROLE regress_warden_stranger;
CREATE TEMPORARY VIEW other AS SELECT d.command FROM warden.schedule_definitions d WHERE d.name = 'guarded';
SELECT command FROM other;
SELECT command::text FROM other;
SELECT CAST(command AS varchar(1000)) FROM other;
SELECT format('%s', command), concat(command), 'x' || command::text, quote_literal(command) FROM other;
SELECT warden.job_text(command) FROM other;
SELECT warden.job_command_out(command) FROM other;
SELECT to_json(command), to_jsonb(command), row_to_json(other), json_build_object('k', command) FROM other;
SELECT json_agg(command), jsonb_object_agg('k', command) FROM other;
SELECT other, other::text, ROW(command), ARRAY[command] FROM other;
SELECT array_agg(command), array_to_string(array_agg(command), ','), to_json(array_agg(command)) FROM other;
SELECT string_agg(command::text, ''), xmlforest(min(command::text) AS c) FROM other;
SELECT query_to_xml('SELECT command FROM other', false, true, '');
SELECT jsonb_populate_record(NULL::other, to_jsonb(other)), warden.job_text((jsonb_populate_record(NULL::other, to_jsonb(other))).command)
FROM other;
COPY (SELECT command FROM other) TO STDOUT;
COPY (SELECT command FROM other) TO STDOUT (FORMAT binary);
SELECT command::bytea FROM other;
SELECT command::text::warden.job_command::text FROM other;
SELECT command COLLATE "C" FROM other;
SELECT textin(command) FROM other;
SELECT length(command), substr(command, 1, 3), md5(command), ascii(command) FROM other;
SELECT command IS NULL, command IS NOT NULL FROM other;
DO $$
DECLARE c text; v varchar; r record;
BEGIN
    SELECT command INTO c FROM other;
    SELECT command INTO v FROM other;
    SELECT * INTO r FROM other;
    RAISE WARNING '% % % %', c, v, r, r.command;
END $$;
CREATE TABLE taken AS SELECT command FROM other;
SELECT * FROM taken;
ALTER TABLE taken ALTER command TYPE text;
SELECT * FROM taken;
ALTER TABLE taken ALTER command TYPE text USING command::text;
SELECT * FROM taken;
DROP TABLE taken;
-- in a function of one's own, by a cast of one's own
CREATE FUNCTION as_text(anyelement) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE FUNCTION as_text_2(c warden.job_command) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN c; END';
SELECT as_text(command), as_text_2(command) FROM other;
CREATE CAST (warden.job_command AS text) WITHOUT FUNCTION;
CREATE CAST (warden.job_command AS text) WITH INOUT;
CREATE FUNCTION internal(warden.job_command) RETURNS text LANGUAGE internal AS 'textin';
CREATE DOMAIN mine AS warden.job_command;
SELECT command::mine::text FROM other;
-- in an error
SELECT command::text::int FROM other;
SELECT 1 / (command::text = 'x')::int FROM other;
CREATE TEMPORARY TABLE strict (c warden.job_command CHECK (c IS NULL));
INSERT INTO strict SELECT command FROM other;
-- by the statistics
RESET ROLE;
ANALYZE warden.schedule_definitions;
SET ROLE regress_warden_stranger;
SELECT most_common_vals IS NULL AS none, histogram_bounds IS NULL AS none FROM pg_stats
WHERE tablename = 'schedule_definitions' AND attname = 'command';
-- by what the plan shows
SELECT count(*) FROM other WHERE command IS DISTINCT FROM NULL;
SELECT DISTINCT command FROM other;
SELECT max(command) FROM other;
SELECT command = command FROM other;
SELECT command < command FROM other;

-- by guesses: rows of it can be compared, byte by byte
SELECT bool_or(record_image_eq(ROW(command), ROW(warden.job_command(warden.job_owner(command), guess)))) AS guessed
FROM other, unnest(ARRAY['SELECT ''j''', 'SELECT ''k''', 'SELECT ''l''']) guess;
SELECT bool_or(record_image_eq(ROW(command), ROW(('regress_warden_owner=' || guess)::warden.job_command))) AS guessed
FROM other, unnest(ARRAY['SELECT ''j''', 'SELECT ''k''', 'SELECT ''l''']) guess;
-- and have an order: what it lies between must not always be told
SELECT bool_and(record_image_lt(ROW(warden.job_command(warden.job_owner(command), 'SELECT ''j''')), ROW(command))
                AND record_image_lt(ROW(command), ROW(warden.job_command(warden.job_owner(command), 'SELECT ''l'''))))
           AS told
FROM other, generate_series(1, 100);
SELECT bool_and(record_image_lt(ROW('regress_warden_owner=SELECT ''j'''::text::warden.job_command), ROW(command))
                AND record_image_lt(ROW(command), ROW('regress_warden_owner=SELECT ''l'''::text::warden.job_command)))
           AS told
FROM other, generate_series(1, 100);
-- the definition of a job is shown to him who has it, in all these ways
SET ROLE regress_warden_owner;
SELECT d.command, d.command::text, warden.job_text(d.command) FROM warden.schedule_definitions d WHERE name = 'guarded';
-- rights that come and go
RESET ROLE;
GRANT regress_warden_owner TO regress_warden_stranger;
SET ROLE regress_warden_stranger;
SELECT command FROM warden.schedule_jobs WHERE name = 'guarded';
RESET ROLE;
REVOKE regress_warden_owner FROM regress_warden_stranger;
GRANT pg_read_all_stats TO regress_warden_stranger;
SET ROLE regress_warden_stranger;
SELECT command FROM warden.schedule_jobs WHERE name = 'guarded';
RESET ROLE;
REVOKE pg_read_all_stats FROM regress_warden_stranger;
SET ROLE regress_warden_stranger;
SELECT command FROM warden.schedule_jobs WHERE name = 'guarded';
-- a cached plan belongs to him who runs it
RESET ROLE;
PREPARE show AS SELECT command FROM warden.schedule_jobs WHERE name = 'guarded';
SET plan_cache_mode = force_generic_plan;
EXECUTE show;
SET ROLE regress_warden_stranger;
EXECUTE show;
RESET ROLE;
EXECUTE show;

SELECT warden.schedule_remove('guarded');
SELECT warden.schedule_remove('odd');
-- of a role that is gone
SET ROLE "regress_warden=Odd ""name""";
SELECT warden.schedule_add('orphan', '@yearly', 'SELECT ''of one who is gone''') > 0 AS added;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION warden.schedule_add FROM regress_warden_owner, "regress_warden=Odd ""name""";
DROP ROLE "regress_warden=Odd ""name""";
SET ROLE regress_warden_stranger;
SELECT d.command, j.command, j.owner, j.waiting_for
FROM warden.schedule_definitions d JOIN warden.schedule_jobs j USING (name) WHERE name = 'orphan';
RESET ROLE;
SELECT command, owner, waiting_for FROM warden.schedule_jobs WHERE name = 'orphan';
SELECT warden.schedule_remove('orphan');
DISCARD TEMP;
\c -
SET client_min_messages = warning;
DROP SCHEMA command CASCADE;
DROP ROLE regress_warden_owner, regress_warden_stranger;
