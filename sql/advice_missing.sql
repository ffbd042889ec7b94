-- advice_missing(): what is advised for small real workloads, and what it refuses.
CREATE SCHEMA shop;
SET search_path = shop;
CREATE TABLE customer (id integer PRIMARY KEY, region integer NOT NULL, name text NOT NULL);
INSERT INTO customer SELECT i, i % 40, 'customer ' || i FROM generate_series(1, 20000) i;
CREATE TABLE orders (id integer PRIMARY KEY, customer integer NOT NULL, placed date NOT NULL, state text NOT NULL, total numeric NOT NULL);
INSERT INTO orders SELECT i, i * 7 % 20000 + 1, date '2024-01-01' + i % 700, CASE i % 200 WHEN 0 THEN 'open' ELSE 'done' END, i % 1000
FROM generate_series(1, 300000) i;
CREATE TABLE tiny (id integer, customer integer);
INSERT INTO tiny SELECT i, i FROM generate_series(1, 5000) i;
VACUUM ANALYZE customer, orders, tiny;

-- What is printed of a row: never costs, sizes or times.
CREATE FUNCTION advised(VARIADIC queries text[]) RETURNS TABLE (rank integer, relation regclass, definition text, is_better boolean, serves bigint)
    LANGUAGE sql AS $$
    SELECT rank, relation, regexp_replace(command, '^.* USING ', ''), cost_after < cost_before AND bytes > 0 AND contribution > 0
           AND saved_ms IS NULL AND write_ms >= 0, jsonb_array_length(queries)::bigint
    FROM warden.advice_missing(queries => advised.queries) ORDER BY rank NULLS LAST $$;

-- An equality, a join, an equality with a range, an order with a limit.
SELECT * FROM advised('SELECT * FROM orders WHERE customer = 17');
SELECT * FROM advised('SELECT o.* FROM customer c JOIN orders o ON o.customer = c.id WHERE c.id = 5');
SELECT rank, split_part(definition, ' INCLUDE', 1), is_better FROM advised('SELECT id FROM orders WHERE customer = 17 AND placed > date ''2025-01-01''');
SELECT relation, is_better, serves FROM advised('SELECT * FROM orders ORDER BY placed DESC, id LIMIT 10');
-- One index for several queries, and the row says for how many.
SELECT relation, is_better, serves FROM advised('SELECT * FROM orders WHERE customer = 17', 'SELECT count(*) FROM orders WHERE customer = 18', 'SELECT max(total) FROM orders WHERE customer = 19');
-- What an update looks for.
SELECT rank, definition FROM advised('UPDATE orders SET total = 0 WHERE customer = 17');

-- Silence: a small table, a condition that no index serves, one that is there already, a query that reads everything.
SELECT * FROM advised('SELECT * FROM tiny WHERE customer = 3');
SELECT * FROM advised('SELECT * FROM orders WHERE customer <> 17');
SELECT * FROM advised('SELECT * FROM orders WHERE id = 17');
SELECT * FROM advised('SELECT sum(total) FROM orders');
SELECT * FROM advised('SELECT 1');
SELECT count(*) FROM warden.advice_missing(queries => '{}');

-- A wider index says which one it stands in for.
CREATE INDEX orders_customer ON orders (customer);
SELECT relation, reason ~ 'then index shop.orders_customer is of no more use' AS replaces
FROM warden.advice_missing(queries => ARRAY['SELECT customer, placed, sum(total) FROM orders WHERE customer BETWEEN 1 AND 2000 GROUP BY 1, 2 ORDER BY 1, 2']) WHERE rank = 1;
DROP INDEX orders_customer;

-- Queries that cannot be planned are told, and stop nothing.
SELECT rank, relation, command IS NULL AS nothing, queries, reason
FROM warden.advice_missing(queries => ARRAY['SELECT * FROM nowhere', 'SELECT * FROM orders WHERE customer = 17', 'SELEKT', 'VACUUM', 'SELECT 1; SELECT 2'])
WHERE rank IS NULL ORDER BY queries;
SELECT count(*) FROM warden.advice_missing(queries => ARRAY['SELECT * FROM nowhere', 'SELECT * FROM orders WHERE customer = 17']) WHERE rank = 1;

-- The budget is kept: with little room there is something smaller or nothing, with more never less gain.
CREATE TEMP TABLE curve AS
SELECT budget, coalesce(sum(bytes), 0) AS bytes, coalesce(sum(cost_before - cost_after), 0) AS gain
FROM unnest('{10000,3000000,8000000,30000000,1000000000}'::bigint[]) budget
LEFT JOIN LATERAL warden.advice_missing(budget, ARRAY['SELECT * FROM orders WHERE customer = 17', 'SELECT customer, sum(total) FROM orders WHERE placed = date ''2024-05-05'' GROUP BY 1',
    'SELECT c.name, o.total FROM customer c JOIN orders o ON o.customer = c.id WHERE c.region = 7 AND o.state = ''open''']) ON true
