-- Every change of a row is logged, once, in the order of the changes, and nothing else is.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA capture;
SET search_path = capture;
CREATE TABLE told AS SELECT coalesce(max(id), 0) AS id FROM warden.audit_log;
-- What was logged since it was last asked for, in order.
CREATE FUNCTION tell() RETURNS TABLE (relation text, op "char", flags smallint, key text, before jsonb, after jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    last bigint := (SELECT max(t.id) FROM told t);
BEGIN
    INSERT INTO told SELECT coalesce(max(l.id), last) FROM warden.audit_log l;
    RETURN QUERY SELECT regexp_replace(r.name, '^\w+\.', ''), l.operation, l.flags, coalesce(l.key::text, l.key_number::text),
                        l.before, l.after
        FROM warden.audit_log l JOIN warden.audit_relations r ON r.id = l.relation WHERE l.id > last ORDER BY l.id;
END $$;
CREATE FUNCTION watch(relation regclass) RETURNS text LANGUAGE sql AS $$ SELECT status FROM warden.audit_enable(relation) $$;

-- the columns that changed, by all statements that change rows
CREATE TABLE plain (id int PRIMARY KEY, n int, t text);
SELECT watch('plain');
INSERT INTO plain VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z');
UPDATE plain SET n = 5 WHERE id = 1;
UPDATE plain SET n = n + 1, t = NULL WHERE id > 1;
DELETE FROM plain WHERE id = 3;
SELECT * FROM tell();
-- what changes nothing writes nothing
SELECT count(*) AS contexts FROM warden.audit_contexts \gset before_
BEGIN;
SELECT warden.audit_set_context('{"for": "nothing"}');
UPDATE plain SET n = n, t = t;
DELETE FROM plain WHERE false;
INSERT INTO plain VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO plain VALUES (1) ON CONFLICT (id) DO UPDATE SET n = plain.n;
COMMIT;
SELECT * FROM tell();
SELECT count(*) - :before_contexts AS contexts FROM warden.audit_contexts;
INSERT INTO plain VALUES (1, 7), (4, 4) ON CONFLICT (id) DO UPDATE SET n = excluded.n;
MERGE INTO plain USING (VALUES (1, 8), (2, 0), (5, 5), (6, NULL)) v (id, n) ON plain.id = v.id
    WHEN MATCHED AND v.n = 0 THEN DELETE
    WHEN MATCHED THEN UPDATE SET n = v.n
    WHEN NOT MATCHED AND v.n IS NULL THEN DO NOTHING
    WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.n);
COPY plain FROM stdin;
20	1	one
21	2	\N
\.
WITH gone AS (DELETE FROM plain WHERE id = 20 RETURNING *) INSERT INTO plain SELECT id + 10, n, t FROM gone;
BEGIN;
DECLARE here CURSOR FOR SELECT * FROM plain WHERE id = 21 FOR UPDATE;
FETCH here;
UPDATE plain SET n = 77 WHERE CURRENT OF here;
DELETE FROM plain WHERE CURRENT OF here;
COMMIT;
SELECT * FROM tell();

-- what is rolled back was not: a transaction, to a savepoint, an exception
BEGIN;
INSERT INTO plain VALUES (40);
ROLLBACK;
BEGIN;
SAVEPOINT s;
INSERT INTO plain VALUES (41);
ROLLBACK TO s;
INSERT INTO plain VALUES (42);
SAVEPOINT s;
INSERT INTO plain VALUES (43);
RELEASE s;
COMMIT;
DO $$ BEGIN
    INSERT INTO plain VALUES (44);
    BEGIN
        INSERT INTO plain VALUES (45);
        INSERT INTO plain VALUES (44);
    EXCEPTION WHEN unique_violation THEN
        INSERT INTO plain VALUES (46);
    END;
END $$;
SELECT * FROM tell();
-- with what their events refer to
BEGIN;
SET LOCAL application_name = 'first';
SAVEPOINT s;
INSERT INTO plain VALUES (47);
ROLLBACK TO s;
INSERT INTO plain VALUES (48);
COMMIT;
SELECT op, key, s.application_name FROM tell(), LATERAL (
    SELECT application_name FROM warden.audit_log l JOIN warden.audit_sessions s ON s.id = l.session
    ORDER BY l.id DESC LIMIT 1) s;
