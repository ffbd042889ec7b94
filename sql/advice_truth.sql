-- What the planner says of an index that does not exist, against what it says when it does: pairs of a query and indexes.
SET default_statistics_target = 450; -- all rows are the sample, so that ANALYZE finds the same each time
SET max_parallel_workers_per_gather = 0;
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
RESET client_min_messages;

CREATE TABLE truth_customers (id int PRIMARY KEY, name text, email text, country text) WITH (autovacuum_enabled = off);
INSERT INTO truth_customers
SELECT g, 'Name ' || md5(g::text), 'User' || g * 7 % 5000 || '@example.org', 'C' || g % 40
FROM generate_series(1, 5000) g;

CREATE TABLE truth_orders (id int PRIMARY KEY, customer int, placed timestamp, status text, total numeric(10, 2), note text,
                           tags int[], doc jsonb, words tsvector, during tsrange, deleted boolean, code text COLLATE "C",
                           shipped timestamp) WITH (autovacuum_enabled = off);
INSERT INTO truth_orders
SELECT g, g * 7919 % 5000, timestamp '2024-01-01' + g * interval '3 minutes',
       (ARRAY['open', 'paid', 'sent', 'done', 'done', 'done', 'done', 'done', 'done', 'done'])[1 + g % 10],
       (g * 31 % 100000) / 100.0, md5(g::text), ARRAY[g % 500, g % 77, g * 3 % 1000],
       jsonb_build_object('kind', 'k' || g % 200, 'size', g % 30, 'ref', g % 20000),
       to_tsvector('simple', 'w' || g % 300 || ' x' || g % 1000 || ' y' || g % 7),
       tsrange(timestamp '2024-01-01' + g * interval '1 hour', timestamp '2024-01-01' + g * interval '1 hour' + interval '5 hours'),
       g % 20 = 0, 'A' || lpad((g * 13 % 60000)::text, 6, '0'),
       CASE WHEN g % 3 > 0 THEN timestamp '2024-01-02' + g * 7 % 60000 * interval '3 minutes' END
FROM generate_series(1, 60000) g;

CREATE TABLE truth_items (order_id int, product int, quantity int, price int, filler text) WITH (autovacuum_enabled = off);
INSERT INTO truth_items SELECT g / 2 + 1, g * 17 % 3000, g % 9, g % 1000, 'some words of text ' || g % 100 FROM generate_series(1, 120000) g;

CREATE TABLE truth_parts (day date NOT NULL, device int, value int, label text) PARTITION BY RANGE (day);
CREATE TABLE truth_parts_1 PARTITION OF truth_parts FOR VALUES FROM ('2024-01-01') TO ('2024-02-01') WITH (autovacuum_enabled = off);
CREATE TABLE truth_parts_2 (label text, gone int, value int, device int, day date NOT NULL) WITH (autovacuum_enabled = off);
ALTER TABLE truth_parts_2 DROP gone;
ALTER TABLE truth_parts ATTACH PARTITION truth_parts_2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
CREATE TABLE truth_parts_3 PARTITION OF truth_parts FOR VALUES FROM ('2024-03-01') TO ('2024-05-01') PARTITION BY HASH (device);
CREATE TABLE truth_parts_3a PARTITION OF truth_parts_3 FOR VALUES WITH (MODULUS 2, REMAINDER 0) WITH (autovacuum_enabled = off);
CREATE TABLE truth_parts_3b (value int, day date NOT NULL, label text, device int) WITH (autovacuum_enabled = off);
ALTER TABLE truth_parts_3 ATTACH PARTITION truth_parts_3b FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO truth_parts SELECT date '2024-01-01' + g % 121, g * 7919 % 2000, g % 10007, 'label ' || g % 3000 FROM generate_series(1, 100000) g;

CREATE TABLE truth_parent (a int, b text) WITH (autovacuum_enabled = off);
CREATE TABLE truth_child (c int) INHERITS (truth_parent) WITH (autovacuum_enabled = off);
INSERT INTO truth_parent SELECT g * 7919 % 20000, md5(g::text) FROM generate_series(1, 20000) g;
INSERT INTO truth_child SELECT g * 7919 % 20000, md5(g::text), g FROM generate_series(1, 20000) g;

