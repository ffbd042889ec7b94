-- Tables -------------------------------------------------------------------------------------------------------------

-- A command, and the role that runs it. It is written as 'role=command', and read by whom it does not concern as
-- 'role=<insufficient privilege>': so the jobs can be listed for everybody and dumped by anybody, as the row-level security
-- of a table could not be. A role that does not exist, on another server, is read as '-'. The bytes are sealed with a secret of
-- the database.
CREATE TYPE warden.job_command;
CREATE FUNCTION warden.job_command_in(text cstring) RETURNS warden.job_command
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.job_command_out(command warden.job_command) RETURNS cstring
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME';
CREATE TYPE warden.job_command (
    INPUT = warden.job_command_in, OUTPUT = warden.job_command_out, INTERNALLENGTH = VARIABLE, STORAGE = extended);
CREATE FUNCTION warden.job_command(owner oid, command text) RETURNS warden.job_command
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'job_command_make';
CREATE FUNCTION warden.job_owner(command warden.job_command) RETURNS oid
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.job_text(command warden.job_command) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME';
CREATE TABLE warden.schedule_secret (secret text NOT NULL);
INSERT INTO warden.schedule_secret SELECT string_agg(gen_random_uuid()::text, '') FROM generate_series(1, 4);

-- What was declared. The built-in job is here (as number 0) only after somebody has changed it, so that a dump can be
-- restored over a new extension.
CREATE SEQUENCE warden.schedule_ids;
CREATE TABLE warden.schedule_definitions (
    id bigint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    schedule text NOT NULL,
    period interval,       -- of an interval: what the schedule says
    moment timestamptz,    -- of a single run; neither of a cron schedule
    command warden.job_command NOT NULL,
    timezone text NOT NULL,
    anchor timestamptz NOT NULL,
    max_runtime interval,
    max_retries integer NOT NULL,
    retry_delay interval NOT NULL,
    missed text NOT NULL CHECK (missed IN ('skip', 'once', 'all')),
    overlap text NOT NULL CHECK (overlap IN ('skip', 'queue')),
    start_window text,
    paused boolean NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('warden.schedule_ids', '');
SELECT pg_catalog.pg_extension_config_dump('warden.schedule_definitions', '');

-- How a job stands. A job fires only if it is here with the OID of this very database: what came with a dump or a copy of
-- another database is not, until somebody says so.
CREATE TABLE warden.schedule_states (
    job bigint PRIMARY KEY,
    database oid NOT NULL,
    anchor timestamptz NOT NULL,
    next_run timestamptz,
    parked text,
    last_status text,
    last_started timestamptz,
    last_duration interval,
    consecutive_failures integer NOT NULL DEFAULT 0,
    consecutive_crashes integer NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0    -- of what somebody has told us of the job: changes with it
) WITH (fillfactor = 50);

-- The slots that were claimed. What is over moves to the log when nobody has locked it, so that nobody who has stops a job.
CREATE SEQUENCE warden.schedule_run_ids;
CREATE TABLE warden.schedule_slots (
    run bigint PRIMARY KEY DEFAULT nextval('warden.schedule_run_ids'),
    job bigint NOT NULL,
    name text NOT NULL,
    owner oid NOT NULL,
    scheduled_for timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN
        ('waiting', 'running', 'succeeded', 'failed', 'canceled', 'timed_out', 'crashed', 'missed', 'skipped')),
    slots bigint NOT NULL DEFAULT 1,
    attempts integer NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT '-infinity',
    restartable boolean NOT NULL DEFAULT true,
    manual boolean NOT NULL DEFAULT false,    -- by schedule_run()
    started timestamptz,
    ended timestamptz,
    sqlstate text,
    message text,
    rows bigint,
    UNIQUE (job, scheduled_for)
) WITH (fillfactor = 50);
CREATE TABLE warden.schedule_log (
    run bigint PRIMARY KEY,
    job bigint NOT NULL,
    name text NOT NULL,
    owner oid NOT NULL,
    scheduled_for timestamptz NOT NULL,
    status text NOT NULL,
    slots bigint NOT NULL,
    attempts integer NOT NULL,
    started timestamptz,
    ended timestamptz NOT NULL,
    sqlstate text,
    message text,
    rows bigint,
    UNIQUE (job, scheduled_for)
);
CREATE INDEX schedule_log_ended ON warden.schedule_log (ended);

-- Who may see a run: pg_monitor, and whoever has the rights of the job's owner.
ALTER TABLE warden.schedule_slots ENABLE ROW LEVEL SECURITY;
ALTER TABLE warden.schedule_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON warden.schedule_slots FOR SELECT USING (
    pg_has_role('pg_monitor', 'USAGE') OR pg_has_role(owner, 'USAGE'));
