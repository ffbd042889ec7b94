-- Which indexes are considered for a statement, and why there are no others.
SET client_min_messages = warning;
CREATE SCHEMA advice_candidates;
SET search_path = advice_candidates, public;

-- Wide pages of few rows: tables that are large enough to be worth it, soon filled.
CREATE TABLE orders (id bigint PRIMARY KEY, customer integer, status text COLLATE "C", placed timestamp, total numeric,
    code text COLLATE "C", name text COLLATE "und-x-icu", tags text[], data jsonb, body text, during tsrange,
    address inet, place point, is_open boolean, closed timestamp, region integer) WITH (fillfactor = 10);
INSERT INTO orders SELECT i, (i * 7919) % 2000, CASE WHEN i % 50 = 0 THEN 'open' ELSE 'done' END,
    timestamp '2024-01-01' + i * interval '1 min', i % 1000, 'c' || i % 3000, 'name ' || i % 5000, ARRAY['t' || i % 100],
    jsonb_build_object('k', i % 500), 'word' || i % 700,
    tsrange(timestamp '2024-01-01' + i * interval '1 min', timestamp '2024-01-01' + (i + 9) * interval '1 min'),
    ('10.0.' || i % 250 || '.' || i % 199)::inet, point(i % 100, i % 77), i % 40 = 0,
    CASE WHEN i % 30 <> 0 THEN timestamp '2024-03-01' END, i % 7 FROM generate_series(1, 12000) i;
CREATE TABLE lines (order_id bigint, line integer, product integer, quantity integer, shipped date) WITH (fillfactor = 10);
INSERT INTO lines SELECT i / 4, i % 4, i % 1000, i % 50, date '2024-01-01' + i / 100 FROM generate_series(1, 40000) i;
CREATE TABLE small (id integer, parent integer);
INSERT INTO small SELECT i, i % 10 FROM generate_series(1, 1000) i;
CREATE TABLE fresh (id integer, filler text) WITH (fillfactor = 10);
INSERT INTO fresh SELECT i, repeat('x', 500) FROM generate_series(1, 3000) i;
CREATE TABLE measured (at date, sensor integer, value integer) PARTITION BY RANGE (at);
CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM ('2024-01-01') TO ('2024-07-01') WITH (fillfactor = 10);
CREATE TABLE measured_2 (value integer, sensor integer, at date) WITH (fillfactor = 10);
ALTER TABLE measured ATTACH PARTITION measured_2 FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
INSERT INTO measured SELECT date '2024-01-01' + i % 366, i % 300, i FROM generate_series(1, 30000) i;
CREATE MATERIALIZED VIEW summed WITH (fillfactor = 10) AS
    SELECT order_id, line, sum(quantity) AS quantity FROM lines GROUP BY order_id, line;
CREATE VIEW open_orders AS SELECT * FROM orders WHERE status = 'open';
CREATE UNLOGGED TABLE tenants (tenant integer, word text, value integer) WITH (fillfactor = 10);
INSERT INTO tenants SELECT i % 300, 'w' || i, i FROM generate_series(1, 25000) i;
CREATE UNLOGGED TABLE history (at timestamp, kind integer, filler text) WITH (fillfactor = 10);
INSERT INTO history SELECT timestamp '2024-01-01' + i * interval '1 min', i % 900, repeat('x', 700) FROM generate_series(1, 11000) i;
CREATE TABLE parent (id integer, kind integer, filler text);
CREATE TABLE child () INHERITS (parent) WITH (fillfactor = 10);
INSERT INTO child SELECT i, i % 900, repeat('x', 700) FROM generate_series(1, 3000) i;
CREATE TEMPORARY TABLE mine AS SELECT * FROM child;
VACUUM ANALYZE orders, lines, small, measured, summed, tenants, history, parent, child, mine;
VACUUM fresh;

CREATE VIEW considered AS SELECT q.query, c.relation, substring(c.command FROM 'USING ([^\n;]*)') AS index, c.reason
    FROM (SELECT current_setting('test.query') AS query) q, LATERAL warden.advice_candidates(q.query) c;
