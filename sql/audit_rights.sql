-- Who may have what audited, who sees what of it, and that those who are audited can neither alter nor forge it.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE ROLE regress_warden_owner;
CREATE ROLE regress_warden_member IN ROLE regress_warden_owner;
CREATE ROLE regress_warden_stranger;
CREATE ROLE regress_warden_reader;
CREATE ROLE regress_warden_clerk;
CREATE ROLE regress_warden_all IN ROLE pg_read_all_data;
CREATE SCHEMA rights;
GRANT ALL ON SCHEMA rights TO PUBLIC;
SET search_path = rights;
CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE command; GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n || ' rows';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ': ' || sqlerrm;
END $$;
CREATE FUNCTION as_each(command text) RETURNS TABLE (who text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH who IN ARRAY ARRAY['stranger', 'reader', 'clerk', 'all', 'member', 'owner'] LOOP
        EXECUTE 'SET LOCAL ROLE regress_warden_' || who;
        outcome := rights.attempt(command);
        RESET ROLE;
        RETURN NEXT;
    END LOOP;
END $$;
SET ROLE regress_warden_owner;
CREATE TABLE pay (id integer PRIMARY KEY, name text, salary integer);
GRANT SELECT ON pay TO regress_warden_reader;
GRANT SELECT (id, name), INSERT, UPDATE ON pay TO regress_warden_clerk;
RESET ROLE;
CREATE TABLE others (id integer);
CREATE SCHEMA owned AUTHORIZATION regress_warden_owner;
CREATE TABLE owned.foreign_table (id integer);

-- nobody may do it by himself; with EXECUTE, who has the rights of the owner
SELECT * FROM as_each($$SELECT warden.audit_enable('rights.pay')$$);
SELECT * FROM as_each($$SELECT warden.audit_disable('rights.pay')$$);
SELECT * FROM as_each($$SELECT warden.audit_enable_schema('rights')$$);
GRANT EXECUTE ON FUNCTION warden.audit_enable, warden.audit_disable, warden.audit_enable_schema, warden.audit_disable_schema TO PUBLIC;
SELECT * FROM as_each($$SELECT warden.audit_enable('rights.pay', dry_run => true)$$);
SELECT * FROM as_each($$SELECT warden.audit_enable('rights.others')$$);
SELECT * FROM as_each($$SELECT warden.audit_disable('rights.pay')$$);
SELECT * FROM as_each($$SELECT warden.audit_enable_schema('owned', dry_run => true)$$);
SELECT * FROM as_each($$SELECT warden.audit_disable_schema('owned')$$);
SET ROLE regress_warden_member;
SELECT status FROM warden.audit_enable('pay');
SELECT relation, status, detail FROM warden.audit_enable_schema('owned');
SELECT relation, status, detail FROM warden.audit_disable_schema('owned');
RESET ROLE;

-- who sees what: the reader all, the clerk his columns of rows and changes, nobody else
SET ROLE regress_warden_clerk;
INSERT INTO pay VALUES (1, 'a', 100);
RESET ROLE;
UPDATE pay SET salary = 200;
UPDATE pay SET name = 'b', salary = 300;
ALTER TABLE pay RENAME COLUMN salary TO wage;
ALTER TABLE pay ADD COLUMN salary text DEFAULT 'none';
GRANT SELECT (salary) ON pay TO regress_warden_clerk;
UPDATE pay SET salary = 'x', wage = 400;
ALTER TABLE pay DROP COLUMN wage;
DELETE FROM pay;
CREATE FUNCTION seen() RETURNS TABLE (who text, operation text, key jsonb, old jsonb, new jsonb, active_role name) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH who IN ARRAY ARRAY['stranger', 'reader', 'clerk', 'all', 'member'] LOOP
        EXECUTE 'SET LOCAL ROLE regress_warden_' || who;
        FOR operation, key, old, new, active_role IN
            SELECT e.operation, e.key, e.old, e.new, e.active_role FROM warden.audit_events e
            WHERE relation_name = 'rights.pay' ORDER BY id LOOP
            RETURN NEXT;
        END LOOP;
        RESET ROLE;
    END LOOP;
END $$;
SELECT * FROM seen();
SELECT * FROM as_each($$SELECT FROM warden.audit_ddl WHERE old_name = 'rights.pay'$$);
SELECT * FROM as_each($$SELECT FROM warden.audit_tables WHERE relation_name = 'rights.pay'$$);
-- a function that tells what it is given
CREATE FUNCTION leak(jsonb) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
    RAISE WARNING 'leaked %', $1;
    RETURN true;
END $$;
SET ROLE regress_warden_stranger;
SELECT * FROM warden.audit_events WHERE leak(old) AND leak(new) AND leak(key);
SELECT * FROM warden.audit_ddl WHERE leak(before);
RESET ROLE;

-- row-level security hides rows, so it hides all; but not from the owner, for whom it does not hold
ALTER TABLE pay ENABLE ROW LEVEL SECURITY;
SELECT who, count(*) FROM seen() GROUP BY who ORDER BY who COLLATE "C";
ALTER TABLE pay FORCE ROW LEVEL SECURITY;
SELECT who, count(*) FROM seen() GROUP BY who ORDER BY who COLLATE "C";
ALTER TABLE pay NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;

-- nobody has any right on what is ours, the log's partitions included, but to read what is merely declared, as dumps do
SELECT p.privilege, string_agg(c.relname, ' ' ORDER BY c.relname COLLATE "C") AS relations
FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p (privilege)
WHERE c.relnamespace = 'warden'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname ~ '^audit'
  AND (has_table_privilege('regress_warden_owner', c.oid, p.privilege)
       OR CASE WHEN p.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
               THEN has_any_column_privilege('regress_warden_owner', c.oid, p.privilege) END)
GROUP BY p.privilege;
SELECT c.relname, p.privilege FROM pg_class c, unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) p (privilege)
WHERE c.relnamespace = 'warden'::regnamespace AND c.relname ~ '^audit'
  AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('regress_warden_owner', c.oid, p.privilege) END
