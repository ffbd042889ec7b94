-- What a transaction has changed is taken back.
SET client_min_messages = warning;
CREATE TABLE author (id integer PRIMARY KEY, name text NOT NULL, born date);
CREATE TABLE book (id bigint PRIMARY KEY, author integer NOT NULL REFERENCES author ON DELETE CASCADE, title text,
                   price numeric, tags text[], extra jsonb, words integer GENERATED ALWAYS AS (length(title)) STORED);
SELECT status FROM warden.audit_enable('author');
SELECT status FROM warden.audit_enable('book');
INSERT INTO author VALUES (1, 'Ada', '1815-12-10'), (2, 'Bob', NULL);
INSERT INTO book VALUES (10, 1, 'Notes', 9.90, '{a,"b c",NULL}', 'null'), (11, 1, 'O''Reilly', 'NaN', NULL, NULL),
                        (12, 2, '', 0, '{}', '{"$json": 1}');
CREATE TABLE author_before AS TABLE author;
CREATE TABLE book_before AS TABLE book;
-- what differs from before; json and the like are compared as text
CREATE VIEW difference AS
SELECT 'author' AS "table", a::text FROM (SELECT a.*::text FROM author a EXCEPT SELECT b.*::text FROM author_before b) a (a)
UNION ALL SELECT 'author before', a::text FROM (SELECT b.*::text FROM author_before b EXCEPT SELECT a.*::text FROM author a) a (a)
UNION ALL SELECT 'book', a::text FROM (SELECT a.*::text FROM book a EXCEPT SELECT b.*::text FROM book_before b) a (a)
UNION ALL SELECT 'book before', a::text FROM (SELECT b.*::text FROM book_before b EXCEPT SELECT a.*::text FROM book a) a (a);
CREATE FUNCTION last_transaction() RETURNS bigint LANGUAGE sql
    RETURN (SELECT transaction_id FROM warden.audit_events ORDER BY id DESC LIMIT 1);

-- everything at once: a cascade, a change of a key, what came and went
BEGIN;
DELETE FROM author WHERE id = 1;
INSERT INTO author VALUES (3, 'Cyd', '2000-02-29');
UPDATE author SET id = 4, name = 'Bobby' WHERE id = 3;
UPDATE book SET title = 'x', tags = '{z}', extra = '{}' WHERE id = 12;
UPDATE book SET title = 'y' WHERE id = 12;
INSERT INTO book VALUES (13, 4, 'gone');
DELETE FROM book WHERE id = 13;
COMMIT;
SELECT last_transaction() AS id \gset
SELECT relation, key, action, status, command FROM warden.audit_undo(:id, dry_run => true) ORDER BY relation::text, key;
SELECT count(*) FROM difference;
SELECT relation, key, action, status FROM warden.audit_undo(:id) ORDER BY relation::text, key;
SELECT * FROM difference;
SELECT DISTINCT context - 'undoes' AS context, (context->>'undoes')::bigint = :id AS undoes
FROM warden.audit_events WHERE transaction_id = last_transaction();

-- the undo is undone, and that too
SELECT last_transaction() AS id \gset
SELECT count(*) FROM warden.audit_undo(:id);
SELECT * FROM difference ORDER BY 1, 2;
SELECT last_transaction() AS id \gset
SELECT count(*) FROM warden.audit_undo(:id);
SELECT * FROM difference;

-- a conflict: abort, skip, force
BEGIN; UPDATE author SET name = 'Ada L.', born = NULL WHERE id = 1; UPDATE author SET name = 'Rob' WHERE id = 2; COMMIT;
SELECT last_transaction() AS id \gset
UPDATE author SET name = 'Ada Lovelace' WHERE id = 1;
SELECT key, action, status, detail FROM warden.audit_undo(:id, dry_run => true) ORDER BY key;
\set VERBOSITY sqlstate
SELECT count(*) FROM warden.audit_undo(:id);
\set VERBOSITY default
SELECT key, status FROM warden.audit_undo(:id, on_conflict => 'skip') ORDER BY key;
SELECT * FROM author ORDER BY id;
SELECT key, status FROM warden.audit_undo(:id, on_conflict => 'force') ORDER BY key;
SELECT * FROM difference;

-- a row that is gone, a key that another has now, a column that was renamed, one that was dropped
BEGIN; UPDATE author SET name = 'Rob' WHERE id = 2; DELETE FROM book WHERE id = 10; COMMIT;
SELECT last_transaction() AS id \gset
INSERT INTO book VALUES (10, 1, 'Another');
DELETE FROM author WHERE id = 2;
ALTER TABLE book RENAME title TO "Title";
ALTER TABLE book DROP COLUMN extra;
SELECT relation, key, action, status, command, detail FROM warden.audit_undo(:id, on_conflict => 'force', dry_run => true) ORDER BY relation::text, key::text;
SELECT relation, key, action, status FROM warden.audit_undo(:id, on_conflict => 'force') ORDER BY relation::text, key::text;
SELECT * FROM book ORDER BY id;

-- a constraint that does not allow it: nothing is done
BEGIN; DELETE FROM book WHERE id = 10; COMMIT;
SELECT last_transaction() AS id \gset
DELETE FROM author WHERE id = 1;
SELECT count(*) FROM warden.audit_undo(:id);
SELECT count(*) FROM book WHERE id = 10;

-- errors and rights
SELECT warden.audit_undo(NULL);
SELECT warden.audit_undo(1);
SELECT warden.audit_undo(:id, 'ignore');
CREATE ROLE warden_reader;
SET ROLE warden_reader;
SELECT warden.audit_undo(:id);
RESET ROLE;
GRANT EXECUTE ON FUNCTION warden.audit_undo(bigint, text, boolean, bigint) TO warden_reader;
GRANT USAGE ON SCHEMA warden TO warden_reader;
SET ROLE warden_reader;
SELECT warden.audit_undo(:id);
RESET ROLE;
GRANT SELECT ON book TO warden_reader;
SET ROLE warden_reader;
SELECT status FROM warden.audit_undo(:id, dry_run => true);
SELECT warden.audit_undo(:id);
RESET ROLE;

DROP FUNCTION last_transaction();
DROP TABLE book, author, book_before, author_before CASCADE;
REVOKE EXECUTE ON FUNCTION warden.audit_undo(bigint, text, boolean, bigint) FROM warden_reader;
REVOKE USAGE ON SCHEMA warden FROM warden_reader;
DROP ROLE warden_reader;