CREATE FUNCTION considered(query text) RETURNS SETOF considered LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('test.query', query, true);
	RETURN QUERY SELECT * FROM considered;
END $$;

-- Whole lists: equality before range, then order; the reason of each.
SELECT index, reason FROM considered('SELECT * FROM orders WHERE customer = 5 AND status = ''open'' AND placed > ''2024-01-05'' ORDER BY placed DESC LIMIT 10');
SELECT relation, index, reason FROM considered('SELECT o.total, l.quantity FROM orders o JOIN lines l ON l.order_id = o.id WHERE o.customer = 7 AND l.shipped < ''2024-02-01''');

-- What has to be among the candidates of each, or what has to be said.
CREATE TABLE expectations (number serial, query text, expected text);
INSERT INTO expectations (query, expected) VALUES
('SELECT * FROM orders WHERE customer = 5', 'btree (customer)'),
('SELECT * FROM orders WHERE 5 = customer', 'btree (customer)'),
('SELECT * FROM orders WHERE customer = $1', 'btree (customer)'),
('SELECT * FROM orders WHERE customer IN (1, 2, 3)', 'btree (customer)'),
('SELECT * FROM orders WHERE customer = ANY ($1)', 'btree (customer)'),
('SELECT * FROM orders WHERE placed BETWEEN ''2024-01-02'' AND ''2024-01-03''', 'btree (placed)'),
('SELECT * FROM orders WHERE customer = 5 AND total > 10', 'btree (customer, total)'),
('SELECT * FROM orders WHERE customer = 5 AND code = ''c7'' AND total > 10', 'btree (code, customer, total)'),
('SELECT * FROM orders WHERE customer = 5 AND status = ''open''', 'btree (customer) WHERE ((status = ''open''::text))'),
('SELECT * FROM orders WHERE customer = 5 AND total = 5', 'btree (customer, total)'),
('SELECT * FROM orders WHERE status = ''open''', 'btree (status) WHERE ((status = ''open''::text))'),
('SELECT * FROM orders WHERE customer = 5 AND is_open', 'btree (customer) WHERE (is_open)'),
('SELECT * FROM orders WHERE customer = 5 AND closed IS NULL', 'btree (customer) WHERE ((closed IS NULL))'),
('SELECT * FROM orders WHERE closed IS NULL', 'btree (closed)'),
('SELECT * FROM orders ORDER BY placed LIMIT 10', 'btree (placed)'),
('SELECT * FROM orders ORDER BY placed DESC LIMIT 10', 'btree (placed)'),
('SELECT * FROM orders ORDER BY customer, placed DESC LIMIT 10', 'btree (customer, placed DESC)'),
('SELECT * FROM orders ORDER BY placed DESC NULLS LAST LIMIT 10', 'btree (placed NULLS FIRST)'),
('SELECT * FROM orders WHERE customer = 5 ORDER BY placed DESC LIMIT 10', 'btree (customer, placed)'),
('SELECT * FROM orders ORDER BY lower(code) LIMIT 10', 'btree (lower(code))'),
('SELECT max(total) FROM orders', 'btree (total)'),
('SELECT max(total) FROM orders WHERE customer = 3', 'btree (customer, total)'),
('SELECT customer, count(*) FROM orders GROUP BY customer', 'btree (customer)'),
('SELECT customer, sum(total) FROM orders GROUP BY customer', 'btree (customer) INCLUDE (total)'),
('SELECT DISTINCT customer FROM orders', 'btree (customer)'),
('SELECT rank() OVER (PARTITION BY customer ORDER BY placed) FROM orders', 'btree (customer, placed)'),
('SELECT total FROM orders WHERE customer = 5', 'btree (customer) INCLUDE (total)'),
('SELECT total FROM orders WHERE placed < ''2024-01-02'' AND region = 3', 'btree (region, placed) INCLUDE (total)'),
('SELECT o.total FROM orders o JOIN lines l ON l.order_id = o.id', 'btree (order_id)'),
('SELECT o.total FROM orders o LEFT JOIN lines l ON l.order_id = o.id AND l.line = o.region', 'btree (order_id, line)'),
('SELECT * FROM orders o WHERE EXISTS (SELECT FROM lines l WHERE l.order_id = o.id AND l.quantity > 48)', 'btree (order_id, quantity)'),
('SELECT (SELECT sum(quantity) FROM lines l WHERE l.order_id = o.id) FROM orders o', 'btree (order_id) INCLUDE (quantity)'),
('SELECT * FROM small s JOIN lines l ON l.product = s.id WHERE s.parent = 3', 'btree (product)'),
('SELECT * FROM small s, LATERAL (SELECT * FROM lines l WHERE l.product = s.id ORDER BY shipped LIMIT 1) l', 'btree (product, shipped)'),
('WITH o AS MATERIALIZED (SELECT * FROM orders WHERE customer = 2) SELECT * FROM o', 'btree (customer)'),
('SELECT * FROM open_orders WHERE customer = 3', 'btree (customer) WHERE ((status = ''open''::text))'),
('SELECT * FROM orders WHERE customer = 5 OR code = ''c7''', 'btree (code)'),
('SELECT * FROM orders WHERE (customer = 5 AND total > 3) OR code = ''c7''', 'btree (customer, total)'),
('SELECT * FROM orders WHERE (customer, id) > (5, 100) ORDER BY customer, id LIMIT 10', 'btree (customer, id)'),
('SELECT * FROM orders WHERE lower(code) = ''c7''', 'btree (lower(code))'),
('SELECT * FROM orders WHERE data ->> ''k'' = ''7''', 'btree (((data ->> ''k''::text)))'),
('SELECT * FROM orders WHERE (data ->> ''k'')::integer > 490', 'btree ((((data ->> ''k''::text))::integer))'),
('SELECT * FROM orders WHERE data @> ''{"k": 7}''', 'gin (data jsonb_path_ops)'),
('SELECT * FROM orders WHERE data ? ''k''', 'gin (data)'),
('SELECT * FROM orders WHERE tags @> ARRAY[''t7'']', 'gin (tags)'),
('SELECT * FROM orders WHERE tags && ARRAY[''t7'']', 'gin (tags)'),
('SELECT * FROM orders WHERE to_tsvector(''english'', body) @@ to_tsquery(''english'', ''word7'')', 'gin (to_tsvector(''english''::regconfig, body))'),
('SELECT * FROM orders WHERE during && tsrange(''2024-01-02'', ''2024-01-03'')', 'gist (during)'),
('SELECT * FROM orders WHERE during @> timestamp ''2024-01-02''', 'gist (during)'),
('SELECT * FROM orders WHERE address << ''10.0.7.0/24''', 'gist (address inet_ops)'),
('SELECT * FROM orders WHERE address << ''10.0.7.0/24''', 'btree (address)'),
('SELECT * FROM orders WHERE place <@ box ''(1,1),(2,2)''', 'gist (place)'),
('SELECT * FROM orders ORDER BY place <-> point ''(1,1)'' LIMIT 5', 'gist (place)'),
('SELECT * FROM orders WHERE code LIKE ''c12%''', 'btree (code)'),
('SELECT * FROM orders WHERE code ~ ''^c12''', 'btree (code)'),
('SELECT * FROM orders WHERE name LIKE ''name 12%''', 'btree (name text_pattern_ops)'),
('SELECT * FROM orders WHERE starts_with(code, ''c12'')', 'btree (code)'),
('SELECT * FROM orders WHERE name = ''x'' COLLATE "C"', 'btree (name COLLATE "C")'),
('UPDATE orders SET total = 0 WHERE customer = 5', 'btree (customer)'),
('DELETE FROM lines USING small WHERE lines.product = small.id', 'btree (product)'),
('MERGE INTO lines USING small ON lines.product = small.id WHEN MATCHED THEN DELETE', 'btree (product)'),
('EXPLAIN SELECT * FROM orders WHERE customer = 5', 'btree (customer)'),
('SELECT * FROM measured WHERE sensor = 7', 'btree (sensor)'),
('SELECT * FROM measured_2 WHERE sensor = 7', 'btree (sensor)'),
('SELECT sum(value) FROM measured WHERE sensor = 7 AND at > ''2024-08-01''', 'btree (sensor, at) INCLUDE (value)'),
('SELECT * FROM (SELECT customer AS x FROM orders UNION ALL SELECT product FROM lines) u WHERE x = 3', 'btree (product)'),
('SELECT * FROM summed WHERE order_id = 8', 'btree (order_id)'),
('SELECT count(filler) FROM history WHERE at > ''2024-01-07''', 'brin (at)'),
('SELECT * FROM parent WHERE kind = 3', 'btree (kind)'),
-- and silence
('SELECT * FROM orders WHERE id = 5', NULL),
('SELECT * FROM small WHERE id = 5', 'it has fewer than 1000 pages, as far as the server knows: it is read fast without an index'),
('SELECT * FROM fresh WHERE id = 5', 'it was never analyzed, so that nothing is known of its rows: ANALYZE it first'),
('SELECT * FROM pg_temp.mine WHERE kind = 5', 'it is a temporary table'),
('SELECT * FROM parent WHERE kind = 4', 'it has fewer than 1000 pages, as far as the server knows: it is read fast without an index'),
('SELECT * FROM pg_class WHERE relname = ''x''', 'it is a system catalog'),
('SELECT * FROM warden.partition_sets', NULL),
('SELECT * FROM orders WHERE customer <> 5', 'an index does not find what a condition on customer excludes'),
('SELECT * FROM orders WHERE customer NOT IN (5, 6)', 'an index does not find what a condition on customer excludes'),
('SELECT * FROM orders WHERE customer IS DISTINCT FROM 5', 'an index does not find what a condition on customer excludes'),
('SELECT * FROM orders WHERE code NOT LIKE ''c%''', 'an index does not find what a condition on code excludes'),
('SELECT * FROM orders WHERE code LIKE ''%c7''', 'the pattern for code does not begin with a fixed text: only an index of the extension pg_trgm could find what matches'),
('SELECT * FROM orders WHERE code LIKE $1', 'the pattern for code is not known when the statement is planned'),
('SELECT * FROM orders WHERE placed > $1', 'how many rows the range of placed keeps depends on a parameter that is not known'),
('SELECT * FROM orders WHERE customer = 1.5', 'customer is converted to numeric for each row: compare it with a value of its own type'),
('SELECT * FROM orders WHERE ''t7'' = ANY (tags)', 'value = ANY (tags) can use no index; tags @> ARRAY[value] can'),
('SELECT * FROM orders WHERE to_tsvector(body) @@ to_tsquery(''word7'')', 'an index cannot have to_tsvector(body), which is not immutable'),
('SELECT * FROM orders WHERE to_char(placed, ''YYYY'') = ''2024''', 'an index cannot have to_char(placed, ''YYYY''::text), which is not immutable'),
('SELECT * FROM orders WHERE customer = (random() * 9)::integer', 'what customer is compared with may be another value for each row'),
('SELECT * FROM orders WHERE customer = 5 OR total <> 3', 'one arm of an OR can use no index of this table, so the others cannot either'),
('SELECT * FROM orders WHERE ctid = ''(0,1)''', 'an index cannot have a system column');
SELECT e.number, e.query, e.expected
    FROM expectations e
    WHERE NOT EXISTS (SELECT FROM considered(e.query) c WHERE c.index = e.expected OR c.reason = e.expected) AND e.expected IS NOT NULL
    ORDER BY e.number;
