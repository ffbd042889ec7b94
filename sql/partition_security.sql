-- Code of a table's owner gains no rights, leaves nothing behind in our session, and stops nobody else's set.
SET timezone = 'UTC';
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE ROLE regress_warden_owner;
CREATE ROLE regress_warden_other;
CREATE SCHEMA secure;
GRANT ALL ON SCHEMA secure TO regress_warden_owner, regress_warden_other;
GRANT EXECUTE ON FUNCTION warden.partition_by_time TO regress_warden_owner;
SET search_path = secure;
CREATE TABLE seen (who name, restricted text, path text);
GRANT INSERT ON seen TO PUBLIC;
SET ROLE regress_warden_owner;
-- What only an owner would write: it says that it is immutable, and is not.
CREATE FUNCTION note() RETURNS void LANGUAGE plpgsql AS $$
DECLARE became text;
BEGIN
    BEGIN
        EXECUTE 'RESET ROLE'; became := 'became ' || current_user;
    EXCEPTION WHEN insufficient_privilege THEN became := sqlstate;
    END;
    INSERT INTO secure.seen VALUES (current_user, became, current_setting('search_path'));
END $$;
CREATE FUNCTION nothing() RETURNS interval IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN PERFORM secure.note(); RETURN interval '0'; END $$;
CREATE TABLE expressed (at timestamp) PARTITION BY RANGE ((at + secure.nothing()));
CREATE TABLE expressed_one PARTITION OF expressed FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
RESET ROLE;

-- an expression in the key: the server evaluates parts of it as whoever looks, so nobody looks
TRUNCATE seen;
\c -
SET timezone = 'UTC';
SET client_min_messages = warning;
SET search_path = secure;
SELECT * FROM warden.partition_by_time('expressed', '1 day', timezone => 'UTC');
SELECT * FROM warden.partition_by_time('expressed', '1 day', timezone => 'UTC', dry_run => true);
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_warden_owner;
SELECT * FROM warden.partition_by_time('expressed', '1 day', timezone => 'UTC');
RESET ROLE;
-- nor if the policy came by a dump of another database, where the table had another key
INSERT INTO warden.partition_policies VALUES
    ('expressed'::regclass::oid, '1 day', '1 day', NULL, 'drop', 'UTC', '2000-01-01 00:00+00');
SELECT action, status, detail FROM warden.partition_maintain();
SELECT action, status, detail FROM warden.partition_maintain('expressed', dry_run => true);
SET client_min_messages = error;
CALL warden.maintain();
SET client_min_messages = warning;
SELECT parent, covered_until, partitions, last_error FROM warden.partition_sets;
SELECT * FROM warden.partitions;
SELECT warden.partition_unmanage('expressed');
SELECT * FROM seen;
DROP TABLE expressed;

-- settings that the owner's code makes: a policy on the default partition is evaluated when rows are looked for there
SET ROLE regress_warden_owner;
CREATE FUNCTION set_all() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    PERFORM secure.note();
    PERFORM set_config(name, value, false) FROM (VALUES ('search_path', 'secure, pg_catalog'), ('work_mem', '64kB'),
        ('lock_timeout', '0'), ('warden.lock_timeout', '1h'), ('warden.lock_retries', '0'),
        ('row_security', 'off'), ('secure.left', 'something')) v (name, value);
    RETURN true;
