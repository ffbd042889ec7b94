-- One event is taken back, or what became of a row since a moment; of tables with and without a key.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE FUNCTION last_event() RETURNS bigint LANGUAGE sql
    RETURN (SELECT id FROM warden.audit_events ORDER BY id DESC LIMIT 1);
CREATE FUNCTION last_transaction() RETURNS bigint LANGUAGE sql
    RETURN (SELECT transaction_id FROM warden.audit_events ORDER BY id DESC LIMIT 1);

-- an event
CREATE TABLE item (id bigint PRIMARY KEY, name text, price numeric);
SELECT status FROM warden.audit_enable('item');
INSERT INTO item VALUES (1, 'nail', 1.0), (2, 'screw', 2);
UPDATE item SET name = 'Nail' WHERE id = 1;
SELECT last_event() AS name_event \gset
UPDATE item SET price = 1.00 WHERE id = 1;
SELECT key, action, status, command, detail FROM warden.audit_undo(event => :name_event, dry_run => true);
SELECT key, action, status FROM warden.audit_undo(event => :name_event);
SELECT * FROM item ORDER BY id;
SELECT (context->>'undoes_event')::bigint = :name_event AS linked, old, new FROM warden.audit_events WHERE id = (SELECT last_event());
-- which is undone, as any event is
SELECT action, status FROM warden.audit_undo(event => last_event());
SELECT * FROM item ORDER BY id;
DELETE FROM item WHERE id = 2;
SELECT last_event() AS deletion \gset
SELECT action, status FROM warden.audit_undo(event => :deletion);
SELECT action, status, detail FROM warden.audit_undo(event => :deletion, dry_run => true);
SELECT action, status FROM warden.audit_undo(event => :deletion, on_conflict => 'skip');
SELECT warden.audit_undo(event => 1);
SELECT warden.audit_undo(1, event => 1);
SELECT warden.audit_undo();

-- a row to a moment, as one types it
SELECT clock_timestamp() AS moment \gset
UPDATE item SET name = 'x', price = NULL WHERE id = 1;
UPDATE item SET id = 3 WHERE id = 1;
UPDATE item SET name = 'y' WHERE id = 3;
SELECT key, action, status, command FROM warden.audit_undo('item', '{"id": 1}', :'moment', dry_run => true);
SELECT key, action, status FROM warden.audit_undo('item', '{"id": 3}', :'moment'::timestamptz, dry_run => true);
SELECT key, action, status FROM warden.audit_undo('item'::regclass, '{"id": 1}', now() - interval '1 hour', dry_run => true);
SELECT key, action, status FROM warden.audit_undo('item', '{"id": 3}', :'moment', 'skip', true);
SELECT key, action, status FROM warden.audit_undo('item', jsonb_build_object('id', 3), :'moment', 'abort');
SELECT * FROM item ORDER BY id;
SELECT context #- '{undoes_since,moment}' AS context FROM warden.audit_events WHERE id = (SELECT last_event());
SELECT status FROM warden.audit_undo(last_transaction());
SELECT * FROM item ORDER BY id;
DELETE FROM item WHERE id = 3;
SELECT key, action, status FROM warden.audit_undo(target => 'item', row_key => '{"id": 1}', moment => :'moment');
SELECT * FROM item ORDER BY id;
-- nothing has changed since; a row that the log does not know; what is no key
SELECT * FROM warden.audit_undo('item', '{"id": 1}', now() + interval '1 minute');
SELECT warden.audit_undo('item', '{"id": 99}', :'moment'::timestamptz);
SELECT warden.audit_undo('item', '{"name": 99}', :'moment'::timestamptz);
SELECT warden.audit_undo('item', '{"id": 1}', '2020-01-01'::timestamptz);
SELECT warden.audit_undo('item', '{"id": 1}', NULL::timestamptz);
-- a transaction that goes on over the moment is not there yet
BEGIN;
UPDATE item SET name = 'a' WHERE id = 2;
SELECT clock_timestamp() AS moment \gset
INSERT INTO item VALUES (5, 'later');
COMMIT;
SELECT key, action, status FROM warden.audit_undo('item', '{"id": 2}', :'moment');
SELECT name FROM item WHERE id = 2;
-- another row has the key now: what has the key changes
SELECT clock_timestamp() AS moment \gset
DELETE FROM item WHERE id = 2;
INSERT INTO item VALUES (2, 'other', 7);
SELECT key, action, status, command FROM warden.audit_undo('item', '{"id": 2}', :'moment');
SELECT * FROM item ORDER BY id;

