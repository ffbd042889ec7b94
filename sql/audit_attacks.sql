-- What those who are audited try: to make triggers of ours, to stop the audit unseen, to have their code run by others.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE ROLE regress_warden_app;
CREATE SCHEMA attacks AUTHORIZATION regress_warden_app;
GRANT USAGE ON SCHEMA attacks TO PUBLIC;
SET search_path = attacks;
CREATE VIEW changes AS
SELECT relation::text, operation, key, new FROM warden.audit_events WHERE relation_name ~ '^attacks' ORDER BY id;
CREATE FUNCTION gaps() RETURNS TABLE (relation text, gaps text[]) LANGUAGE sql AS $$
SELECT relation_name, gaps FROM warden.audit_tables WHERE relation_name ~ '^attacks' AND gaps IS NOT NULL ORDER BY 1 $$;

-- Partitions are made and attached by the owner, or by maintenance as the owner, with the triggers of the root.
SET ROLE regress_warden_app;
CREATE TABLE parts (id integer PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
RESET ROLE;
SELECT count(*) FROM warden.audit_enable('parts');
SET ROLE regress_warden_app;
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
CREATE TABLE parts_3 (id integer NOT NULL, note text);
ALTER TABLE parts ATTACH PARTITION parts_3 FOR VALUES FROM (20) TO (30);
INSERT INTO parts SELECT n FROM generate_series(1, 21, 10) n;
RESET ROLE;
SELECT * FROM changes;
SELECT * FROM gaps();

-- Triggers by hand: beside ours they log nothing, whatever number they have and whether they fire first.
SET ROLE regress_warden_app;
CREATE TABLE items (id integer PRIMARY KEY, note text);
CREATE TABLE others (id integer PRIMARY KEY, note text);
RESET ROLE;
SELECT count(*) FROM warden.audit_enable('items') UNION ALL SELECT count(*) FROM warden.audit_enable('others');
CREATE PROCEDURE forge(command text, audited regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(command, (SELECT id FROM warden.audit_relations WHERE relation::oid = audited AND until IS NULL));
END $$;
SET ROLE regress_warden_app;
CALL forge('CREATE TRIGGER "!!" AFTER INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION warden.audit_capture(%L)', 'items');
CALL forge('CREATE TRIGGER "!!!" AFTER INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION warden.audit_capture(%L)', 'others');
CREATE TRIGGER "!!!!" AFTER INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION warden.audit_capture('2000000000');
CALL forge('CREATE TRIGGER "!" BEFORE TRUNCATE ON items EXECUTE FUNCTION warden.audit_capture_truncate(%L)', 'parts');
CALL forge('CREATE TRIGGER zzz BEFORE TRUNCATE ON items EXECUTE FUNCTION warden.audit_capture_truncate(%L)', 'items');
INSERT INTO items VALUES (1, 'once');
TRUNCATE items;
RESET ROLE;
SELECT * FROM changes WHERE relation ~ 'items|others';
SELECT * FROM gaps();

-- In the place of ours: what is fired by fewer changes is a gap, and mended.
SET ROLE regress_warden_app;
CALL forge('CREATE OR REPLACE TRIGGER "!pg_warden_audit" AFTER INSERT OR UPDATE OR DELETE ON items FOR EACH ROW WHEN (false) EXECUTE FUNCTION warden.audit_capture(%L)', 'items');
CALL forge('CREATE OR REPLACE TRIGGER "!pg_warden_audit_truncate" BEFORE TRUNCATE ON items WHEN (false) EXECUTE FUNCTION warden.audit_capture_truncate(%L)', 'items');
CALL forge('CREATE OR REPLACE TRIGGER "!pg_warden_audit" AFTER INSERT OR DELETE OR UPDATE OF id ON others FOR EACH ROW EXECUTE FUNCTION warden.audit_capture(%L)', 'others');
ALTER TABLE items ENABLE ALWAYS TRIGGER "!pg_warden_audit", ENABLE ALWAYS TRIGGER "!pg_warden_audit_truncate";
ALTER TABLE others ENABLE ALWAYS TRIGGER "!pg_warden_audit";
INSERT INTO items VALUES (2, 'unseen');
SELECT * FROM gaps();
SELECT new_name, gaps FROM warden.audit_ddl WHERE new_name ~ 'attacks.(items|others)' ORDER BY id DESC LIMIT 1;
RESET ROLE;
SELECT count(*) FROM warden.audit_enable('items') UNION ALL SELECT count(*) FROM warden.audit_enable('others');
SELECT * FROM gaps();
INSERT INTO items VALUES (3, 'seen');
SELECT * FROM changes WHERE new IS NOT NULL AND relation ~ 'items|others';

-- Of a trigger with our number on a table of somebody else's, which he may lock, nothing is done.
CREATE TABLE stray (id integer);
DO $$ BEGIN EXECUTE format('CREATE TRIGGER "!pg_warden_audit" AFTER INSERT ON stray FOR EACH ROW EXECUTE FUNCTION warden.audit_capture(%L)',
    (SELECT id FROM warden.audit_relations WHERE name = 'attacks.parts')); END $$;
ALTER TABLE parts ADD COLUMN more text;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgrelid = 'stray'::regclass;
ALTER TABLE stray OWNER TO regress_warden_app; -- as if it were a partition that was detached
ALTER TABLE parts DROP COLUMN more;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgrelid = 'stray'::regclass;

-- Where the stack ends, what could not be noted is not done.
SET ROLE regress_warden_app;
CREATE FUNCTION deep() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM attacks.deep();
EXCEPTION WHEN statement_too_complex THEN
    ALTER TABLE attacks.others DISABLE TRIGGER "!pg_warden_audit";
END $$;
SET client_min_messages = error;
SELECT deep();
RESET client_min_messages;
SELECT gaps FROM warden.audit_ddl WHERE new_name = 'attacks.others' ORDER BY id DESC LIMIT 1;
RESET ROLE;

-- Code of the owner's, in a domain within a type, is run as him by who reads what was logged, or only plans an undo.
SET client_min_messages = warning;
SET ROLE regress_warden_app;
CREATE FUNCTION tell(integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('attacks.tell', true) = 'on' THEN
        RAISE WARNING 'run by %', current_user;
    END IF;
    RETURN true;
END $$;
CREATE DOMAIN told AS integer CHECK (attacks.tell(VALUE));
CREATE TYPE pair AS (a told);
CREATE TABLE keyed (id pair PRIMARY KEY, other pair);
RESET ROLE;
SELECT count(*) FROM warden.audit_enable('keyed');
INSERT INTO keyed VALUES (ROW(1), ROW(2));
UPDATE keyed SET other = ROW(3);
SET attacks.tell = 'on';
SELECT operation FROM warden.audit_history('keyed', '{"id": "(1)"}');
SELECT u.status, u.command FROM warden.audit_events e, warden.audit_undo(event => e.id, dry_run => true) u
WHERE e.relation = 'keyed'::regclass AND e.operation = 'UPDATE';
SELECT * FROM warden.audit_as_of(NULL::keyed, now());
RESET attacks.tell;

-- That columns were changed, is for who may read one of them.
CREATE ROLE regress_warden_clerk;
CREATE TABLE pay (id integer PRIMARY KEY, name text, salary integer, bonus integer);
GRANT SELECT (id, name) ON pay TO regress_warden_clerk;
SELECT count(*) FROM warden.audit_enable('pay', keep_dropped => true);
INSERT INTO pay VALUES (1, 'a', 100, 1);
UPDATE pay SET salary = 200;
UPDATE pay SET name = 'b', salary = 300;
ALTER TABLE pay DROP COLUMN bonus;
SET ROLE regress_warden_clerk;
SELECT operation, key, old, new FROM warden.audit_events WHERE relation = 'pay'::regclass ORDER BY id;
SELECT operation, key, old, new FROM warden.audit_history('pay', '{"id": 1}');
RESET ROLE;

DROP SCHEMA attacks CASCADE;
DROP ROLE regress_warden_clerk;
DROP ROLE regress_warden_app;