CREATE VIEW truth_open AS SELECT o.id, o.customer, o.placed, o.total, c.country FROM truth_customers c JOIN truth_orders o ON o.customer = c.id
WHERE NOT o.deleted;
VACUUM (ANALYZE) truth_customers, truth_orders, truth_items, truth_parts, truth_parent, truth_child;

CREATE TABLE truth_pairs (n int GENERATED ALWAYS AS IDENTITY, name text, commands text, query text);
INSERT INTO truth_pairs (name, commands, query) VALUES
-- B-trees on columns
('equality', 'CREATE INDEX ON truth_orders (customer)', 'SELECT * FROM truth_orders WHERE customer = 42'),
('two equalities', 'CREATE INDEX ON truth_orders (customer, status)', $$SELECT * FROM truth_orders WHERE customer = 42 AND status = 'paid'$$),
('equality and range', 'CREATE INDEX ON truth_orders (customer, placed)', $$SELECT * FROM truth_orders WHERE customer = 42 AND placed > '2024-02-01'$$),
('range', 'CREATE INDEX ON truth_orders (placed)', $$SELECT * FROM truth_orders WHERE placed BETWEEN '2024-02-01' AND '2024-02-03'$$),
('wide range', 'CREATE INDEX ON truth_orders (total)', 'SELECT * FROM truth_orders WHERE total < 300'),
('IN', 'CREATE INDEX ON truth_orders (customer)', 'SELECT * FROM truth_orders WHERE customer IN (1, 17, 3000)'),
('ANY of a parameter', 'CREATE INDEX ON truth_orders (customer)', 'SELECT * FROM truth_orders WHERE customer = ANY ($1::int[])'),
('a parameter', 'CREATE INDEX ON truth_orders (code)', 'SELECT * FROM truth_orders WHERE code = $1'),
('IS NULL', 'CREATE INDEX ON truth_orders (shipped)', 'SELECT count(*) FROM truth_orders WHERE shipped IS NULL AND customer = 3'),
('NULLs beside a range', 'CREATE INDEX ON truth_orders (shipped)', $$SELECT * FROM truth_orders WHERE shipped > '2024-05-05'$$),
('second column only', 'CREATE INDEX ON truth_orders (status, customer)', 'SELECT * FROM truth_orders WHERE customer = 42'),
('useless', 'CREATE INDEX ON truth_orders (status)', $$SELECT * FROM truth_orders WHERE status = 'done'$$),
('not equal', 'CREATE INDEX ON truth_orders (customer)', 'SELECT * FROM truth_orders WHERE customer <> 42'),
('C collation prefix', 'CREATE INDEX ON truth_orders (code)', $$SELECT * FROM truth_orders WHERE code LIKE 'A0012%'$$),
('text_pattern_ops', 'CREATE INDEX ON truth_orders (note text_pattern_ops)', $$SELECT * FROM truth_orders WHERE note LIKE 'abc%'$$),
('other collation', 'CREATE INDEX ON truth_orders (note COLLATE "C")', $$SELECT * FROM truth_orders WHERE note COLLATE "C" > 'ff'$$),
('wrong collation', 'CREATE INDEX ON truth_orders (note COLLATE "C")', $$SELECT * FROM truth_orders WHERE note > 'ff'$$),
-- order
('ORDER BY LIMIT', 'CREATE INDEX ON truth_orders (placed)', 'SELECT * FROM truth_orders ORDER BY placed LIMIT 10'),
('backward', 'CREATE INDEX ON truth_orders (placed)', 'SELECT * FROM truth_orders ORDER BY placed DESC LIMIT 10'),
('mixed directions', 'CREATE INDEX ON truth_orders (status, placed DESC)', 'SELECT * FROM truth_orders ORDER BY status, placed DESC LIMIT 20'),
('mixed directions, wrong', 'CREATE INDEX ON truth_orders (status, placed)', 'SELECT * FROM truth_orders ORDER BY status, placed DESC LIMIT 20'),
('NULLS FIRST', 'CREATE INDEX ON truth_orders (shipped NULLS FIRST)', 'SELECT * FROM truth_orders ORDER BY shipped NULLS FIRST LIMIT 20'),
('DESC NULLS LAST', 'CREATE INDEX ON truth_orders (shipped DESC NULLS LAST)', 'SELECT * FROM truth_orders ORDER BY shipped DESC NULLS LAST LIMIT 20'),
('newest of one', 'CREATE INDEX ON truth_orders (customer, placed DESC)', 'SELECT * FROM truth_orders WHERE customer = 9 ORDER BY placed DESC LIMIT 3'),
('incremental sort', 'CREATE INDEX ON truth_orders (customer)', 'SELECT * FROM truth_orders ORDER BY customer, total LIMIT 20'),
('GROUP BY', 'CREATE INDEX ON truth_orders (customer)', 'SELECT customer, count(*) FROM truth_orders GROUP BY customer ORDER BY customer LIMIT 5'),
('max', 'CREATE INDEX ON truth_orders (total)', 'SELECT max(total) FROM truth_orders'),
('DISTINCT', 'CREATE INDEX ON truth_items (product)', 'SELECT DISTINCT product FROM truth_items ORDER BY product LIMIT 10'),
-- index-only
('index-only', 'CREATE INDEX ON truth_orders (customer, total)', 'SELECT sum(total) FROM truth_orders WHERE customer = 42'),
('INCLUDE', 'CREATE INDEX ON truth_orders (customer) INCLUDE (total, status)', 'SELECT status, sum(total) FROM truth_orders WHERE customer < 400 GROUP BY status'),
('count', 'CREATE INDEX ON truth_items (quantity)', 'SELECT count(*) FROM truth_items'),
-- partial
('partial', 'CREATE INDEX ON truth_orders (placed) WHERE deleted', $$SELECT * FROM truth_orders WHERE deleted AND placed > '2024-03-01'$$),
('partial, said otherwise', 'CREATE INDEX ON truth_orders (placed) WHERE deleted = true', 'SELECT * FROM truth_orders WHERE deleted ORDER BY placed LIMIT 5'),
('partial, by a constant', $$CREATE INDEX ON truth_orders (customer) WHERE status = 'open'$$, $$SELECT * FROM truth_orders WHERE customer = 5 AND status = 'open'$$),
('partial, implied', 'CREATE INDEX ON truth_orders (customer) WHERE shipped IS NOT NULL', $$SELECT * FROM truth_orders WHERE customer = 5 AND shipped > '2024-03-01'$$),
('partial, not implied', 'CREATE INDEX ON truth_orders (customer) WHERE shipped IS NULL', 'SELECT * FROM truth_orders WHERE customer = 5'),
('partial, in a join', 'CREATE INDEX ON truth_orders (customer) WHERE deleted', $$SELECT * FROM truth_customers c JOIN truth_orders o ON o.customer = c.id WHERE o.deleted AND c.country = 'C7'$$),
-- expressions
('lower', 'CREATE INDEX ON truth_customers (lower(email))', $$SELECT * FROM truth_customers WHERE lower(email) = 'user700@example.org'$$),
('arithmetic', 'CREATE INDEX ON truth_orders ((id % 1000))', 'SELECT * FROM truth_orders WHERE id % 1000 = 5'),
('->>', $$CREATE INDEX ON truth_orders ((doc ->> 'kind'))$$, $$SELECT * FROM truth_orders WHERE doc ->> 'kind' = 'k42'$$),
('expression and column', $$CREATE INDEX ON truth_orders (date_trunc('day', placed), customer)$$, $$SELECT * FROM truth_orders WHERE date_trunc('day', placed) = '2024-02-02' AND customer = 5$$),
('expression, in a join', 'CREATE INDEX ON truth_customers (lower(email))', $$SELECT * FROM truth_orders o JOIN truth_customers c ON c.id = o.customer WHERE lower(c.email) = 'user700@example.org' AND o.id < 100$$),
-- joins
('nested loop', 'CREATE INDEX ON truth_orders (customer)', $$SELECT * FROM truth_customers c JOIN truth_orders o ON o.customer = c.id WHERE c.name = 'Name x'$$),
('nested loop, wider', 'CREATE INDEX ON truth_orders (customer, placed)', $$SELECT * FROM truth_customers c JOIN truth_orders o ON o.customer = c.id WHERE c.country = 'C3' AND o.placed > '2024-05-01'$$),
('merge join', 'CREATE INDEX ON truth_items (order_id)', 'SELECT * FROM truth_orders o JOIN truth_items i ON i.order_id = o.id'),
('merge join of two indexes', 'CREATE INDEX ON truth_items (product); CREATE INDEX ON truth_orders (customer)', 'SELECT count(*) FROM truth_items i JOIN truth_orders o ON o.customer = i.product WHERE o.total < 5'),
('three tables', 'CREATE INDEX ON truth_items (order_id); CREATE INDEX ON truth_orders (customer)', 'SELECT * FROM truth_customers c JOIN truth_orders o ON o.customer = c.id JOIN truth_items i ON i.order_id = o.id WHERE c.id = 17'),
('left join', 'CREATE INDEX ON truth_items (order_id)', 'SELECT * FROM truth_orders o LEFT JOIN truth_items i ON i.order_id = o.id WHERE o.customer < 3'),
('a table with itself', 'CREATE INDEX ON truth_orders (customer)', 'SELECT * FROM truth_orders a JOIN truth_orders b ON b.customer = a.customer WHERE a.id = 4'),
('lateral', 'CREATE INDEX ON truth_orders (customer, placed DESC)', 'SELECT * FROM truth_customers c, LATERAL (SELECT * FROM truth_orders o WHERE o.customer = c.id ORDER BY placed DESC LIMIT 1) l WHERE c.id < 50'),
-- sublinks, CTEs, views
('EXISTS', 'CREATE INDEX ON truth_items (order_id)', 'SELECT * FROM truth_orders o WHERE o.customer = 5 AND EXISTS (SELECT FROM truth_items i WHERE i.order_id = o.id AND i.quantity > 7)'),
('NOT EXISTS', 'CREATE INDEX ON truth_items (order_id)', 'SELECT * FROM truth_orders o WHERE o.id < 100 AND NOT EXISTS (SELECT FROM truth_items i WHERE i.order_id = o.id)'),
('IN a subquery', 'CREATE INDEX ON truth_items (product)', 'SELECT * FROM truth_orders WHERE id IN (SELECT order_id FROM truth_items WHERE product = 77)'),
('subquery in the list', 'CREATE INDEX ON truth_orders (customer)', 'SELECT c.*, (SELECT max(placed) FROM truth_orders o WHERE o.customer = c.id) FROM truth_customers c WHERE c.id < 20'),
('CTE', 'CREATE INDEX ON truth_orders (customer)', 'WITH o AS (SELECT * FROM truth_orders WHERE customer = 8) SELECT * FROM o JOIN truth_items i ON i.order_id = o.id'),
('materialized CTE', 'CREATE INDEX ON truth_orders (customer)', 'WITH o AS MATERIALIZED (SELECT * FROM truth_orders WHERE customer = 8) SELECT count(*) FROM o a, o b'),
('view', 'CREATE INDEX ON truth_orders (placed) WHERE NOT deleted', $$SELECT * FROM truth_open WHERE placed < '2024-01-02'$$),
('view, said otherwise', 'CREATE INDEX ON truth_orders (customer) WHERE deleted = false', $$SELECT * FROM truth_open WHERE country = 'C1' AND total = 5$$),
('UNION ALL', 'CREATE INDEX ON truth_orders (customer); CREATE INDEX ON truth_items (product)', 'SELECT id FROM truth_orders WHERE customer = 5 UNION ALL SELECT order_id FROM truth_items WHERE product = 5'),
-- bitmaps
('BitmapAnd', 'CREATE INDEX ON truth_items (product); CREATE INDEX ON truth_items (price)', 'SELECT * FROM truth_items WHERE product < 60 AND price BETWEEN 100 AND 120'),
('BitmapOr', 'CREATE INDEX ON truth_items (product); CREATE INDEX ON truth_items (price)', 'SELECT * FROM truth_items WHERE product = 60 OR price = 100'),
-- changes
('UPDATE', 'CREATE INDEX ON truth_items (order_id)', 'UPDATE truth_items SET price = 5 WHERE order_id = 77'),
('DELETE with USING', 'CREATE INDEX ON truth_items (order_id)', 'DELETE FROM truth_items i USING truth_orders o WHERE o.id = i.order_id AND o.id = 77'),
('INSERT SELECT', 'CREATE INDEX ON truth_orders (customer)', 'INSERT INTO truth_items SELECT id, 1, 1, 1 FROM truth_orders WHERE customer = 4'),
-- partitions and children
('partitions', 'CREATE INDEX ON truth_parts (device)', 'SELECT * FROM truth_parts WHERE device = 42'),
('one partition', 'CREATE INDEX ON truth_parts (device, value)', $$SELECT * FROM truth_parts WHERE day = '2024-02-03' AND device = 42$$),
('a leaf by its name', 'CREATE INDEX ON truth_parts (device)', 'SELECT * FROM truth_parts_3b WHERE device = 42'),
('a level below', 'CREATE INDEX ON truth_parts_3 (value)', 'SELECT * FROM truth_parts WHERE value = 42'),
('partitions, expression', 'CREATE INDEX ON truth_parts ((device + value))', 'SELECT * FROM truth_parts WHERE device + value = 4200'),
('partitions, partial', 'CREATE INDEX ON truth_parts (label) WHERE value < 1000', $$SELECT * FROM truth_parts WHERE label = 'label 7' AND value < 1000$$),
('partitions, joined', 'CREATE INDEX ON truth_parts (device)', $$SELECT * FROM truth_customers c JOIN truth_parts p ON p.device = c.id WHERE c.email = 'User700@example.org'$$),
('partitions, ordered', 'CREATE INDEX ON truth_parts (day)', 'SELECT * FROM truth_parts ORDER BY day LIMIT 10'),
('a run-time choice', 'CREATE INDEX ON truth_parts (device)', 'SELECT * FROM truth_parts WHERE day = $1 AND device = $2'),
('inheritance, parent', 'CREATE INDEX ON truth_parent (a)', 'SELECT * FROM truth_parent WHERE a = 5'),
('inheritance, child', 'CREATE INDEX ON truth_child (a)', 'SELECT * FROM truth_parent WHERE a = 5'),
-- other methods
('hash', 'CREATE INDEX ON truth_orders USING hash (note)', $$SELECT * FROM truth_orders WHERE note = 'x'$$),
('BRIN', 'CREATE INDEX ON truth_orders USING brin (placed)', $$SELECT * FROM truth_orders WHERE placed BETWEEN '2024-02-01' AND '2024-02-03'$$),
('BRIN, no order', 'CREATE INDEX ON truth_orders USING brin (customer)', 'SELECT * FROM truth_orders WHERE customer = 5'),
('GIN jsonb_ops', 'CREATE INDEX ON truth_orders USING gin (doc)', $$SELECT * FROM truth_orders WHERE doc @> '{"size": 12}'$$),
('GIN jsonb_path_ops', 'CREATE INDEX ON truth_orders USING gin (doc jsonb_path_ops)', $$SELECT * FROM truth_orders WHERE doc @> '{"kind": "k42", "size": 12}'$$),
('GIN array', 'CREATE INDEX ON truth_orders USING gin (tags)', 'SELECT * FROM truth_orders WHERE tags @> ARRAY[77, 5]'),
('GIN array, overlap', 'CREATE INDEX ON truth_orders USING gin (tags)', 'SELECT * FROM truth_orders WHERE tags && ARRAY[499]'),
('GIN text search', 'CREATE INDEX ON truth_orders USING gin (words)', $$SELECT * FROM truth_orders WHERE words @@ to_tsquery('simple', 'w17 & x17')$$),
('GIN trigrams', 'CREATE INDEX ON truth_orders USING gin (note gin_trgm_ops)', $$SELECT * FROM truth_orders WHERE note LIKE '%abcdef%'$$),
('GIN in a join', 'CREATE INDEX ON truth_orders USING gin (tags)', 'SELECT * FROM truth_customers c JOIN truth_orders o ON o.customer = c.id WHERE o.tags @> ARRAY[400, 4]'),
('GiST range', 'CREATE INDEX ON truth_orders USING gist (during)', $$SELECT * FROM truth_orders WHERE during && tsrange('2024-03-01', '2024-03-02')$$),
('GiST trigrams', 'CREATE INDEX ON truth_customers USING gist (name gist_trgm_ops)', $$SELECT * FROM truth_customers WHERE name LIKE '%abcdef%'$$),
('SP-GiST text', 'CREATE INDEX ON truth_orders USING spgist (code)', $$SELECT * FROM truth_orders WHERE code = 'A000130'$$);

