-- Rows that a new table has from the beginning, where changes need a context: refused as those of an INSERT.
SET client_min_messages = warning;
CREATE SCHEMA third;
SELECT FROM warden.audit_enable_schema('third', require_context => true);
CREATE TABLE third.made AS SELECT 1 AS id;
SELECT 1 AS id INTO third.made;
SELECT to_regclass('third.made');
-- none, and those of a transaction that has one
CREATE TABLE third.empty AS SELECT 1 AS id WITH NO DATA;
BEGIN;
SELECT warden.audit_set_context('{"user": "alice"}');
CREATE TABLE third.made AS SELECT 1 AS id;
COMMIT;
-- whatever a subtransaction does
BEGIN;
SAVEPOINT a;
CREATE TABLE third.other AS SELECT 1 AS id;
ROLLBACK TO a;
SELECT warden.audit_set_context('{"user": "bob"}');
SELECT 2 AS id INTO third.other;
COMMIT;
SELECT relation, operation, new, context FROM warden.audit_events WHERE relation_name LIKE 'third.%' ORDER BY id;
SELECT relation, enabled, gaps FROM warden.audit_tables WHERE relation_name LIKE 'third.%' ORDER BY relation_name;
SELECT warden.audit_disable_schema('third');
DROP SCHEMA third CASCADE;
