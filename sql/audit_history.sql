-- What became of one row: by its key, under the names of today and of the time, across changes of the key.
SET client_min_messages = warning;
CREATE TABLE accounts (id int PRIMARY KEY, name text, amount numeric(10, 2));
SELECT count(*) FROM warden.audit_enable('accounts');
INSERT INTO accounts VALUES (1, 'a', 1.5), (2, 'b', 2);
UPDATE accounts SET name = 'aa' WHERE id = 1;
UPDATE accounts SET id = 11 WHERE id = 1;
UPDATE accounts SET amount = 7 WHERE id = 11;
ALTER TABLE accounts RENAME name TO label;
ALTER TABLE accounts RENAME id TO number;
UPDATE accounts SET label = 'x' WHERE number = 11;
DELETE FROM accounts WHERE number = 11;
INSERT INTO accounts VALUES (1, 'again', 1);
-- All at once, so that two rows have a key for a moment.
ALTER TABLE accounts DROP CONSTRAINT accounts_pkey, ADD PRIMARY KEY (number) DEFERRABLE;
UPDATE accounts SET number = number + 1;
UPDATE accounts SET label = 'third' WHERE number = 3;

CREATE FUNCTION history(target regclass, key jsonb) RETURNS TABLE (operation text, key jsonb, old jsonb, new jsonb)
    LANGUAGE sql AS 'SELECT operation, key, old, new FROM warden.audit_history($1, $2)';
SELECT * FROM history('accounts', '{"number": 11}');
-- The key has been that of two rows.
SELECT * FROM history('accounts', '{"id": 1}');
SELECT * FROM history('accounts', '{"number": "3"}');
SELECT count(*) FROM history('accounts', '{"number": 99}');
-- The columns of the view, with the same values.
SELECT count(*) AS events, count(*) FILTER (WHERE e IS NOT DISTINCT FROM h) AS same
FROM warden.audit_history('accounts', '{"number": 3}') h JOIN warden.audit_events e USING (id)
WHERE e.key ? 'number';
SELECT history('accounts', '1');
SELECT history('accounts', '{"amount": 1}');
SELECT history('accounts', '{"id": "q"}');
SELECT history('accounts', '{"id": null}');
SELECT history('pg_class', '{"oid": 1}');

-- Keys that are no whole number, or several columns; in whichever way they are written.
CREATE TABLE prices (at timestamptz, "of" numeric(10, 2), tag text, price int, PRIMARY KEY (at, "of", tag));
SELECT count(*) FROM warden.audit_enable('prices');
INSERT INTO prices VALUES ('2026-01-01 00:00+00', 1, 'ä', 1);
UPDATE prices SET price = 2;
UPDATE prices SET tag = 'b';
SET timezone = 'Asia/Tokyo';
SELECT operation, old, new FROM history('prices', '{"tag": "b", "of": "1", "at": "2026-01-01 09:00+09"}');
SELECT operation, old, new FROM history('prices', '{"tag": "ä", "of": 1.0, "at": "2026-01-01T00:00:00+00"}');
RESET timezone;

-- A key of another type than it was.
ALTER TABLE accounts ALTER number TYPE text;
UPDATE accounts SET label = 'fourth' WHERE number = '3';
SELECT key, new FROM history('accounts', '{"number": "3"}');

-- Partitions, and rows that move.
CREATE TABLE parts (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
SELECT count(*) FROM warden.audit_enable('parts');
INSERT INTO parts VALUES (1, 'one');
UPDATE parts SET v = 'two';
SELECT * FROM history('parts_1', '{"id": 1}');

-- Without a key.
CREATE TABLE heap (v text);
SELECT count(*) FROM warden.audit_enable('heap');
SELECT history('heap', '{"v": 1}');

-- Rights: those of the columns, and none where a policy hides rows.
CREATE ROLE regress_reader;
SET ROLE regress_reader;
SELECT count(*) FROM warden.audit_history('accounts', '{"number": 3}');
RESET ROLE;
GRANT SELECT (number, amount) ON accounts TO regress_reader;
GRANT SELECT (v) ON parts TO regress_reader;
SET ROLE regress_reader;
SELECT operation, key, old, new FROM warden.audit_history('accounts', '{"number": "3"}');
SELECT count(*) FROM warden.audit_history('parts', '{"id": 1}');
RESET ROLE;
-- Who may read each column that is left, does not see those that have gone.
CREATE TABLE leavers (id integer PRIMARY KEY, a text, secret text, later text);
SELECT count(*) FROM warden.audit_enable('leavers', keep_dropped => true);
INSERT INTO leavers VALUES (1, 'a', 'secret', 'later');
UPDATE leavers SET later = 'changed';
GRANT SELECT (id, a) ON leavers TO regress_reader;
ALTER TABLE leavers DROP COLUMN secret;
SELECT count(*) FROM warden.audit_enable('leavers', except_columns => '{later}', keep_dropped => true);
SET ROLE regress_reader;
SELECT operation, key, old, new FROM warden.audit_history('leavers', '{"id": 1}');
SELECT operation, key, old, new FROM warden.audit_events WHERE relation_name = 'public.leavers';
RESET ROLE;
-- nor is he told what an undo would put there
GRANT EXECUTE ON FUNCTION warden.audit_undo(bigint, text, boolean, bigint) TO regress_reader;
SELECT max(id) AS event FROM warden.audit_events WHERE relation_name = 'public.leavers' AND operation = 'UPDATE' \gset
SET ROLE regress_reader;
SELECT command FROM warden.audit_undo(event => :event, dry_run => true);
RESET ROLE;
REVOKE EXECUTE ON FUNCTION warden.audit_undo(bigint, text, boolean, bigint) FROM regress_reader;
GRANT SELECT ON leavers TO regress_reader;
SET ROLE regress_reader;
SELECT operation, key, old, new FROM warden.audit_history('leavers', '{"id": 1}');
RESET ROLE;
DROP TABLE leavers;
RESET ROLE;
GRANT SELECT ON accounts TO regress_reader;
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
SET ROLE regress_reader;
SELECT count(*) FROM warden.audit_history('accounts', '{"number": "3"}');
RESET ROLE;

SELECT count(*) FROM warden.audit_disable('accounts');
SELECT count(*) FROM warden.audit_disable('prices');
SELECT count(*) FROM warden.audit_disable('parts');
SELECT count(*) FROM warden.audit_disable('heap');
DROP TABLE accounts, prices, parts, heap;
DROP FUNCTION history;
DROP ROLE regress_reader;
