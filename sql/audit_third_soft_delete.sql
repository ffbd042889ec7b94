-- Rows that are marked instead of deleted, after columns have exchanged their names.
SET client_min_messages = warning;
CREATE TABLE room (id integer PRIMARY KEY, number integer NOT NULL, built timestamptz, dropped text);
ALTER TABLE room DROP COLUMN dropped;
SELECT action, status FROM warden.audit_soft_delete('room', keep => '30 days');
INSERT INTO room VALUES (1, 2, '2020-01-01'), (2, 1, '2020-01-01'), (3, 3, '2020-01-01'), (4, 4, '2020-01-01');

-- the key: the view has the old names, and a row that is deleted there is that row
ALTER TABLE room RENAME id TO x; ALTER TABLE room RENAME number TO id; ALTER TABLE room RENAME x TO number;
DELETE FROM room_live WHERE id = 1 RETURNING id, number;
SELECT number AS "key", deleted_at IS NULL AS lives FROM room ORDER BY 1;

-- the mark: rows are marked in the same column as before
ALTER TABLE room RENAME deleted_at TO x; ALTER TABLE room RENAME built TO deleted_at; ALTER TABLE room RENAME x TO built;
DELETE FROM room_live WHERE id = 2 RETURNING id;
SELECT number AS "key", built IS NULL AS lives, deleted_at FROM room ORDER BY 1;
-- and nothing is deleted by the other one
CALL warden.maintain();
SELECT count(*) FROM room;
SELECT warden.audit_soft_delete('room', keep => '30 days');
SELECT action, status FROM warden.audit_soft_delete('room', column_name => 'built', keep => '30 days');
UPDATE room SET built = now() - interval '31 days' WHERE number = 2;
CALL warden.maintain();
SELECT number AS "key", built IS NULL AS lives, deleted_at FROM room ORDER BY 1;

-- columns of the view have other names
ALTER VIEW room_live RENAME deleted_at TO hidden_at;
DELETE FROM room_live WHERE id = 3;
CALL warden.maintain();
ALTER VIEW room_live RENAME hidden_at TO deleted_at;
ALTER VIEW room_live RENAME id TO "the key";
DELETE FROM room_live WHERE "the key" = 3;
SELECT number AS "key", built IS NULL AS lives FROM room ORDER BY 1;

-- without the view nobody knows what the marks are in
DROP VIEW room_live;
UPDATE room SET built = now() - interval '31 days' WHERE number = 1;
CALL warden.maintain();
SELECT action, status FROM warden.audit_soft_delete('room', column_name => 'built', keep => '30 days');
CALL warden.maintain();
SELECT number AS "key", built IS NULL AS lives FROM room ORDER BY 1;
-- the table has another name
ALTER TABLE room RENAME TO chamber;
UPDATE chamber SET built = now() - interval '31 days' WHERE number = 3;
CALL warden.maintain();
SELECT number AS "key", built IS NULL AS lives FROM chamber ORDER BY 1;

DROP TABLE chamber CASCADE;
DELETE FROM warden.audit_soft_deletes;
