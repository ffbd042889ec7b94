-- What a savepoint takes back is named by no event.
CREATE TABLE halves (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
CREATE TABLE half_1 PARTITION OF halves FOR VALUES FROM (0) TO (10);
CREATE TABLE half_2 PARTITION OF halves FOR VALUES FROM (10) TO (20);
SELECT status FROM warden.audit_enable('halves');

-- Nobody has followed the change: the first event writes the version of the columns, and that of another partition finds it.
ALTER EVENT TRIGGER pg_warden_audit_change DISABLE;
ALTER TABLE halves ADD COLUMN m int;
ALTER EVENT TRIGGER pg_warden_audit_change ENABLE ALWAYS;
BEGIN;
SAVEPOINT a;
INSERT INTO halves VALUES (1, 1, 1);
INSERT INTO halves VALUES (11, 1, 1);
ROLLBACK TO a;
INSERT INTO halves VALUES (12, 2, 2);
INSERT INTO halves VALUES (2, 2, 2);
COMMIT;
SELECT count(*) AS events, count(v.id) AS versions, count(DISTINCT v.id) AS different
FROM warden.audit_log l JOIN warden.audit_relations r ON r.id = l.relation AND r.relation = 'halves'::regclass
LEFT JOIN warden.audit_versions v ON v.id = l.version;
SELECT operation, key, new FROM warden.audit_history('halves', '{"id": 12}');

-- A version of the transaction itself is looked for again after a savepoint that did not write it.
BEGIN;
INSERT INTO halves VALUES (3, 3, 3);
SAVEPOINT a;
INSERT INTO halves VALUES (13, 3, 3);
ROLLBACK TO a;
INSERT INTO halves VALUES (14, 4, 4);
COMMIT;
SELECT operation, key, new FROM warden.audit_history('halves', '{"id": 14}');

SELECT warden.audit_disable('halves');
DROP TABLE halves;