END $$;
CREATE FUNCTION version() RETURNS text LANGUAGE sql AS $$ SELECT 'not the server''s' $$;
CREATE TABLE settings (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE settings_rest PARTITION OF settings DEFAULT;
INSERT INTO settings VALUES ('1999-01-01');
ALTER TABLE settings_rest ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY all_of_them ON settings_rest USING (secure.set_all());
RESET ROLE;
SET search_path = secure, public;
SET work_mem = '5MB';
SET lock_timeout = '7s';
SET warden.lock_timeout = '300ms';
CREATE FUNCTION show_all() RETURNS text LANGUAGE sql AS $$
SELECT string_agg(name || ' ' || coalesce(current_setting(name, true), ''), ', ' ORDER BY ordinality)
FROM unnest('{search_path,work_mem,lock_timeout,warden.lock_timeout,warden.lock_retries,row_security,secure.left,role}'::text[])
    WITH ORDINALITY name (name, ordinality) $$;
CREATE FUNCTION drop_partitions() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE (SELECT coalesce(string_agg(format('DROP TABLE %s', partition), ';'), 'SELECT') FROM warden.partitions
             WHERE kind = 'range');
END $$;
CREATE FUNCTION noted() RETURNS TABLE (several boolean, who name, restricted text, path text) LANGUAGE sql AS $$
    WITH gone AS (DELETE FROM secure.seen RETURNING *) SELECT count(*) > 1, gone.* FROM gone GROUP BY 2, 3, 4 $$;
SELECT show_all();
SELECT DISTINCT action, status, detail FROM warden.partition_by_time('settings', '1 year', ahead => '1 year');
SELECT * FROM noted();
SELECT show_all();
SELECT drop_partitions();
SELECT DISTINCT action, status, detail FROM warden.partition_maintain();
SELECT * FROM noted();
SELECT show_all();
SELECT drop_partitions();
CALL warden.maintain();
SELECT * FROM noted();
SELECT show_all();
SELECT partitions > 1 AS made, last_error FROM warden.partition_sets;
-- to look runs nothing
SELECT drop_partitions();
SELECT count(*) FROM warden.partition_sets;
SELECT count(*) FROM warden.partitions;
SELECT * FROM noted();
-- to plan looks for rows as the maintenance itself
SELECT DISTINCT status FROM warden.partition_maintain(dry_run => true);
SELECT * FROM noted();
SELECT show_all();

-- an error that looks like a cancel, or like the end of the server, is the set's own
SET ROLE regress_warden_owner;
CREATE FUNCTION refuse() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN RAISE 'stop it' USING errcode = (TABLE secure.code); END $$;
CREATE TABLE code AS SELECT 'query_canceled' AS code;
ALTER POLICY all_of_them ON settings_rest USING (secure.refuse());
RESET ROLE;
CREATE TABLE z_next (at timestamptz) PARTITION BY RANGE (at);
SELECT DISTINCT action, status FROM warden.partition_by_time('z_next', '1 year', ahead => '1 year');
SELECT drop_partitions();
SELECT DISTINCT parent, action, status, detail FROM warden.partition_maintain() ORDER BY parent;
SELECT parent, partitions > 1 AS made, last_error FROM warden.partition_sets ORDER BY parent;
UPDATE warden.partition_states SET last_error = NULL;
SELECT drop_partitions();
SET client_min_messages = error;
CALL warden.maintain();
SELECT parent, partitions > 1 AS made, last_error FROM warden.partition_sets ORDER BY parent;
SELECT drop_partitions();
UPDATE code SET code = 'admin_shutdown';
CALL warden.maintain();
SELECT parent, partitions > 1 AS made, last_error FROM warden.partition_sets ORDER BY parent;
-- a real one is not: who has been told to stop stops
ALTER POLICY all_of_them ON settings_rest USING (pg_sleep(60) IS NOT NULL);
SET statement_timeout = '300ms';
CALL warden.maintain();
SELECT DISTINCT parent, action, status, detail FROM warden.partition_maintain();
RESET statement_timeout;
SELECT show_all();
SET client_min_messages = warning;
DROP TABLE settings, z_next;

-- a partition that belongs to somebody else: it stays and is told of, before anybody is locked out for it; all else goes on
GRANT EXECUTE ON FUNCTION warden.partition_maintain TO regress_warden_owner;
SET ROLE regress_warden_owner;
CREATE TABLE foreign_one (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE next_one (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE foreign_old PARTITION OF foreign_one FOR VALUES FROM ('1999-01-01') TO ('2000-01-01');
CREATE TABLE foreign_own PARTITION OF foreign_one FOR VALUES FROM ('2000-01-01') TO ('2001-01-01');
CREATE TABLE next_old PARTITION OF next_one FOR VALUES FROM ('1999-01-01') TO ('2000-01-01');
RESET ROLE;
ALTER TABLE foreign_old OWNER TO regress_warden_other;
SELECT DISTINCT action, status FROM unnest('{foreign_one,next_one}'::regclass[]) parent,
    warden.partition_by_time(parent, '1 year', ahead => '1 year', keep => '1 year') ORDER BY 1;
SET ROLE regress_warden_owner;
SELECT parent, partition, action, status, detail FROM warden.partition_maintain() ORDER BY partition;
BEGIN;
SELECT partition, action, status, detail FROM warden.partition_maintain();
SELECT relation::regclass, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND relation::regclass::text ~ '^(foreign|next)_' AND mode <> 'AccessShareLock';
COMMIT;
RESET ROLE;
SELECT partition, status, detail FROM warden.partition_maintain();
SET client_min_messages = error;
CALL warden.maintain();
SET client_min_messages = warning;
SELECT parent, last_error FROM warden.partition_sets ORDER BY parent::text;
ALTER TABLE foreign_old OWNER TO regress_warden_owner;
SELECT partition, status, detail FROM warden.partition_maintain();
REVOKE EXECUTE ON FUNCTION warden.partition_maintain FROM regress_warden_owner;

DROP TABLE foreign_one, next_one;

DROP SCHEMA secure CASCADE;
REVOKE EXECUTE ON FUNCTION warden.partition_by_time FROM regress_warden_owner;
DROP ROLE regress_warden_owner, regress_warden_other;
