-- What a value's type keeps for its output goes with the row, not with the session.
SET client_min_messages = warning;
CREATE TYPE pair AS (a int, b text);
CREATE TABLE shapes (id int PRIMARY KEY, r int4range, m int4multirange, c pair, a text[]);
SELECT status FROM warden.audit_enable('shapes');
INSERT INTO shapes VALUES (0, '[1,2)', '{[1,2)}', '(1,x)', '[0:1]={a,b}');
SELECT sum(total_bytes) AS before FROM pg_backend_memory_contexts \gset
INSERT INTO shapes SELECT i, '[1,2)', '{[1,2)}', '(1,x)', '[0:1]={a,b}' FROM generate_series(1, 5000) i;
UPDATE shapes SET r = '[2,3)', a = '[0:1]={b,c}';
DELETE FROM shapes;
SELECT sum(total_bytes) < :before + 500000 AS is_bounded FROM pg_backend_memory_contexts;
SELECT operation, count(*) FROM warden.audit_events WHERE relation = 'shapes'::regclass GROUP BY 1 ORDER BY 1;
SELECT warden.audit_disable('shapes');
DROP TABLE shapes;
DROP TYPE pair;
