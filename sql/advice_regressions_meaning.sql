-- What other advisors answer wrongly: what operators, types and collations mean. The numbers are of the traps: the right
-- answer, or silence.
CREATE SCHEMA meaning;
SET search_path = meaning, public;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE doc (id integer, code integer, small smallint, ratio numeric, flag boolean, rare boolean, name text COLLATE "C",
                  label text COLLATE "und-x-icu", short char(10), tags integer[], attributes jsonb, span int4range, at timestamptz,
                  body text, fill text)
    WITH (autovacuum_enabled = false);
INSERT INTO doc SELECT i, i % 10000, i % 100, i, i % 2 = 0, i % 1000 = 0, 'name' || i, 'label' || i, i, ARRAY[i % 1000, i % 999],
                       jsonb_build_object('user', i % 5000, 'kind', i % 2), int4range(i, i + 3),
                       timestamptz '2024-01-01 UTC' + i * interval '1 min', 'word' || i % 2000 || ' and word' || i % 3,
                       repeat('x', 500)
FROM generate_series(1, 20000) i;
CREATE TABLE other (id integer PRIMARY KEY, code integer, fill text) WITH (autovacuum_enabled = false);
INSERT INTO other SELECT i, i % 10000, repeat('x', 500) FROM generate_series(1, 20000) i;
VACUUM ANALYZE doc, other;

CREATE FUNCTION advice(VARIADIC queries text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(split_part(command, ';', 1), 'INDEX (CONCURRENTLY )?("[^"]+"|\S+) ON', 'INDEX ON'), '\s+', ' ', 'g')
    FROM warden.advice_missing(queries => queries) ORDER BY 1$$;
CREATE FUNCTION cost(query text) RETURNS float8 LANGUAGE plpgsql AS
    $$DECLARE plan json; BEGIN EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan; RETURN plan -> 0 -> 'Plan' ->> 'Total Cost'; END$$;
-- Whether what is advised can be built, and makes the plan cheaper by a tenth at least.
CREATE FUNCTION proof(query text) RETURNS TABLE (advised text[], cheaper boolean) LANGUAGE plpgsql AS $$
DECLARE
    before float8 := cost(query);
    command text;
BEGIN
    SELECT coalesce(array_agg(a), '{}') INTO advised FROM advice(query) a;
    BEGIN
        FOR command IN SELECT a.command FROM warden.advice_missing(queries => ARRAY[query]) a LOOP
            EXECUTE replace(command, 'CONCURRENTLY ', '');
        END LOOP;
        ANALYZE doc, other;
        cheaper := cost(query) < before * 0.9;
        RAISE SQLSTATE 'ROLLB';
    EXCEPTION WHEN SQLSTATE 'ROLLB' THEN
    END;
    RETURN NEXT;
END$$;

-- 23: = ANY (column) is not for an index, @> is.
SELECT * FROM advice('SELECT id FROM doc WHERE 5 = ANY (tags)');
SELECT * FROM proof('SELECT id FROM doc WHERE tags @> ARRAY[5]');
SELECT * FROM proof('SELECT id FROM doc WHERE tags && ARRAY[5]');

-- 24: ->> is an expression, @> is for GIN, ? not for jsonb_path_ops.
SELECT * FROM proof($$SELECT id FROM doc WHERE attributes ->> 'user' = '17'$$);
SELECT * FROM proof($$SELECT id FROM doc WHERE attributes @> '{"user": 17}'$$);
SELECT a ~ 'jsonb_path_ops' AS wrong FROM advice($$SELECT id FROM doc WHERE attributes ? 'absent'$$) a;