-- without a key: the whole row is what it is known by, and one of equal rows is as good as another
CREATE TABLE loose (a integer, b json, c numeric, d point);
SELECT status FROM warden.audit_enable('loose');
INSERT INTO loose VALUES (1, '{"a":1}', 1.0, '(1,2)'), (1, '{"a":1}', 1.0, '(1,2)'), (1, '{"a": 1}', 1.0, '(1,2)'),
                         (1, '{"a":1}', 1.00, '(1,2)'), (NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL);
CREATE TABLE loose_before AS TABLE loose;
CREATE VIEW loose_difference AS
SELECT * FROM (SELECT n.*::text AS l FROM loose n EXCEPT ALL SELECT o.*::text FROM loose_before o) d
UNION ALL SELECT 'before ' || l FROM (SELECT o.*::text FROM loose_before o EXCEPT ALL SELECT n.*::text FROM loose n) d (l);
BEGIN;
UPDATE loose SET a = 2 WHERE ctid = '(0,1)';
UPDATE loose SET c = 3 WHERE a = 2;
UPDATE loose SET a = 5 WHERE b::text = '{"a": 1}';
DELETE FROM loose WHERE a IS NULL;
INSERT INTO loose VALUES (NULL, 'null', NULL, NULL), (7, 'null', NULL, NULL), (7, 'null', NULL, NULL), (8, 'null', NULL, NULL);
UPDATE loose SET d = '(0,0)' WHERE a = 7;
DELETE FROM loose WHERE a = 8;
COMMIT;
SELECT last_transaction() AS id \gset
SELECT action, status, count(*) FROM warden.audit_undo(:id, dry_run => true) GROUP BY 1, 2 ORDER BY 1;
SELECT action, status, count(*) FROM warden.audit_undo(:id) GROUP BY 1, 2 ORDER BY 1;
SELECT * FROM loose_difference;
SELECT action, status, count(*) FROM warden.audit_undo(last_transaction()) GROUP BY 1, 2 ORDER BY 1;
SELECT * FROM loose_difference ORDER BY 1;
SELECT action, status, count(*) FROM warden.audit_undo(last_transaction()) GROUP BY 1, 2 ORDER BY 1;
SELECT * FROM loose_difference;
-- one that has changed since is another
UPDATE loose SET a = 10 WHERE c = 1.0 AND b::text = '{"a":1}';
SELECT last_transaction() AS id \gset
UPDATE loose SET d = '(9,9)' WHERE ctid = (SELECT min(ctid) FROM loose WHERE a = 10);
SELECT action, status, detail FROM warden.audit_undo(:id, dry_run => true) ORDER BY status, detail;
SELECT action, status FROM warden.audit_undo(:id, on_conflict => 'skip') ORDER BY status;
-- rows that are told apart by what is not logged
DROP VIEW loose_difference;
DROP TABLE loose_before;
CREATE TABLE secret (a integer, password text);
SELECT status FROM warden.audit_enable('secret', except_columns => '{password}');
INSERT INTO secret VALUES (1, 'x');
SELECT last_transaction() AS first \gset
INSERT INTO secret VALUES (1, 'y');
SELECT last_transaction() AS second \gset
SELECT action, status, detail FROM warden.audit_undo(:second, dry_run => true);
SELECT action, status FROM warden.audit_undo(:second, on_conflict => 'skip');
DELETE FROM secret WHERE password = 'y';
SELECT last_transaction() AS deletion \gset
SELECT action, status, detail FROM warden.audit_undo(:deletion, dry_run => true);
SELECT action, status FROM warden.audit_undo(:first);
TABLE secret;
-- of partitions, and where children have the rows of their own
CREATE TABLE parted (a integer, b text) PARTITION BY LIST (a);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2);
SELECT status FROM warden.audit_enable('parted');
INSERT INTO parted VALUES (1, 'one'), (2, 'two');
BEGIN; UPDATE parted SET a = 2 WHERE a = 1; UPDATE parted SET b = 'zwei' WHERE b = 'two'; COMMIT;
SELECT action, status FROM warden.audit_undo(last_transaction());
SELECT tableoid::regclass, * FROM parted ORDER BY a;
CREATE TABLE heir () INHERITS (item);
INSERT INTO heir VALUES (1, 'of the heir', 0);
UPDATE ONLY item SET price = 5 WHERE id = 1;
SELECT action, status, command FROM warden.audit_undo(last_transaction());
SELECT tableoid::regclass, * FROM item WHERE id = 1 ORDER BY tableoid::regclass::text;