-- As it is when the indexes are there; they are gone afterwards.  An index on expressions has statistics after ANALYZE.
CREATE FUNCTION truth_of(commands text[], query text, OUT cost float8, OUT used int) LANGUAGE plpgsql AS $$
DECLARE command text; plan jsonb; before oid[];
BEGIN
    before := ARRAY(SELECT oid FROM pg_class WHERE relkind IN ('i', 'I'));
    FOREACH command IN ARRAY commands LOOP EXECUTE command; END LOOP;
    IF command ~ '\((lower|\(|date_trunc)' THEN
        EXECUTE 'ANALYZE ' || (SELECT string_agg(DISTINCT m[1], ', ' ORDER BY m[1]) FROM unnest(commands) c, regexp_match(c, 'ON (\w+)') m);
    END IF;
    SELECT w.cost_before, w.plan_before INTO cost, plan FROM warden.advice_what_if(query) w;
    SELECT count(*) INTO used FROM pg_class WHERE relkind IN ('i', 'I') AND oid <> ALL (before) AND plan::text ~ (': "' || relname || '"');
    RAISE EXCEPTION USING errcode = 'WD000', message = jsonb_build_array(cost, used);
EXCEPTION WHEN SQLSTATE 'WD000' THEN
    SELECT (sqlerrm::jsonb ->> 0)::float8, (sqlerrm::jsonb ->> 1)::int INTO cost, used;
