-- What is logged of a table, and what is left out, is the same columns by whatever name they are called later.
SET client_min_messages = warning;
CREATE TABLE accounts (id int PRIMARY KEY, n int, password text);
CREATE TABLE readings (id int PRIMARY KEY, n int, m int) PARTITION BY LIST (id);
CREATE TABLE reading_1 (m int, n int, id int NOT NULL);
ALTER TABLE readings ATTACH PARTITION reading_1 FOR VALUES IN (1);
SELECT status FROM warden.audit_enable('accounts', except_columns => '{password}');
SELECT status FROM warden.audit_enable('readings', columns => '{n}');
SELECT columns, except_columns FROM warden.audit_tables WHERE relation IN ('accounts'::regclass, 'readings'::regclass) ORDER BY relation_name;
INSERT INTO accounts VALUES (1, 1, 'secret');
INSERT INTO readings VALUES (1, 1, 1);

ALTER TABLE accounts RENAME password TO passphrase;
ALTER TABLE readings RENAME n TO value;
INSERT INTO accounts VALUES (2, 2, 'secret');
UPDATE accounts SET passphrase = 'secret, too';
UPDATE readings SET value = 2, m = 2;

-- Names that are exchanged; back and forth in one transaction; a rename that is rolled back; with a change in between.
BEGIN;
ALTER TABLE accounts RENAME n TO x;
ALTER TABLE accounts RENAME passphrase TO n;
ALTER TABLE accounts RENAME x TO passphrase;
INSERT INTO accounts VALUES (3, 3, 'secret');
SAVEPOINT a;
ALTER TABLE accounts RENAME n TO y;
INSERT INTO accounts VALUES (4, 4, 'secret');
ROLLBACK TO a;
INSERT INTO accounts VALUES (5, 5, 'secret');
COMMIT;
INSERT INTO accounts VALUES (6, 6, 'secret');

-- A column that is dropped is not what another one is, that comes with the same command.
ALTER TABLE accounts DROP n, ADD "Note" text;
INSERT INTO accounts VALUES (7, 7, 'open');

-- A typed table is changed with its type.
CREATE TYPE entry AS (id int, password text);
CREATE TABLE entries OF entry (PRIMARY KEY (id));
SELECT status FROM warden.audit_enable('entries', except_columns => '{password}');
INSERT INTO entries VALUES (1, 'secret');
ALTER TYPE entry RENAME ATTRIBUTE password TO passphrase CASCADE;
INSERT INTO entries VALUES (2, 'secret');
ALTER TYPE entry ADD ATTRIBUTE n int CASCADE;
SELECT command, jsonb_path_query_array(before, '$[*].name') AS before, jsonb_path_query_array(after, '$[*].name') AS after
FROM warden.audit_ddl WHERE relation = 'entries'::regclass ORDER BY id;
SELECT operation, key, old, new FROM warden.audit_events WHERE relation = 'entries'::regclass ORDER BY id;
SELECT warden.audit_disable('entries');
DROP TYPE entry CASCADE;

SELECT relation, operation, key, old, new FROM warden.audit_events
WHERE relation IN ('accounts'::regclass, 'readings'::regclass) ORDER BY id;
SELECT columns, except_columns FROM warden.audit_tables WHERE relation IN ('accounts'::regclass, 'readings'::regclass) ORDER BY relation_name;

SELECT warden.audit_disable('accounts'), warden.audit_disable('readings');
DROP TABLE accounts, readings;