ORDER BY c.relname;
-- but for those that new partitions have as triggers, which do nothing by hand: see audit_attacks
SELECT p.proname FROM pg_proc p
WHERE p.pronamespace = 'warden'::regnamespace AND p.proname ~ '^audit_(capture|follow)' AND has_function_privilege('regress_warden_owner', p.oid, 'EXECUTE') ORDER BY 1;
-- what is for nobody to read is in no table of the extension's own, which dumps would read; its partition is as all of ours
SELECT i.inhparent::regclass, c.oid::regclass, c.relreplident = 'f' OR x.indisprimary IS NOT NULL AS has_identity, t.tgenabled,
       EXISTS (SELECT FROM pg_depend WHERE (classid, objid, deptype) = ('pg_class'::regclass, c.oid, 'e')) AS is_member
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid LEFT JOIN pg_index x ON x.indrelid = c.oid AND x.indisprimary
LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgfoid = 'warden.ignore_replicated'::regproc
WHERE c.relnamespace = 'warden'::regnamespace AND c.relname ~ '_all$' ORDER BY 1;
SELECT DISTINCT c.relname
FROM pg_extension e, unnest(extconfig) o (oid) JOIN pg_class c ON c.oid = o.oid
WHERE extname = 'pg_warden' AND (c.relkind NOT IN ('r', 'S') OR NOT CASE c.relkind WHEN 'S' THEN has_sequence_privilege('regress_warden_owner', c.oid, 'SELECT')
    ELSE has_table_privilege('regress_warden_owner', c.oid, 'SELECT') END);
SET ROLE regress_warden_owner;
SELECT command, attempt(command) FROM unnest(ARRAY[
    'SELECT FROM warden.audit_log', 'INSERT INTO warden.audit_events (id) VALUES (1)', 'DELETE FROM warden.audit_events',
    'TRUNCATE warden.audit_log', 'DROP TABLE warden.audit_log_1', 'ALTER TABLE warden.audit_log_1 DISABLE TRIGGER ALL',
    'LOCK TABLE warden.audit_log IN ACCESS SHARE MODE', 'LOCK TABLE warden.audit_events IN SHARE MODE',
    'CREATE TRIGGER forge AFTER INSERT ON rights.pay FOR EACH ROW EXECUTE FUNCTION warden.audit_capture(''1'')',
    'CREATE TRIGGER forge BEFORE TRUNCATE ON rights.pay EXECUTE FUNCTION warden.audit_capture_truncate(''1'')',
    'CREATE TRIGGER forge AFTER INSERT ON warden.audit_log FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    'CREATE RULE forge AS ON INSERT TO warden.audit_log DO INSTEAD NOTHING',
    'CREATE TABLE warden.audit_forged ()', 'SELECT warden.audit_capture()',
    'SET warden.audit_context = ''{"user": "forged"}''', 'SELECT set_config(''warden.audit_context'', ''{"user": "forged"}'', true)',
    'ALTER ROLE regress_warden_owner SET warden.audit_context = ''{"user": "forged"}''',
    'SET warden.audit_max_value = 1', 'SET session_replication_role = replica',
    'ALTER EVENT TRIGGER pg_warden_audit_change DISABLE', 'DROP EXTENSION pg_warden']) command;
RESET ROLE;
SELECT attempt('SET warden.audit_context = ''{"user": "forged"}''') AS "nor can a superuser";