-- 25: what is only STABLE is not for an index; nor is another collation.
SET timezone = 'Europe/Berlin';
SELECT * FROM advice($$SELECT id FROM doc WHERE to_tsvector(body) @@ to_tsquery('word17')$$);
SELECT * FROM advice($$SELECT id FROM doc WHERE at::date = '2024-01-02'$$);
SELECT * FROM advice($$SELECT id FROM doc WHERE to_char(at, 'YYYY-MM-DD') = '2024-01-02'$$);
SELECT * FROM advice($$SELECT id FROM doc WHERE date_trunc('day', at) = '2024-01-02'$$);
SELECT * FROM advice($$SELECT id FROM doc WHERE random() < 0.001 AND code = floor(random() * 10)$$);
SELECT * FROM proof($$SELECT id FROM doc WHERE to_tsvector('simple', body) @@ to_tsquery('simple', 'word17')$$);
SELECT * FROM proof($$SELECT id FROM doc WHERE lower(name) = 'name17'$$);
SELECT advised[1] ~ 'COLLATE "und-x-icu"' AS as_compared, cheaper FROM proof($$SELECT fill FROM doc WHERE lower(name COLLATE "und-x-icu") = 'name17'$$);

-- 26: LIKE of a collation that is not C needs another operator class; a leading wildcard none.
SELECT * FROM proof($$SELECT id FROM doc WHERE name LIKE 'name1234%'$$);
SELECT * FROM proof($$SELECT id FROM doc WHERE label LIKE 'label1234%'$$);
SELECT * FROM advice($$SELECT id FROM doc WHERE name LIKE '%1234'$$);
SELECT * FROM advice($$SELECT id FROM doc WHERE label LIKE '_abel1234%'$$);
SELECT * FROM advice($$SELECT id FROM doc WHERE name ILIKE 'name1234%'$$);

-- 27: a cast of the column makes an index of it useless: no index of the column is advised.
SELECT a FROM advice('SELECT id FROM doc WHERE code = 1234.5') a WHERE a ~ '\(code\)';
SELECT * FROM advice('SELECT id FROM doc WHERE code = 1234::numeric') a WHERE a ~ '\(code\)';
SELECT * FROM advice($$SELECT id FROM doc WHERE short = 'x'::text$$) a WHERE a ~ '\(short\)';
SELECT * FROM proof('SELECT id FROM doc WHERE code = 1234::bigint');
SELECT * FROM proof($$SELECT id FROM doc WHERE short = '1234'$$);
SELECT * FROM proof('SELECT id FROM doc WHERE ratio = 1234');

-- 28: OR of two columns wants two indexes, of two tables none.
SELECT * FROM proof('SELECT fill FROM doc WHERE code = 17 OR id = 17');
SELECT * FROM advice('SELECT d.fill FROM doc d JOIN other o ON o.id = d.id WHERE d.code = 17 OR o.code = 17');
SELECT * FROM advice('SELECT fill FROM doc WHERE code = 17 OR fill LIKE ''%y''');

-- 29: what leaves nearly everything.
SELECT * FROM advice('SELECT fill FROM doc WHERE code <> 17');
SELECT * FROM advice('SELECT fill FROM doc WHERE code NOT IN (17, 18)');
SELECT * FROM advice('SELECT fill FROM doc WHERE code IS DISTINCT FROM 17');
SELECT * FROM advice('SELECT fill FROM doc WHERE NOT code = 17');
SELECT * FROM advice('SELECT fill FROM doc WHERE name !~ ''^name17''');
SELECT * FROM advice('SELECT fill FROM doc WHERE code NOT IN (SELECT code FROM other)');

-- 30: two directions, and where the NULLs are.
SELECT * FROM proof('SELECT * FROM doc ORDER BY small, at DESC LIMIT 10');
SELECT * FROM proof('SELECT * FROM doc ORDER BY at DESC LIMIT 10');
SELECT * FROM proof('SELECT * FROM doc ORDER BY at DESC NULLS LAST LIMIT 10');

-- 31: of a boolean only a partial index, and only of the rare value.
SELECT * FROM advice('SELECT fill FROM doc WHERE flag');
SELECT * FROM advice('SELECT fill FROM doc WHERE NOT rare');
SELECT advised[1] ~ 'WHERE' AS partial, cheaper FROM proof('SELECT fill FROM doc WHERE rare');

-- 32: values that no B-tree can hold.
CREATE TABLE long (id integer, value text, fill text) WITH (autovacuum_enabled = false);
INSERT INTO long SELECT i, (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 300) j) FROM generate_series(1, 2) i;
INSERT INTO long SELECT i, md5(i::text), repeat('x', 500) FROM generate_series(1, 20000) i;
VACUUM ANALYZE long;
SELECT a FROM advice($$SELECT fill FROM long WHERE value = 'abc'$$) a WHERE a ~ '\(value\)' AND a !~ 'hash';
DROP TABLE long;

