-- Names that are hard on whoever pastes them into a command, a format or a log; and long commands and messages.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE SCHEMA names;
SET search_path = names;
CREATE PROCEDURE wait_for(condition text) LANGUAGE plpgsql AS $$
DECLARE
    met boolean;
    give_up timestamptz := pg_catalog.clock_timestamp() + interval '60 seconds';
BEGIN
    LOOP
        EXECUTE 'SELECT ' || condition INTO met;
        EXIT WHEN met;
        IF pg_catalog.clock_timestamp() > give_up THEN RAISE 'not within a minute: %', condition; END IF;
        COMMIT;
        PERFORM pg_sleep(0.03);
    END LOOP;
END $$;
CREATE TABLE done (job text, slot timestamptz, application text);
CREATE FUNCTION note() RETURNS void LANGUAGE sql AS $$
    INSERT INTO names.done VALUES (current_setting('warden.job_name'), current_setting('warden.job_scheduled_for')::timestamptz,
                                   current_setting('application_name')) $$;
CREATE TABLE given AS
SELECT * FROM (VALUES (1, 'O''Brien'), (2, '"quoted"'), (3, 'back\slash'), (4, E'two\nlines'), (5, '%s %d %n %m %%'),
    (6, 'naïve Ärger 日本 🦊'), (7, repeat('x', 63)), (8, repeat('ä', 31)), (9, ' '), (10, '; DROP SCHEMA names CASCADE; --'),
    (11, E'\t\x01\x7f'), (12, '$1'), (13, 'MAINTAIN'), (14, '日本日本日本日本日本日本日本日本日本日本日'), (15, 'NULL'), (16, '-1')) v (n, name);
SELECT count(warden.schedule_add(name, '@yearly', 'SELECT names.note()')) FROM given;
SELECT n, j.name = g.name AS same FROM given g JOIN warden.schedule_jobs j USING (name) ORDER BY n;
SELECT count(warden.schedule_run(name)) FROM given;
CALL wait_for('(SELECT count(*) = 16 FROM warden.schedule_runs r JOIN names.given g ON g.name = r.job WHERE ended IS NOT NULL)');
SELECT n, status, sqlstate, message, d.job = g.name AS told, d.slot = r.scheduled_for AS slot
FROM given g LEFT JOIN warden.schedule_runs r ON r.job = g.name LEFT JOIN done d ON d.job = g.name ORDER BY n;
-- as the server's statistics show it; what is not ASCII they show in their own way
SELECT n, application FROM done JOIN given ON name = job WHERE n NOT IN (4, 6, 8, 11, 14) ORDER BY n;
SELECT warden.schedule_pause(name) FROM given WHERE n = 4;
SELECT warden.schedule_resume(name) FROM given WHERE n = 4;
SELECT warden.schedule_cancel(name) FROM given WHERE n = 4;
SELECT warden.schedule_run('% "missing" \ ' || E'\n');
SELECT count(warden.schedule_remove(name)::text) FROM given;
SELECT count(*) FROM warden.schedule_definitions WHERE id > 0;
-- names differ by case, by spaces, by how a letter is written
SELECT warden.schedule_add('a', '@yearly', 'SELECT 1') <> warden.schedule_add('A', '@yearly', 'SELECT 1') AS case,
       warden.schedule_add('a', '@yearly', 'SELECT 1') <> warden.schedule_add('a ', '@yearly', 'SELECT 1') AS space,
       warden.schedule_add(E'\u00e9', '@yearly', 'SELECT 1') <> warden.schedule_add(E'e\u0301', '@yearly', 'SELECT 1') AS letter;
SELECT count(warden.schedule_remove(name)::text) FROM warden.schedule_definitions WHERE id > 0;

-- a giant command, and a giant message
SELECT warden.schedule_add('giant', '@yearly', 'SELECT names.note(); --' || repeat('x', 5000000)) > 0 AS added;
SELECT warden.schedule_run('giant') > 0 AS run;
CALL wait_for($$(SELECT last_status IS NOT NULL FROM warden.schedule_jobs WHERE name = 'giant')$$);
SELECT last_status FROM warden.schedule_jobs WHERE name = 'giant';
SELECT warden.schedule_add('giant', '@yearly', $$DO 'BEGIN RAISE ''%'', repeat(''ä'', 5000000); END'$$) > 0 AS added;
SELECT warden.schedule_run('giant') > 0 AS run;
CALL wait_for($$(SELECT last_status <> 'succeeded' FROM warden.schedule_jobs WHERE name = 'giant')$$);
SELECT status, sqlstate, message ~ '^ä+' AS beginning, octet_length(message) BETWEEN 100 AND 100000 AS cut
FROM warden.schedule_runs WHERE job = 'giant' AND status <> 'succeeded';
SELECT warden.schedule_remove('giant');
DROP SCHEMA names CASCADE;