END $$;

CREATE TABLE truth_found AS
SELECT n, name, w.cost_before, w.cost_after AS predicted, w.used AS predicted_use, t.cost AS built, t.used AS built_use
FROM truth_pairs p, LATERAL string_to_array(p.commands, '; ') c (commands),
     LATERAL (SELECT w.cost_before, w.cost_after, ARRAY(SELECT u FROM unnest(w.used) u WHERE to_regclass(u) IS NULL) AS used
              FROM warden.advice_what_if(p.query, c.commands) w) w,
     LATERAL truth_of(c.commands, p.query) t;
SELECT name, CASE WHEN abs(predicted / built - 1) <= 0.05 AND (predicted_use <> '{}') = (built_use > 0) THEN 'within 5 %'
                  ELSE format('%s before, %s predicted with %s, %s built with %s', round(cost_before::numeric),
                              round(predicted::numeric, 2), predicted_use, round(built::numeric, 2), built_use) END AS cost
FROM truth_found ORDER BY n;
SELECT count(*) >= 75 AS indexes_are_used, count(*) FILTER (WHERE predicted < cost_before / 2) >= 50 AS and_they_matter
FROM truth_found WHERE built_use > 0;

SET client_min_messages = warning;
DROP TABLE truth_found, truth_pairs, truth_items, truth_orders, truth_customers, truth_parts, truth_parent CASCADE;
DROP FUNCTION truth_of(text[], text);
DROP EXTENSION pg_trgm;