-- Of those without anything: what there is.
SELECT e.query, c.relation, c.index, c.reason FROM expectations e, considered(e.query) c
    WHERE e.expected IS NULL AND c.index IS NOT NULL ORDER BY e.number;

-- Where something is said, nothing is proposed that could not help.
SELECT e.query, c.index FROM expectations e, considered(e.query) c
    WHERE e.expected IN (SELECT reason FROM considered(e.query) WHERE index IS NULL) AND c.index IS NOT NULL
    ORDER BY e.number, c.index COLLATE "C";

-- Each once, and whatever is considered can be built.
CREATE TABLE commands AS SELECT e.number, c.command, count(*) FROM expectations e, warden.advice_candidates(e.query) c
    WHERE c.command !~ '\n' GROUP BY e.number, c.command;
SELECT number, command FROM commands WHERE count > 1;
CREATE FUNCTION failed() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	built text;
BEGIN
	FOR built IN SELECT DISTINCT command FROM commands LOOP
		BEGIN
			EXECUTE replace(built, ' CONCURRENTLY', '');
			RAISE EXCEPTION USING errcode = 'ZZ001', message = 'undone';
		EXCEPTION
			WHEN SQLSTATE 'ZZ001' THEN
				NULL;
			WHEN OTHERS THEN
				RETURN NEXT built || ': ' || SQLERRM;
		END;
	END LOOP;
