-- Marks: exactly what a snapshot saw. And who set what.
SET client_min_messages = warning;
CREATE TABLE accounts (id int PRIMARY KEY, name text, amount int);
SELECT count(*) FROM warden.audit_enable('accounts');
INSERT INTO accounts VALUES (1, 'a', 1), (2, 'b', 2);
SELECT warden.audit_mark('two rows') AS two_rows \gset
BEGIN;
UPDATE accounts SET amount = 10 WHERE id = 1;
SELECT warden.audit_mark() AS within \gset
UPDATE accounts SET amount = 100 WHERE id = 1;
DELETE FROM accounts WHERE id = 2;
COMMIT;
SELECT warden.audit_mark() AS after \gset
TRUNCATE accounts;
SELECT * FROM warden.audit_as_of(NULL::accounts, mark => :two_rows) ORDER BY id;
SELECT * FROM warden.audit_as_of(NULL::accounts, mark => :within) ORDER BY id;
SELECT * FROM warden.audit_as_of(NULL::accounts, mark => :after) ORDER BY id;
SELECT id = :two_rows AS is_first, label, at <= clock_timestamp() AS is_past FROM warden.audit_marks WHERE label IS NOT NULL;
-- A moment as a constant is a moment.
SELECT * FROM warden.audit_as_of(NULL::accounts, 'infinity');
SELECT * FROM warden.audit_as_of(NULL::accounts, mark => -1);
SELECT * FROM warden.audit_as_of(NULL::accounts);
BEGIN READ ONLY;
SELECT warden.audit_mark();
ROLLBACK;

-- Blame.
CREATE ROLE regress_alice;
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts TO regress_alice;
INSERT INTO accounts VALUES (1, 'a', 1);
SET ROLE regress_alice;
SET application_name = 'bank';
BEGIN;
SELECT warden.audit_set_context('{"user": "alice"}');
UPDATE accounts SET id = 7, amount = 2;
COMMIT;
RESET application_name;
RESET ROLE;
ALTER TABLE accounts RENAME name TO label;
SELECT "column", value, since <= clock_timestamp() AS since, transaction_id > 0 AS has_id, active_role = 'regress_alice' AS is_alice, application_name = 'bank' AS bank, context
FROM warden.audit_blame('accounts', '{"id": 7}');
SET ROLE regress_alice;
SELECT "column", value FROM warden.audit_blame('accounts', '{"id": 7}');
DELETE FROM accounts;
RESET ROLE;
SELECT * FROM warden.audit_blame('accounts', '{"id": 7}');
SELECT count(warden.audit_disable('accounts'));
DROP TABLE accounts;
DROP ROLE regress_alice;
