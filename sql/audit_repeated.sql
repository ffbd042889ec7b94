-- What capture does once for many events, it does again when it has been undone: the locks on the log; and it logs nothing
-- for rows that stay as they are.
SET client_min_messages = warning;
CREATE TABLE orders (id integer PRIMARY KEY, quantity integer, note text);
SELECT status FROM warden.audit_enable('orders');
INSERT INTO orders SELECT i, 0, NULL FROM generate_series(1, 3) i;

CREATE VIEW log_locks AS
SELECT DISTINCT c.relkind, l.mode
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND c.relname ~ '^audit_log_[0-9]+_' AND l.granted
ORDER BY 1;

-- Taken in a subtransaction that is rolled back, they are taken again.
BEGIN;
SAVEPOINT a;
UPDATE orders SET quantity = 1 WHERE id = 1;
SELECT * FROM log_locks;
ROLLBACK TO a;
SELECT * FROM log_locks;
UPDATE orders SET quantity = 2 WHERE id = 1;
SELECT * FROM log_locks;
ROLLBACK TO a;
RELEASE a;
UPDATE orders SET quantity = 3 WHERE id = 1;
SELECT * FROM log_locks;
SAVEPOINT b;
UPDATE orders SET quantity = 4 WHERE id = 2;
RELEASE b;
UPDATE orders SET quantity = 5 WHERE id = 3;
SELECT * FROM log_locks;
COMMIT;
SELECT * FROM log_locks;

-- So they are in the next transaction of one statement.
CREATE FUNCTION log_is_locked() RETURNS boolean LANGUAGE sql AS 'SELECT count(*) = 2 FROM log_locks';
DO $$
BEGIN
	FOR i IN 1..3 LOOP
		UPDATE orders SET quantity = 10 * i WHERE id = 1;
		RAISE WARNING 'locked: %', log_is_locked();
		COMMIT;
		RAISE WARNING 'after COMMIT: %', log_is_locked();
	END LOOP;
END $$;

-- Nothing changes: in a row as it was written, in one that has had a column less, in one with a null.
UPDATE orders SET quantity = quantity, note = note;
ALTER TABLE orders ADD weight integer DEFAULT 7;
UPDATE orders SET quantity = quantity;
UPDATE orders SET weight = weight;
-- These do: from null, to null, and a value of the same length.
UPDATE orders SET note = 'a' WHERE id = 1;
UPDATE orders SET note = 'b' WHERE id = 1;
UPDATE orders SET note = NULL WHERE id = 1;
UPDATE orders SET weight = 8 WHERE id = 2;

SELECT operation, key, old, new FROM warden.audit_events WHERE relation = 'orders'::regclass ORDER BY id;

SELECT warden.audit_disable('orders');
DROP FUNCTION log_is_locked;
DROP VIEW log_locks;
DROP TABLE orders;