DELETE FROM plain;
SELECT count(*) FROM tell();

-- keys: of several columns, that change, of other types, by the replica identity, none
CREATE TABLE composite (b text, a uuid, n int, PRIMARY KEY (a, b));
CREATE TABLE keyless (n int, t text);
CREATE TABLE identified (n int, k smallint NOT NULL UNIQUE);
ALTER TABLE identified REPLICA IDENTITY USING INDEX identified_k_key;
SELECT watch('composite'), watch('keyless'), watch('identified');
INSERT INTO composite VALUES ('it''s "b"', '00000000-0000-0000-0000-000000000001', 1);
UPDATE composite SET n = 2;
UPDATE composite SET b = 'c', n = 3;
DELETE FROM composite;
INSERT INTO keyless VALUES (1, 'a'), (1, 'a');
UPDATE keyless SET t = 'b';
DELETE FROM keyless;
INSERT INTO identified VALUES (1, -1);
UPDATE identified SET n = 2;
UPDATE plain SET id = id;
INSERT INTO plain VALUES (1, 1), (2, 2);
UPDATE plain SET id = id + 1 WHERE id = 2;
UPDATE plain SET id = id + 10;
SELECT * FROM tell();
-- The only index of a partition is the one that the trigger writes to by itself, without the executor.
SELECT DISTINCT regexp_replace(pg_get_indexdef(indexrelid), '.* USING', 'USING') AS index
FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE c.relname LIKE 'audit\_log\_%';
SELECT count(DISTINCT key_number) AS hashes FROM warden.audit_log WHERE key IS NOT NULL AND key ? 'a';

-- foreign keys: what follows
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, of int REFERENCES parent ON UPDATE CASCADE ON DELETE CASCADE,
    maybe int REFERENCES parent ON DELETE SET NULL);
SELECT watch('parent'), watch('child');
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (10, 1, 2), (11, 2, 2);
UPDATE parent SET id = 3 WHERE id = 1;
DELETE FROM parent WHERE id = 2;
SELECT * FROM tell();

-- triggers of the user's: of the row itself, of other rows of the same statement, whatever their names are
CREATE TABLE list (id int PRIMARY KEY, n int, t text DEFAULT '');
SELECT watch('list');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF pg_trigger_depth() = 1 THEN
        UPDATE list SET n = n * 10, t = t || 'after ' || new.id || ' ' WHERE tg_argv[0] = 'all' OR id = new.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER touch AFTER INSERT OR UPDATE ON list FOR EACH ROW EXECUTE FUNCTION touch('own');
INSERT INTO list VALUES (1, 1), (2, 2);
UPDATE list SET n = n + 1;
SELECT * FROM tell();
DROP TRIGGER touch ON list;
CREATE TRIGGER " touch" AFTER INSERT OR UPDATE ON list FOR EACH ROW EXECUTE FUNCTION touch('all');
INSERT INTO list VALUES (3, 3), (4, 4);
UPDATE list SET id = id + 10 WHERE id IN (3, 4);
SELECT * FROM tell();
SELECT * FROM list ORDER BY id;
-- a row from its events: each begins with what the one before it has left
CREATE FUNCTION breaks(relation text) RETURNS bigint LANGUAGE sql AS $$
    WITH e AS (SELECT l.id, coalesce(before, '{}') AS before, coalesce(after, '{}') AS after, k.key, v.value
               FROM warden.audit_log l JOIN warden.audit_relations r ON r.id = l.relation,
                    LATERAL jsonb_each(coalesce(before, after)) k (key, v), LATERAL (SELECT key_number % 10) v (value)
               WHERE r.name = 'capture.' || breaks.relation AND operation <> 'K'),
         p AS (SELECT *, lag(after) OVER (PARTITION BY key, value ORDER BY id) AS previous FROM e)
    SELECT count(*) FROM p WHERE previous IS NOT NULL AND before -> key IS DISTINCT FROM previous -> key $$;