END $$;
SELECT count(DISTINCT command) > 60 AS many FROM commands;
SELECT f FROM failed() f ORDER BY f COLLATE "C";

-- The same query gives the same answer.
SELECT count(*) FROM expectations e
    WHERE (SELECT array_agg(c::text) FROM considered(e.query) c) IS DISTINCT FROM (SELECT array_agg(c::text) FROM considered(e.query) c);

-- What exists is not proposed again.
CREATE INDEX ON orders (customer, total);
SELECT index FROM considered('SELECT * FROM orders WHERE customer = 5 AND total > 10') ORDER BY index COLLATE "C";

-- Trigrams, where the extension is there and the pattern has some.
CREATE SCHEMA trigrams;
CREATE EXTENSION pg_trgm SCHEMA trigrams;
SELECT index, reason FROM considered('SELECT * FROM orders WHERE body LIKE ''%ord7%''');
SELECT index, reason FROM considered('SELECT * FROM orders WHERE body ILIKE ''word7%''');
SELECT index, reason FROM considered('SELECT * FROM orders WHERE body LIKE ''%d7%''');
DROP EXTENSION pg_trgm;
DROP SCHEMA trigrams;

-- Of a partitioned table: once for the tree, by the topmost table's columns.
SELECT relation, index FROM considered('SELECT * FROM measured_2 WHERE sensor = 7 ORDER BY at LIMIT 3');