-- a TRUNCATE whose rows were not logged
CREATE TABLE emptied (a integer PRIMARY KEY);
SELECT status FROM warden.audit_enable('emptied', on_truncate => 'event');
INSERT INTO emptied VALUES (1);
TRUNCATE emptied;
SELECT key, action, status, detail FROM warden.audit_undo(last_transaction(), dry_run => true);
\set VERBOSITY sqlstate
SELECT warden.audit_undo(last_transaction());
\set VERBOSITY default
-- a trigger that does not let it happen
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
INSERT INTO emptied VALUES (2);
CREATE TRIGGER keep BEFORE DELETE ON emptied FOR EACH ROW EXECUTE FUNCTION keep();
\set VERBOSITY sqlstate
SELECT status, detail FROM warden.audit_undo(last_transaction());
\set VERBOSITY default
SELECT status, detail FROM warden.audit_undo(last_transaction(), 'skip');
TABLE emptied;

-- what is in a partition whose time is over is found by an index that maintenance makes
SELECT log::text FROM warden.audit_classes WHERE keep IS NULL \gset
CREATE VIEW first_day AS SELECT min(lower_bound::timestamptz) AS begin FROM warden.partitions WHERE parent = :'log'::regclass;
\set ECHO none
SELECT format('CREATE TABLE warden.closed PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', :'log', begin - interval '1 day', begin)
FROM first_day \gexec
\set ECHO all
UPDATE item SET name = 'moved' WHERE id = 5;
SELECT last_transaction() AS id \gset
WITH moved AS (DELETE FROM warden.audit_log WHERE transaction = :id RETURNING *)
INSERT INTO warden.audit_log
SELECT id, first_day.begin, transaction, session, key_number, relation, version, class, flags, operation, key, before, after
FROM moved, first_day;
CALL warden.maintain();
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'warden.closed'::regclass;
SELECT indexrelid AS index FROM pg_index WHERE indrelid = 'warden.closed'::regclass \gset
CALL warden.maintain();
SELECT indexrelid = :index AS same FROM pg_index WHERE indrelid = 'warden.closed'::regclass;
SELECT key, action, status FROM warden.audit_undo(:id);
SELECT name FROM item WHERE id = 5;
DROP VIEW first_day;

DROP TABLE item, heir, loose, secret, parted, emptied;
DROP FUNCTION last_event(), last_transaction(), keep();
-- The tests of other features count sets of partitions: the log's are not left there.
DROP EXTENSION pg_warden CASCADE;
CREATE EXTENSION pg_warden;
-- The built-in job would come every ten minutes, in the midst of whatever test that is: it goes on resting until the tests of jobs.
DO $$ BEGIN PERFORM set_config('client_min_messages', 'warning', true), warden.schedule_pause('maintain'); END $$;