SELECT breaks('list');
TRUNCATE list;
-- many rows of a statement, each overtaken, by triggers before and after; in a savepoint that is rolled back as well
CREATE TABLE chain (id int PRIMARY KEY, n int);
INSERT INTO chain SELECT i, 0 FROM generate_series(0, 9) i;
SELECT watch('chain');
CREATE FUNCTION disturb() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF pg_trigger_depth() <= 2 THEN
        BEGIN
            UPDATE chain SET n = n + 100 WHERE id <> new.id;
            RAISE 'taken back';
        EXCEPTION WHEN raise_exception THEN
            UPDATE chain SET n = n + 1 WHERE CASE WHEN tg_when = 'AFTER' THEN id <> new.id ELSE id < new.id END;
        END;
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER a AFTER UPDATE ON chain FOR EACH ROW EXECUTE FUNCTION disturb();
UPDATE chain SET n = n + 10000;
DROP TRIGGER a ON chain;
CREATE FUNCTION disturb_before() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF pg_trigger_depth() = 1 THEN
        UPDATE chain SET n = n + 1 WHERE id < new.id;
    END IF;
    RETURN new;
END $$;
TRUNCATE chain;
INSERT INTO chain SELECT i, 0 FROM generate_series(0, 9) i;
CREATE TRIGGER b BEFORE UPDATE ON chain FOR EACH ROW EXECUTE FUNCTION disturb_before();
UPDATE chain SET n = n + 10000;
SELECT breaks('chain'), count(*) = count(DISTINCT l.id) AS unique, count(*) > 100 AS many
FROM warden.audit_log l JOIN warden.audit_relations r ON r.id = l.relation WHERE r.name = 'capture.chain';
SELECT count(*) > 0 FROM tell();

-- inheritance: each table for itself
CREATE TABLE animal (id int PRIMARY KEY, name text);
CREATE TABLE bird (wings int, PRIMARY KEY (id)) INHERITS (animal);
SELECT watch('animal'), watch('bird');
INSERT INTO bird VALUES (1, 'hen', 2);
UPDATE animal SET name = 'duck';
DELETE FROM animal;
SELECT * FROM tell();

-- columns that the server fills; that were added later; that were dropped; whose names are odd
CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED);
INSERT INTO made (n) VALUES (1);
ALTER TABLE made ADD COLUMN later text DEFAULT 'was missing', DROP COLUMN n CASCADE;
ALTER TABLE made ADD COLUMN "Odd ""name"", ä" int;
SELECT watch('made');
UPDATE made SET "Odd ""name"", ä" = 1;
UPDATE made SET later = later;
UPDATE made SET later = 'no more';
INSERT INTO made DEFAULT VALUES;
DELETE FROM made WHERE id = 1;
CREATE TABLE "Odd.table ""x""" ("Key" int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (v + 1) STORED);
SELECT watch('"Odd.table ""x"""');
INSERT INTO "Odd.table ""x""" VALUES (1, 1);
UPDATE "Odd.table ""x""" SET v = 2;
SELECT * FROM tell();
DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE wide (id int PRIMARY KEY, ' || string_agg(format('c%s int', i), ', ') || ')'
                     FROM generate_series(1, 1599) i); END $$;
SELECT watch('wide');
INSERT INTO wide (id, c1, c1599) VALUES (1, 1, 1);
UPDATE wide SET c1599 = 2;
SELECT op, before, (SELECT count(*) FROM jsonb_object_keys(after)), after->'c1599' FROM tell();

-- values out of line: one that did not change is not read
CREATE TABLE long (id int PRIMARY KEY, n int, body text);
ALTER TABLE long ALTER body SET STORAGE EXTERNAL;
INSERT INTO long VALUES (1, 1, repeat('long', 5000));
SELECT watch('long');
CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql AS $$
    SELECT pg_stat_get_xact_numscans(indexrelid) FROM pg_class JOIN pg_index ON indrelid = reltoastrelid
    WHERE pg_class.oid = 'long'::regclass $$;
BEGIN;
SELECT reads() \gset
UPDATE long SET n = 2;
SELECT reads() - :reads AS none;
UPDATE long SET body = body || '';
SELECT reads() > :reads AS some;
SELECT * FROM tell();
ROLLBACK;
UPDATE long SET n = 3;
UPDATE long SET body = body || '';
UPDATE long SET body = repeat('long', 4999) || 'last';
SELECT op, key, length(before::text), length(after::text), before - 'body', after - 'body' FROM tell();