CREATE POLICY visible ON warden.schedule_log FOR SELECT USING (
    pg_has_role('pg_monitor', 'USAGE') OR pg_has_role(owner, 'USAGE'));
GRANT SELECT ON SEQUENCE warden.schedule_ids TO PUBLIC;
GRANT SELECT ON warden.schedule_definitions, warden.schedule_states, warden.schedule_slots, warden.schedule_log TO PUBLIC;

-- One without a key could not be changed where it is published.
ALTER TABLE warden.schedule_secret REPLICA IDENTITY FULL;

-- What a subscription brings is about another database.
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.schedule_secret
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.schedule_secret ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.schedule_definitions
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.schedule_definitions ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.schedule_states
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.schedule_states ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.schedule_slots
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.schedule_slots ENABLE REPLICA TRIGGER ignore_replicated;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.schedule_log
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.schedule_log ENABLE REPLICA TRIGGER ignore_replicated;

-- Functions ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION warden.schedule_add(
        name text, schedule text, command text, timezone text DEFAULT NULL, max_runtime interval DEFAULT NULL,
        max_retries integer DEFAULT 0, retry_delay interval DEFAULT '1 minute', missed text DEFAULT NULL,
        overlap text DEFAULT 'skip', start_window text DEFAULT NULL)
    RETURNS bigint LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.schedule_remove(name text) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.schedule_pause(name text) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.schedule_resume(name text) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.schedule_resume_restored() RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.schedule_run(name text) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.schedule_cancel(name text) RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.schedule_import_pg_cron(dry_run boolean DEFAULT false)
    RETURNS TABLE (name text, schedule text, command text, owner text, status text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.schedule_note() RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION
    warden.schedule_note(),
    warden.schedule_add(text, text, text, text, interval, integer, interval, text, text, text),
    warden.schedule_remove(text), warden.schedule_pause(text), warden.schedule_resume(text),
    warden.schedule_resume_restored(), warden.schedule_run(text), warden.schedule_cancel(text),
    warden.schedule_import_pg_cron(boolean) FROM PUBLIC;

CREATE FUNCTION warden.schedule_processes()
    RETURNS TABLE (run bigint, phase text, pid integer, since timestamptz, deadline timestamptz)
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.schedule_preloaded() RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';

-- Views --------------------------------------------------------------------------------------------------------------

CREATE VIEW warden.schedule_known WITH (security_invoker = true) AS
    SELECT id, name, schedule, period, moment, command, timezone, anchor, max_runtime, max_retries, retry_delay, missed,
           overlap, start_window, paused
    FROM warden.schedule_definitions
    UNION ALL
    SELECT 0, 'maintain', '10 minutes', interval '10 minutes', NULL,
           warden.job_command(e.extowner, 'CALL warden.maintain()'), 'UTC',
           timestamptz '2000-01-01 00:00+00' + d.oid::bigint % 600 * interval '1 second', NULL, 0, interval '1 minute', 'skip',
           'skip', NULL, false
    FROM pg_extension e, pg_database d
    WHERE e.extname = 'pg_warden' AND d.datname = current_database()
      AND NOT EXISTS (SELECT FROM warden.schedule_definitions WHERE id = 0);

CREATE VIEW warden.schedule_runs WITH (security_invoker = true) AS
    SELECT run, name AS job, scheduled_for, started, ended, status, attempts, slots, sqlstate, message, rows,
           pg_get_userbyid(owner)::text AS owner
    FROM warden.schedule_slots
    UNION ALL
    SELECT run, name, scheduled_for, started, ended, status, attempts, slots, sqlstate, message, rows,
           pg_get_userbyid(owner)::text
    FROM warden.schedule_log;

CREATE VIEW warden.schedule_jobs WITH (security_invoker = true) AS
    SELECT k.id, k.name, r.rolname::text AS owner, k.schedule, k.timezone, warden.job_text(k.command) AS command,
           CASE WHEN NOT k.paused AND s.parked IS NULL THEN s.next_run END AS next_run,
           (SELECT min(l.started) FROM warden.schedule_slots l WHERE l.job = k.id AND l.status = 'running') AS running_since,
           s.last_status, s.last_started, s.last_duration, coalesce(s.consecutive_failures, 0) AS consecutive_failures,
           CASE
               WHEN k.paused THEN 'schedule_resume(), as it is paused'
               WHEN s.job IS NULL THEN 'schedule_resume_restored(), as it came with a dump or a copy of a database'
               WHEN s.parked IS NOT NULL THEN s.parked
               WHEN NOT warden.schedule_preloaded() THEN 'shared_preload_libraries to contain pg_warden'
               WHEN r.oid IS NULL THEN 'an owner: its role does not exist'
               WHEN NOT r.rolcanlogin THEN format('role %I to be permitted to log in', r.rolname)
               WHEN NOT has_database_privilege(r.oid, current_database(), 'CONNECT')
                   THEN format('role %I to be permitted to connect', r.rolname)
               WHEN NOT current_setting('warden.scheduler', true)::boolean THEN 'warden.scheduler to be on'
               WHEN pg_is_in_recovery() THEN 'promotion of this standby'
               WHEN w.not_before > now() THEN format('its next try, at %s', w.not_before)
               WHEN (w.run IS NOT NULL OR s.next_run < now()) AND current_setting('default_transaction_read_only')::boolean
                   THEN 'default_transaction_read_only to be off'
               WHEN w.run IS NOT NULL THEN 'its turn'
               WHEN s.next_run IS NOT NULL THEN 'its time'
           END AS waiting_for,
           k.paused, k.max_runtime, k.max_retries, k.retry_delay, k.missed, k.overlap, k.start_window
    FROM warden.schedule_known k
    LEFT JOIN warden.schedule_states s ON s.job = k.id
        AND s.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    LEFT JOIN pg_roles r ON r.oid = warden.job_owner(k.command)
    LEFT JOIN LATERAL (
        SELECT l.run, l.not_before FROM warden.schedule_slots l
        WHERE l.job = k.id AND l.status = 'waiting' ORDER BY l.scheduled_for LIMIT 1) w ON true;

GRANT SELECT ON warden.schedule_known, warden.schedule_runs, warden.schedule_jobs TO PUBLIC;

-- The built-in job fires at once where the extension was created by a person. pg_restore and a script of pg_dump, which
-- turns row_security off, are in the middle of a restore: there it waits like every other job.
INSERT INTO warden.schedule_states (job, database, anchor)
SELECT 0, oid, timestamptz '2000-01-01 00:00+00' + oid::bigint % 600 * interval '1 second'
FROM pg_database
WHERE datname = current_database() AND current_setting('row_security')::boolean
  AND current_setting('application_name') <> 'pg_restore';
SELECT warden.schedule_note();

-- Comments -----------------------------------------------------------------------------------------------------------

COMMENT ON TYPE warden.job_command IS
    'A command and the role that runs it, written as role=command; to those without the rights of that role or of pg_read_all_stats as role=<insufficient privilege>.';
COMMENT ON FUNCTION warden.job_command_in(cstring) IS
    'input of type job_command: role=command, the role quoted where needed; one that does not exist is read as "-"';
COMMENT ON FUNCTION warden.job_command_out(warden.job_command) IS
    'output of type job_command: role=command, or role=<insufficient privilege>';
COMMENT ON FUNCTION warden.job_command(oid, text) IS 'job_command of a role''s OID and a command';
COMMENT ON FUNCTION warden.job_owner(warden.job_command) IS 'OID of the role that runs a command; 0 if it did not exist when a dump was restored';
COMMENT ON FUNCTION warden.job_text(warden.job_command) IS
    'The command; <insufficient privilege> unless the current user has the rights of its role, or of pg_read_all_stats.';
COMMENT ON SEQUENCE warden.schedule_ids IS 'Ids of jobs.';
COMMENT ON SEQUENCE warden.schedule_run_ids IS 'Ids of runs.';
COMMENT ON TABLE warden.schedule_secret IS
    'What the commands in warden.schedule_definitions are sealed with. For nobody to read; not dumped.';
COMMENT ON TABLE warden.schedule_definitions IS
    'What schedule_add() was told, one row a job. Read the view schedule_jobs; change it by calling the functions.';
COMMENT ON TABLE warden.schedule_states IS
    'How each job stands in this database. Not dumped. Read the view schedule_jobs.';
COMMENT ON TABLE warden.schedule_slots IS
    'The slots that were claimed and are not in the log yet; (job, scheduled_for) is unique, so no slot runs twice. Not dumped. Read the view schedule_runs.';
COMMENT ON TABLE warden.schedule_log IS
    'Slots that are over. Kept for warden.schedule_history. Not dumped. Read the view schedule_runs.';
COMMENT ON FUNCTION warden.schedule_add(text, text, text, text, interval, integer, interval, text, text, text) IS
$$Has a command run by schedule, as the current user, who must be permitted to log in; again with the same name changes the job. Returns its id. Takes effect when the transaction commits.
schedule: five cron fields (minute hour day month weekday, with names, lists, ranges, steps and L for the last day of the month), @hourly and its like, an interval of at least a second ('90 seconds'), or a timestamptz for a single run. command: statements, each a transaction of its own unless BEGIN and COMMIT make several one. timezone: of the schedule (default: that of the session); a time of day happens once also on the days on which the clocks change. max_runtime: the run is cancelled then, and terminated 3 seconds later. max_retries, retry_delay: how often and after what time a failed run is tried again; the time doubles each time, and no try is later than the next slot. missed: what becomes of slots that nobody could start within a minute, or a shorter interval: skip (default for intervals), once (the newest of them; default otherwise), all (the newest 100). overlap: what becomes of a slot that is due while an earlier one is under way: skip, or queue (one waits). start_window: when it may start, like 'Mon-Fri 22:00-06:00; Sat,Sun' (default: always).
In the command current_setting('warden.job_name') and current_setting('warden.job_scheduled_for') tell which slot it is run for.
Errors: 22023 an argument that cannot be right, 22004 one that must not be null, 42710 the name is another role's job's, 42501 a role that is not permitted to connect, 28000 or to log in, 55P03 somebody is changing the job, 55000 pg_warden is not in shared_preload_libraries (the hint tells the line for cron). Locks nothing but the job's row.$$;
COMMENT ON FUNCTION warden.schedule_remove(text) IS
    'Forgets a job; a run that is under way goes on, its history stays. Errors: 42704 there is no such job, 42501 not the rights of its owner, 55P03 somebody is changing it, 55000 the built-in job, which can be paused. Locks nothing but the job''s rows.';
COMMENT ON FUNCTION warden.schedule_pause(text) IS
    'No run of a job is started from now on; one that is under way goes on. Errors: 42704 there is no such job, 42501 not the rights of its owner, 55P03 somebody is changing it. Locks nothing but the job''s row.';
COMMENT ON FUNCTION warden.schedule_resume(text) IS
    'Runs of a job are started again, from its next slot on: one that was paused, that was parked after ten crashes in a row, or that came with a dump. Errors: 42704 there is no such job, 42501 not the rights of its owner, 55P03 somebody is changing it. Locks nothing but the job''s rows.';
COMMENT ON FUNCTION warden.schedule_resume_restored() IS
    'Starts the jobs that came with a dump or with a copy of another database, as far as the current user has the rights of their owners; returns how many. Locks nothing but the jobs'' rows.';
COMMENT ON FUNCTION warden.schedule_run(text) IS
    'Has a job run once now, beside its schedule, also if it is paused; returns the id of the run, which schedule_runs shows. It starts when the transaction has committed. Errors: 42704 there is no such job, 42501 not the rights of its owner, 55P03 somebody is changing it, 55006 it is running or about to, 55000 pg_warden is not in shared_preload_libraries. Locks nothing but the job''s rows.';
COMMENT ON FUNCTION warden.schedule_cancel(text) IS
    'Cancels the run of a job that is under way, and terminates it if it is still there 3 seconds later, at once and whether the transaction is committed or not, as pg_cancel_backend() does; cancels runs that wait. Returns whether there was one. Errors: 42704 there is no such job, 42501 not the rights of its owner, 55P03 somebody is changing it, 55000 pg_warden is not in shared_preload_libraries. Locks nothing but the job''s rows.';
COMMENT ON FUNCTION warden.schedule_import_pg_cron(boolean) IS
    'Takes over the active jobs of pg_cron that run in this database and as a role whose rights the current user has: adds each under its name (else pg_cron_<id>) and its owner, and deactivates it there. dry_run: only report. status: imported, planned, skipped, failed. Errors: 55000 pg_cron is not in this database, or pg_warden not in shared_preload_libraries. Locks nothing but the jobs'' rows.';
COMMENT ON FUNCTION warden.schedule_note() IS
    'Tells the launcher that jobs of this database have changed, when the transaction commits. The other functions do that themselves.';
COMMENT ON FUNCTION warden.schedule_processes() IS
    'The runs that the server''s processes have in hand in this database: queued, starting, running (pid) or ended; since when, and the moment at which max_runtime ends. No rows without shared_preload_libraries.';
COMMENT ON FUNCTION warden.schedule_preloaded() IS
    'Whether pg_warden is in shared_preload_libraries, so that jobs are run.';
COMMENT ON VIEW warden.schedule_known IS
    'The jobs, with the built-in one as long as nobody has changed it. Read the view schedule_jobs.';
COMMENT ON VIEW warden.schedule_runs IS
    'One row a slot: status (waiting, running, succeeded, failed, canceled, timed_out, crashed; missed: nobody could start it in time; skipped: an earlier one was under way), attempts, slots: how many slots this row accounts for, if none of them ran; sqlstate and message of the error, or the first warning; rows processed. For pg_monitor and those with the rights of the job''s owner.';
COMMENT ON VIEW warden.schedule_jobs IS
    'One row a job: next_run, running_since, how the last run ended, how many failed in a row, and what the job waits for. The command is shown to those with the rights of its owner or of pg_read_all_stats.';