GROUP BY budget;
SELECT bool_and(bytes <= budget) AS kept, min(gain) FILTER (WHERE budget = 10000) AS none, bool_and(gain > 0) FILTER (WHERE budget >= 8000000) AS some,
       (SELECT bool_and(a.gain <= b.gain * 1.01) FROM curve a JOIN curve b ON a.budget < b.budget) AS grows FROM curve;

-- The commands can be run, whatever names there are, and then nothing more is advised.
CREATE TABLE "Odd ""table""" ("Odd column" integer, "select" integer, "Ünïcode" text);
INSERT INTO "Odd ""table""" SELECT i, i % 5000, repeat('x', 20) FROM generate_series(1, 200000) i;
ANALYZE "Odd ""table""";
SELECT string_agg(command, E'\n') AS command FROM warden.advice_missing(queries => ARRAY['SELECT "Ünïcode" FROM "Odd ""table""" WHERE "select" = 4', 'SELECT 1 FROM "Odd ""table""" WHERE "Odd column" = 4']) \gset
\o /dev/null
:command
\o
SELECT count(*) FROM pg_index WHERE indrelid = '"Odd ""table"""'::regclass AND indisvalid;
VACUUM ANALYZE "Odd ""table""";
SELECT count(*) FROM warden.advice_missing(queries => ARRAY['SELECT 1 FROM "Odd ""table""" WHERE "Odd column" = 4']);

-- Writers pay for an index if something was written.
SELECT FROM pg_stat_force_next_flush();
SELECT write_ms > 0 AS costs FROM warden.advice_missing(queries => ARRAY['SELECT * FROM orders WHERE customer = 17']);

-- Partitions: one row, of the partitioned table.
CREATE TABLE measured (at date NOT NULL, sensor integer, value integer) PARTITION BY RANGE (at);
CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE measured_2 (value integer, sensor integer, at date NOT NULL);
ALTER TABLE measured ATTACH PARTITION measured_2 FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
INSERT INTO measured SELECT date '2024-01-01' + i % 366, i % 3000, i FROM generate_series(1, 300000) i;
ANALYZE measured;
SELECT rank, relation, is_better FROM advised('SELECT * FROM measured WHERE sensor = 5');

-- The same question has the same answer.
SELECT count(DISTINCT answer) FROM (SELECT i, (SELECT string_agg(m::text, '|' ORDER BY rank)
    FROM warden.advice_missing(queries => ARRAY['SELECT * FROM orders WHERE customer = 17', 'SELECT * FROM orders WHERE state = ''open'' AND placed > date ''2025-10-01''']) m WHERE i > 0) AS answer
FROM generate_series(1, 3) i) s;

-- Errors.
SELECT * FROM warden.advice_missing(0);
SELECT * FROM warden.advice_missing(-5);
SELECT * FROM warden.advice_missing(max_time => NULL);
SELECT * FROM warden.advice_missing(max_time => '0');
SELECT * FROM warden.advice_missing(queries => ARRAY['SELECT 1', NULL]);

-- Rights: who may not read a table gets no advice for it, and learns nothing of it.
CREATE ROLE advice_reader;
GRANT USAGE ON SCHEMA shop, warden TO advice_reader;
SET ROLE advice_reader;
SELECT * FROM warden.advice_missing(queries => ARRAY['SELECT * FROM shop.orders WHERE customer = 17']);
RESET ROLE;
GRANT pg_monitor TO advice_reader;
SET ROLE advice_reader;
SELECT rank, command, reason FROM warden.advice_missing(queries => ARRAY['SELECT * FROM shop.orders WHERE customer = 17']);
RESET ROLE;
GRANT SELECT ON orders TO advice_reader;
SET ROLE advice_reader;
SELECT rank, relation FROM warden.advice_missing(queries => ARRAY['SELECT * FROM shop.orders WHERE customer = 17']);
RESET ROLE;

-- No lock is left.
BEGIN;
SELECT count(*) FROM warden.advice_missing(queries => ARRAY['UPDATE orders SET total = 0 WHERE customer = 17']);
SELECT relation::regclass, mode FROM pg_locks WHERE relation IN ('orders'::regclass, 'customer'::regclass) AND mode <> 'AccessShareLock' AND pid = pg_backend_pid();
ROLLBACK;

DROP OWNED BY advice_reader;
DROP ROLE advice_reader;
RESET client_min_messages;
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
