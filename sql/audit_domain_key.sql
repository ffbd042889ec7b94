-- A row whose key is a domain of whole numbers is known by it.
SET client_min_messages = warning;
CREATE DOMAIN counting AS integer CHECK (VALUE > 0);
CREATE DOMAIN counting_more AS counting;
CREATE TABLE accounts (id counting_more PRIMARY KEY, n int);
SELECT status FROM warden.audit_enable('accounts');
INSERT INTO accounts VALUES (1, 1), (2, 2);
UPDATE accounts SET n = 3 WHERE id = 1;
UPDATE accounts SET id = 4 WHERE id = 1;
DELETE FROM accounts WHERE id = 2;
SELECT operation, key, old, new FROM warden.audit_events WHERE relation = 'accounts'::regclass ORDER BY id;
SELECT operation, key, old, new FROM warden.audit_history('accounts', '{"id": 4}') ORDER BY id;
SELECT "column", value FROM warden.audit_blame('accounts', '{"id": 4}') ORDER BY 1;

-- Also when it becomes one, or is one no more.
ALTER TABLE accounts ALTER id TYPE integer;
UPDATE accounts SET n = 4 WHERE id = 4;
ALTER TABLE accounts ALTER id TYPE counting;
UPDATE accounts SET n = 5 WHERE id = 4;
SELECT operation, key, old, new FROM warden.audit_history('accounts', '{"id": 4}') ORDER BY id;

-- It is put back, and read as it was.
SELECT warden.audit_mark() AS mark \gset
DELETE FROM accounts;
SELECT * FROM warden.audit_as_of(NULL::accounts, mark => :mark);
SELECT transaction_id FROM warden.audit_events WHERE relation = 'accounts'::regclass ORDER BY id DESC LIMIT 1 \gset
SELECT key, action, status FROM warden.audit_undo(:transaction_id);
SELECT * FROM accounts;

SELECT warden.audit_disable('accounts');
DROP TABLE accounts;
DROP DOMAIN counting_more, counting;