-- without WAL there is an order too
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, n int);
SELECT watch('unlogged');
INSERT INTO unlogged VALUES (1, 0);
UPDATE plain SET n = 50;
UPDATE unlogged SET n = 1;
SELECT relation, op, after FROM tell();

-- some columns only
CREATE TABLE secret (id int PRIMARY KEY, password text, n int);
SELECT status FROM warden.audit_enable('secret', except_columns => '{password}');
INSERT INTO secret VALUES (1, 'a', 1);
UPDATE secret SET password = 'b';
UPDATE secret SET password = 'c', n = 2;
SELECT status FROM warden.audit_enable('secret', columns => '{n}');
DELETE FROM secret;
SELECT * FROM tell();

-- triggers of users do not fire then, ours does
SET session_replication_role = replica;
INSERT INTO secret VALUES (2, 'a', 1);
RESET session_replication_role;
SELECT * FROM tell();

-- contexts: required, of the transaction, of what is left of it
SELECT status FROM warden.audit_enable('secret', require_context => true);
INSERT INTO secret VALUES (3);
SELECT warden.audit_set_context('{"for": "nothing"}');
INSERT INTO secret VALUES (3);
SELECT warden.audit_set_context('[]');
BEGIN;
SELECT warden.audit_set_context('{"user": "a"}');
INSERT INTO secret VALUES (3);
SAVEPOINT s;
SELECT warden.audit_set_context('{"user": "b"}');
INSERT INTO secret VALUES (4);
ROLLBACK TO s;
INSERT INTO secret VALUES (5);
SELECT warden.audit_set_context('{"user": "c"}');
INSERT INTO secret VALUES (6);
COMMIT;
SELECT key, context FROM warden.audit_events WHERE relation = 'secret'::regclass AND context IS NOT NULL ORDER BY id;
SHOW warden.audit_context;
SET warden.audit_context = '{}';

-- who
CREATE ROLE regress_warden_writer;
GRANT USAGE ON SCHEMA capture TO regress_warden_writer;
GRANT ALL ON plain TO regress_warden_writer;
BEGIN;
SET LOCAL ROLE regress_warden_writer;
SET LOCAL application_name = 'shop';
INSERT INTO plain VALUES (100);
COMMIT;
INSERT INTO plain VALUES (101);
SELECT key, active_role = session_role AS himself, nullif(active_role, session_role) AS as, nullif(application_name, current_setting('application_name'))
FROM warden.audit_events WHERE relation = 'plain'::regclass ORDER BY id DESC LIMIT 2;

-- a version of columns that is taken back is written again
ALTER EVENT TRIGGER pg_warden_audit_change DISABLE;
ALTER TABLE plain ADD COLUMN more int;
ALTER EVENT TRIGGER pg_warden_audit_change ENABLE ALWAYS;
BEGIN;
UPDATE plain SET more = 1 WHERE id = 100;
ROLLBACK;
UPDATE plain SET more = 2 WHERE id = 100;

-- the bytes are those that the server would write; what events refer to is there
SELECT count(*) > 100 AS some, count(*) FILTER (WHERE NOT record_image_eq(ROW(j), ROW(j::text::jsonb))) AS other
FROM warden.audit_log, LATERAL (VALUES (key), (before), (after)) v (j) WHERE j IS NOT NULL;
SELECT count(*) FROM warden.audit_log l
WHERE NOT EXISTS (SELECT FROM warden.audit_sessions s WHERE s.id = l.session)
   OR NOT EXISTS (SELECT FROM warden.audit_versions v WHERE v.id = l.version AND v.relation = l.relation);

DROP SCHEMA capture CASCADE;
DROP OWNED BY regress_warden_writer;
DROP ROLE regress_warden_writer;
-- The tests of other features count sets of partitions: the log's are not left there.
DROP EXTENSION pg_warden CASCADE;
CREATE EXTENSION pg_warden;
-- The built-in job would come every ten minutes, in the midst of whatever test that is: it goes on resting until the tests of jobs.
DO $$ BEGIN PERFORM set_config('client_min_messages', 'warning', true), warden.schedule_pause('maintain'); END $$;
