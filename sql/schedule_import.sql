-- Taking over the jobs of pg_cron, for which a stand-in does: an extension of that name, its table and its function.
\set VERBOSITY terse
SET timezone = 'UTC';

-- without it
SELECT * FROM warden.schedule_import_pg_cron();

SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
SELECT 4000000000, 'pg_cron', 10, oid, false, '1.6' FROM pg_namespace WHERE nspname = 'public';
RESET allow_system_table_mods;
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobid bigserial PRIMARY KEY, schedule text NOT NULL, command text NOT NULL, nodename text DEFAULT 'localhost',
    nodeport int DEFAULT 5432, database text NOT NULL DEFAULT current_database(), username text NOT NULL DEFAULT current_user,
    active boolean NOT NULL DEFAULT true, jobname text);
CREATE FUNCTION cron.alter_job(job_id bigint, schedule text DEFAULT NULL, command text DEFAULT NULL, database text DEFAULT NULL,
        username text DEFAULT NULL, active boolean DEFAULT NULL) RETURNS void
    LANGUAGE sql AS 'UPDATE cron.job j SET active = $6 WHERE j.jobid = $1';
CREATE ROLE regress_import LOGIN;
CREATE ROLE "regress_im'port" LOGIN;
CREATE ROLE regress_import_nologin;
INSERT INTO cron.job (schedule, command, jobname, username, database, active) VALUES
    ('0 3 * * *', 'VACUUM', 'nightly', 'regress_import', current_database(), true),
    ('*/5 * * * *', 'SELECT ''it''''s''', NULL, 'regress_im''port', current_database(), true),
    ('0 0 $ * *', 'SELECT 1', 'last day', current_user, current_database(), true),
    ('30 seconds', 'SELECT 1', 'beat', current_user, current_database(), true),
    ('0 3 * * *', 'VACUUM', 'elsewhere', current_user, 'template1', true),
    ('@reboot', 'SELECT 1', 'reboot', current_user, current_database(), true),
    ('0 3 * * *', 'SELECT 1', 'gone', 'regress_nobody', current_database(), true),
    ('0 3 * * *', 'SELECT 1', 'asleep', 'regress_import_nologin', current_database(), true),
    ('0 3 30 2 *', 'SELECT 1', 'never', current_user, current_database(), true),
    ('0 3 * * *', 'SELECT 1', 'maintain', current_user, current_database(), true),
    ('0 3 * * *', 'SELECT 1', 'switched off', current_user, current_database(), false);

-- a dry run changes nothing
SELECT name, schedule, command, owner, status, detail FROM warden.schedule_import_pg_cron(dry_run => true)
WHERE owner <> current_user ORDER BY name;
SELECT name, schedule, status, detail FROM warden.schedule_import_pg_cron(true) WHERE owner = current_user ORDER BY name;
SELECT count(*) FROM warden.schedule_definitions;
SELECT count(*) FROM cron.job WHERE active;
SELECT * FROM warden.schedule_import_pg_cron(NULL);

-- who may: what is another role's stays
GRANT USAGE ON SCHEMA cron TO regress_import;
GRANT SELECT, UPDATE ON cron.job TO regress_import;
SET ROLE regress_import;
SELECT * FROM warden.schedule_import_pg_cron();
RESET ROLE;
GRANT EXECUTE ON FUNCTION warden.schedule_import_pg_cron TO regress_import;
SET ROLE regress_import;
SELECT name, owner <> 'regress_import' AS of_another, status FROM warden.schedule_import_pg_cron() ORDER BY name COLLATE "C";
RESET ROLE;
SELECT jobname, active FROM cron.job WHERE username = 'regress_import';

-- the rest; and again, with nothing new
SELECT name, status FROM warden.schedule_import_pg_cron() ORDER BY name COLLATE "C";
SELECT name, status FROM warden.schedule_import_pg_cron() WHERE status = 'imported';
SELECT name, replace(owner, current_user, '(me)') AS owner, schedule, timezone, command, missed FROM warden.schedule_jobs
WHERE id > 0 ORDER BY name COLLATE "C";
SELECT jobname FROM cron.job WHERE active ORDER BY jobid;

SELECT count(warden.schedule_remove(name)) FROM warden.schedule_jobs WHERE id > 0;
SET allow_system_table_mods = on;
DELETE FROM pg_extension WHERE extname = 'pg_cron';
RESET allow_system_table_mods;
SET client_min_messages = warning;
DROP SCHEMA cron CASCADE;
REVOKE ALL ON FUNCTION warden.schedule_import_pg_cron FROM regress_import;
DROP ROLE regress_import, "regress_im'port", regress_import_nologin;