-- 34: a collation that is not deterministic; generated columns; system columns; materialized views.
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE special (id integer, name text COLLATE blind, twice integer GENERATED ALWAYS AS (id * 2) STORED, fill text)
    WITH (autovacuum_enabled = false);
INSERT INTO special (id, name, fill) SELECT i, 'name' || i, repeat('x', 500) FROM generate_series(1, 20000) i;
CREATE MATERIALIZED VIEW materialized WITH (autovacuum_enabled = false) AS SELECT * FROM doc;
VACUUM ANALYZE special, materialized;
SELECT * FROM advice($$SELECT id FROM special WHERE name = 'NAME17'$$);
SELECT * FROM advice('SELECT id FROM special WHERE twice = 34');
SELECT * FROM advice($$SELECT id FROM special WHERE xmin = '17'$$);
SELECT * FROM advice('SELECT id FROM special WHERE tableoid = 17');
SELECT * FROM advice('SELECT id FROM materialized WHERE code = 17');

-- 35: names that need quotes, that are long, that are taken.
CREATE SCHEMA "Odd Name";
CREATE TABLE "Odd Name"."A table; with a name of many letters, as long as one may be ""x""" (id integer, "a ""column"", too" integer,
    fill text) WITH (autovacuum_enabled = false);
INSERT INTO "Odd Name"."A table; with a name of many letters, as long as one may be ""x""" SELECT i, i % 10000, repeat('x', 500)
FROM generate_series(1, 20000) i;
ANALYZE "Odd Name"."A table; with a name of many letters, as long as one may be ""x""";
SELECT cardinality(advised), cheaper FROM proof($$SELECT fill FROM "Odd Name"."A table; with a name of many letters, as long as one may be ""x""" WHERE "a ""column"", too" = 17$$);
DO $$
DECLARE
    command text;
BEGIN
    SELECT a.command INTO command FROM warden.advice_missing(queries => ARRAY['SELECT fill FROM meaning.other WHERE code = 17']) a;
    -- what has the name already is something else
    EXECUTE format('CREATE VIEW %s AS SELECT 1', substring(command FROM 'INDEX CONCURRENTLY (\S+) ON'));
END$$;
SELECT * FROM proof('SELECT fill FROM meaning.other WHERE code = 17');

-- 36, 37: never unique; never on catalogs, or temporary tables.
SELECT a FROM advice('SELECT fill FROM other WHERE code = 17', 'SELECT count(DISTINCT code) FROM doc') a WHERE a ~ 'UNIQUE';
SELECT * FROM advice('SELECT oid FROM pg_proc WHERE prosrc = ''x''', 'SELECT attname FROM pg_attribute WHERE atttypid = 17');
-- 39: small tables, whatever they are asked; cheap queries.
CREATE TABLE little (id integer, code integer) WITH (autovacuum_enabled = false);
INSERT INTO little SELECT i, i FROM generate_series(1, 50000) i;
ANALYZE little;
SELECT * FROM advice('SELECT * FROM little WHERE code = 17');
SELECT * FROM advice('SELECT fill FROM other WHERE id = 17 AND code = 17');

-- What is there is not advised again: also of another method, and as the beginning of another one.
CREATE INDEX by_span ON doc USING gist (span);
CREATE INDEX by_tags ON doc USING gin (tags);
CREATE INDEX by_code ON doc (code, id);
CREATE INDEX by_lower ON doc (lower(name));
CREATE INDEX by_rare ON doc (id) WHERE rare;
ANALYZE doc;
SELECT * FROM advice('SELECT fill FROM doc WHERE span && int4range(5, 6)', 'SELECT fill FROM doc WHERE tags @> ARRAY[5]',
                     'SELECT fill FROM doc WHERE code = 17', 'SELECT fill FROM doc WHERE lower(name) = ''name17''', 'SELECT fill FROM doc WHERE rare',
                     'SELECT fill FROM other WHERE id = 17');
SET client_min_messages = warning;
DROP SCHEMA meaning, "Odd Name" CASCADE;