-- code of users in the transaction: search paths, tables and operators named like ours, changed roles and settings
CREATE SCHEMA hostile AUTHORIZATION regress_warden_owner;
SET ROLE regress_warden_owner;
CREATE TABLE hostile.audit_log (LIKE pay);
CREATE TABLE hostile.audit_sessions (id bigint);
CREATE TABLE hostile.audit_relations (id bigint);
CREATE FUNCTION hostile.equal(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'fooled'; RETURN true; END $$;
CREATE OPERATOR hostile.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = hostile.equal);
CREATE FUNCTION hostile.jsonb_build_object(name, bigint) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'fooled'; END $$;
CREATE FUNCTION disturb() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('search_path', 'hostile, pg_catalog, warden', true), set_config('datestyle', 'German', true),
            set_config('application_name', 'another', true);
    CREATE TEMPORARY TABLE audit_log (id integer) ON COMMIT DROP;
    CREATE TEMPORARY TABLE audit_versions (id integer) ON COMMIT DROP;
    SET LOCAL ROLE regress_warden_member;
    RETURN NEW;
END $$;
CREATE TRIGGER "!!first" BEFORE INSERT ON pay FOR EACH ROW EXECUTE FUNCTION disturb();
CREATE TABLE made_by_definer (at date);
RESET ROLE;
CREATE FUNCTION as_definer() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = hostile AS
    'INSERT INTO rights.made_by_definer VALUES (''2001-02-03'')';
SELECT count(*) FROM warden.audit_enable('made_by_definer');
SET SESSION AUTHORIZATION regress_warden_member;
BEGIN;
INSERT INTO pay VALUES (7, 'seven', 'x');
COMMIT;
SELECT rights.as_definer();
SET ROLE regress_warden_owner;
INSERT INTO rights.pay SELECT 8, 'eight', 'x';
RESET SESSION AUTHORIZATION;
SELECT relation_name, key, new, session_role, active_role FROM warden.audit_events
WHERE new IS NOT NULL AND (key @> '{"id": 7}' OR key @> '{"id": 8}' OR relation_name ~ 'definer') AND relation_name ~ 'rights' ORDER BY id;

-- a trigger by hand, of a superuser who may: not such as no audit has, and for no other table
CREATE TRIGGER forged AFTER INSERT ON others FOR EACH ROW EXECUTE FUNCTION warden.audit_capture();
SELECT attempt('INSERT INTO others VALUES (1)');
DROP TRIGGER forged ON others;
CREATE TRIGGER forged AFTER INSERT ON others FOR EACH ROW EXECUTE FUNCTION warden.audit_capture('1x');
SELECT attempt('INSERT INTO others VALUES (1)');
DROP TRIGGER forged ON others;
CREATE TRIGGER forged BEFORE INSERT ON others FOR EACH ROW EXECUTE FUNCTION warden.audit_capture('1');
SELECT attempt('INSERT INTO others VALUES (1)');
DROP TRIGGER forged ON others;
DO $$ BEGIN EXECUTE format('CREATE TRIGGER forged AFTER INSERT ON others FOR EACH ROW EXECUTE FUNCTION warden.audit_capture(%L)',
    (SELECT id FROM warden.audit_relations WHERE name = 'rights.pay')); END $$;
SELECT attempt('INSERT INTO others VALUES (1)');
SELECT enabled, since, gaps FROM warden.audit_tables WHERE relation = 'others'::regclass;
SELECT count(*) FROM warden.audit_events WHERE relation_name ~ 'others';
SELECT warden.audit_disable('others');
SELECT count(*) FROM warden.audit_tables WHERE relation = 'others'::regclass;

-- a session that has not loaded the library can set anything of that name, which then counts for nothing
\c -
SET client_min_messages = error;
SELECT rights.attempt('SET warden.audit_context = ''{"user": "forged"}''') IS NOT NULL AS tried;
INSERT INTO rights.made_by_definer VALUES ('2002-02-02');
RESET client_min_messages;
SHOW warden.audit_context;
SELECT new, context FROM warden.audit_events WHERE relation_name ~ 'definer' AND new @> '{"at": "2002-02-02"}';

-- what is left of dropped tables is for who may read everything
SET client_min_messages = warning;
DROP TABLE rights.pay;
SELECT who, count(*) FROM rights.seen() GROUP BY who;
DROP SCHEMA rights, hostile, owned CASCADE;
REVOKE EXECUTE ON FUNCTION warden.audit_enable, warden.audit_disable, warden.audit_enable_schema, warden.audit_disable_schema FROM PUBLIC;
DROP ROLE regress_warden_member, regress_warden_owner, regress_warden_stranger, regress_warden_reader, regress_warden_clerk, regress_warden_all;