-- Rights: who could not execute it learns nothing; an index never has the table's owner run the functions of others.
CREATE ROLE regress_advice_reader;
GRANT USAGE ON SCHEMA advice_candidates TO regress_advice_reader;
GRANT CREATE ON SCHEMA advice_candidates TO regress_advice_reader;
GRANT SELECT ON tenants, considered TO regress_advice_reader;
SET ROLE regress_advice_reader;
\set VERBOSITY sqlstate
SELECT * FROM warden.advice_candidates('SELECT * FROM advice_candidates.orders WHERE customer = 5');
SELECT * FROM warden.advice_candidates('VACUUM');
SELECT * FROM warden.advice_candidates('SELECT 1; SELECT 2');
\set VERBOSITY default
CREATE FUNCTION advice_candidates.mine(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN lower($1); END $$;
SELECT index, reason FROM considered('SELECT * FROM advice_candidates.tenants WHERE advice_candidates.mine(word) = ''x''');
RESET ROLE;

-- Row security: the policy's condition too is looked up; one that is not leakproof is not checked before it.
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants USING (tenant = current_setting('test.tenant', true)::integer);
SET ROLE regress_advice_reader;
SELECT index, reason FROM considered('SELECT * FROM advice_candidates.tenants WHERE word LIKE ''w1%''');
RESET ROLE;

DROP SCHEMA advice_candidates CASCADE;
DROP ROLE regress_advice_reader;
