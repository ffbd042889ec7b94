-- What other advisors answer wrongly: the right answer, or silence. Of planning: joins, views, partitions, texts, and what
-- must not be left behind.
CREATE SCHEMA wrong;
SET search_path = wrong, public;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE item (id integer PRIMARY KEY, code integer, owner integer, deleted boolean, at timestamptz, name text COLLATE "C", fill text)
    WITH (autovacuum_enabled = false);
INSERT INTO item SELECT i, i % 10000, i % 500, i % 100 <> 0, timestamptz '2024-01-01 UTC' + i * interval '1 min', 'name' || i,
                        repeat('x', 500)
FROM generate_series(1, 20000) i;
CREATE TABLE person (id integer PRIMARY KEY, code integer, fill text) WITH (autovacuum_enabled = false);
INSERT INTO person SELECT i, i % 10000, repeat('x', 500) FROM generate_series(1, 20000) i;
CREATE TABLE parted (id integer, kind integer, code integer, fill text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 (code integer, gone integer, fill text, kind integer, id integer) WITH (autovacuum_enabled = false);
ALTER TABLE parted_1 DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES FROM (0) TO (20000);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (20000) TO (40000) WITH (autovacuum_enabled = false);
INSERT INTO parted SELECT i, i % 2, i % 10000, repeat('x', 500) FROM generate_series(0, 39999) i;
VACUUM ANALYZE item, person, parted;

-- What is advised, without the names of indexes, of which others have opinions; the same sequence for partitions in one line.
CREATE FUNCTION advice(VARIADIC queries text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(split_part(command, ';', 1), 'INDEX (CONCURRENTLY )?("[^"]+"|\S+) ON', 'INDEX ON'), '\s+', ' ', 'g')
    FROM warden.advice_missing(queries => queries) ORDER BY 1$$;
-- What is advised is built, and the plan becomes cheaper by what the index does; then all is as before.
CREATE FUNCTION cost(query text) RETURNS float8 LANGUAGE plpgsql AS
    $$DECLARE plan json; BEGIN EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan; RETURN plan -> 0 -> 'Plan' ->> 'Total Cost'; END$$;
CREATE FUNCTION proof(query text) RETURNS TABLE (advised bigint, cheaper boolean, as_predicted boolean) LANGUAGE plpgsql AS $$
DECLARE
    before float8 := cost(query);
    predicted float8;
    command text;
BEGIN
    SELECT count(*), min(cost_after) INTO advised, predicted FROM warden.advice_missing(queries => ARRAY[query]);
    BEGIN
        FOR command IN SELECT a.command FROM warden.advice_missing(queries => ARRAY[query]) a LOOP
            EXECUTE replace(command, 'CONCURRENTLY ', '');
        END LOOP;
        ANALYZE item, person, parted;
        cheaper := cost(query) < before * 0.9;
        as_predicted := abs(cost(query) - predicted) <= predicted * 0.1;
        RAISE SQLSTATE 'ROLLB';
    EXCEPTION WHEN SQLSTATE 'ROLLB' THEN
    END;
    RETURN NEXT;
END$$;
-- Whether a hypothetical index is used, and makes the plan cheaper.
CREATE FUNCTION what_if(query text, VARIADIC commands text[]) RETURNS TABLE (used bigint, cheaper boolean) LANGUAGE sql AS $$
    SELECT cardinality(w.used), cost_after < cost_before * 0.9 FROM warden.advice_what_if(query, commands) w$$;

-- 1b: comments and literals are no matter for regular expressions.
SELECT * FROM advice('/*a*/ SELECT id FROM item WHERE owner = 7 /*b*/');
SELECT * FROM advice('SELECT id FROM item WHERE owner = 7 -- AND code = 1');
SELECT * FROM advice($$SELECT id FROM item WHERE name = 'a--b'$$);
SELECT * FROM advice($$SELECT id FROM item WHERE name = 'a;b'$$);
SELECT * FROM advice($$SELECT id FROM item WHERE name = '/*' AND fill <> '*/';$$);

-- 1b: not each index that a plan may use is worth it: all rows, nearly all rows.
SELECT * FROM advice('SELECT * FROM item WHERE code >= 100');
SELECT * FROM advice('SELECT * FROM item WHERE owner IS NOT NULL');
SELECT * FROM advice('SELECT * FROM item i JOIN person p USING (id)');

-- 1b: a column is of the table that it is of, not of each that has one of its name; and it is not for being shown.
SELECT * FROM advice('SELECT p.code FROM item i JOIN person p ON p.id = i.id WHERE i.code = 5');
SELECT * FROM proof('SELECT p.code FROM item i JOIN person p ON p.id = i.id WHERE i.code = 5');

-- 1b: a third of a query's cost is much.
SELECT * FROM advice($$SELECT count(*) FROM item WHERE owner = 7 UNION ALL SELECT count(*) FROM person WHERE fill LIKE '%y%'
    UNION ALL SELECT count(*) FROM person WHERE fill LIKE '%z%'$$);

-- 1b: all queries of a workload, each on its table.
SELECT * FROM advice('SELECT id FROM item WHERE owner = 7', 'SELECT id FROM person WHERE code = 7');

-- 1b: an error leaves nothing that the next query is planned with; and no plan is kept.
PREPARE kept AS SELECT id FROM item WHERE owner = 7;
EXECUTE kept;
SELECT count(*) FROM warden.advice_what_if('SELECT 1 / (owner - owner) FROM item WHERE owner = 7 AND 1 / 0 = 1', ARRAY['CREATE INDEX ON wrong.item (owner)']);
EXPLAIN (COSTS off) SELECT id FROM item WHERE owner = 7;
SELECT * FROM what_if('SELECT id FROM item WHERE owner = 7', 'CREATE INDEX ON wrong.item (owner)');
EXPLAIN (COSTS off) SELECT id FROM item WHERE owner = 7;
EXPLAIN (COSTS off) EXECUTE kept;
DEALLOCATE kept;

-- 1b: partitions have their columns in another order.
SELECT * FROM what_if('SELECT id FROM parted WHERE code = 7', 'CREATE INDEX ON wrong.parted (code)');
SELECT * FROM what_if('SELECT id FROM parted WHERE kind = 7', 'CREATE INDEX ON wrong.parted (code)');
SELECT * FROM what_if('SELECT id FROM parted WHERE code + 1 = 7', 'CREATE INDEX ON wrong.parted ((code + 1))');
SELECT count(*) AS rows, bool_and(relation = 'parted'::regclass) AS of_parent
FROM warden.advice_missing(queries => ARRAY['SELECT id FROM parted WHERE code = 7']);
SELECT * FROM proof('SELECT id FROM parted WHERE code = 7');

-- 1b: joins and OR.
SELECT * FROM advice('SELECT p.fill FROM item i JOIN person p ON p.code = i.id WHERE i.id = 5');
SELECT * FROM proof('SELECT p.fill FROM item i JOIN person p ON p.code = i.id WHERE i.id = 5');
SELECT * FROM advice('SELECT fill FROM item WHERE code = 5 OR owner = 7');
SELECT * FROM proof('SELECT fill FROM item WHERE code = 5 OR owner = 7');

-- 1b, 26: trigrams without pg_trgm, and below three letters with it.
SELECT * FROM advice($$SELECT id FROM item WHERE name LIKE '%ame19%'$$);

-- Finding 1, traps 1, 2: partial and expression indexes of a table that is not the query's first, and in views.
SELECT * FROM what_if('SELECT i.id FROM person p JOIN item i ON i.owner = p.id WHERE p.id = 7 AND NOT i.deleted',
                      'CREATE INDEX ON wrong.item (owner) WHERE NOT deleted');
SELECT * FROM what_if('SELECT i.id FROM person p, item i WHERE p.id = 7 AND i.owner + 1 = p.id', 'CREATE INDEX ON wrong.item ((owner + 1))');
CREATE VIEW undeleted AS SELECT i.*, p.code AS person_code FROM person p JOIN item i ON i.owner = p.id WHERE NOT i.deleted;
SELECT * FROM what_if('SELECT id FROM undeleted WHERE code = 7', 'CREATE INDEX ON wrong.item (code) WHERE NOT deleted');
SELECT * FROM what_if('SELECT max(at) FROM undeleted WHERE at > now() - interval ''100 years'' AND person_code = 5',
                      'CREATE INDEX ON wrong.item (at) WHERE NOT deleted', 'CREATE INDEX ON wrong.person (code)');
-- proven of the wrong table it would be used
SELECT * FROM what_if('SELECT i.id FROM item j JOIN item i ON i.owner = j.id WHERE j.id = 7 AND NOT j.deleted',
                      'CREATE INDEX ON wrong.item (owner) WHERE NOT deleted');

-- Finding 2, trap 3: a predicate is simplified as the query is.
SELECT * FROM what_if('SELECT id FROM item WHERE NOT deleted AND owner = 7', 'CREATE INDEX ON wrong.item (owner) WHERE deleted = false');
SELECT * FROM what_if('SELECT id FROM item WHERE deleted = false', 'CREATE INDEX ON wrong.item (id) WHERE NOT deleted');
SELECT * FROM what_if('SELECT id FROM item WHERE owner IN (1, 2)', 'CREATE INDEX ON wrong.item (id) WHERE owner = 1 OR owner = 2');

-- Trap 5: a hypothetical index proves nothing: the join stays, whether the index claims to be unique or not.
SELECT jsonb_path_exists(plan_after, '$.** ? (@."Relation Name" == "person")') AS joined
FROM warden.advice_what_if('SELECT count(*) FROM item i LEFT JOIN person p ON p.code = i.id', ARRAY['CREATE UNIQUE INDEX ON wrong.person (code)']);
-- Trap 7: scrolling.
SELECT * FROM what_if('DECLARE c SCROLL CURSOR FOR SELECT id FROM item ORDER BY owner', 'CREATE INDEX ON wrong.item (owner)');

-- Trap 11: what row security adds is seen.
CREATE ROLE wrong_tenant;
GRANT USAGE ON SCHEMA wrong TO wrong_tenant;
GRANT SELECT ON item TO wrong_tenant;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON item USING (owner = 7);
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA wrong TO wrong_tenant;
GRANT pg_monitor TO wrong_tenant;
SET ROLE wrong_tenant;
SELECT * FROM advice('SELECT fill FROM item');
RESET ROLE;
SELECT * FROM advice('SELECT fill FROM item');
ALTER TABLE item DISABLE ROW LEVEL SECURITY;

-- Trap 12: no lock stays, not even in the transaction.
BEGIN;
SELECT * FROM advice('UPDATE item SET fill = ''y'' WHERE owner = 7', 'DELETE FROM person WHERE code = 5');
SELECT mode, relation::regclass FROM pg_locks
WHERE pid = pg_backend_pid() AND relation IN ('item'::regclass, 'person'::regclass) AND mode <> 'AccessShareLock';
COMMIT;

-- Trap 15: parameters. Equality is worth an index whatever the value; of a range nobody knows, and nothing is partial.
SELECT * FROM advice('SELECT id FROM item WHERE owner = $1');
SELECT * FROM advice('SELECT fill FROM item WHERE at >= $1');
SELECT a ~ 'owner' AS serves, a ~ 'WHERE' AS partial FROM advice('SELECT fill FROM item WHERE owner = $1 AND deleted = $2') a;
SELECT * FROM advice('SELECT fill FROM item WHERE name LIKE $1');

-- Trap 16: texts that are none, and tables that are gone or nobody else's, cost the others nothing.
CREATE TEMPORARY TABLE mine AS SELECT * FROM item;
ANALYZE mine;
SELECT * FROM advice('SELECT 1 FROM nowhere WHERE a = 1', 'SELEKT', '', 'SELECT id FROM item WHERE owner = 7', 'SELECT 1; SELECT 2',
                     'BEGIN', 'VACUUM item', 'SELECT id FROM mine WHERE owner = 7');

-- Trap 17: of a table that was never analyzed nobody knows anything.
CREATE TABLE unknown (id integer, code integer, fill text) WITH (autovacuum_enabled = false);
INSERT INTO unknown SELECT i, i, repeat('x', 500) FROM generate_series(1, 20000) i;
SELECT relation, command, reason FROM warden.advice_missing(queries => '{SELECT fill FROM unknown WHERE code = 7}');

-- Trap 18: half of the rows, though the planner guesses that it is one in two hundred.
SELECT * FROM advice('SELECT * FROM item WHERE code % 2 = 0');
SELECT * FROM advice('SELECT * FROM item WHERE code % 5000 = 1');

-- Trap 21: the first rows in an order.
SELECT * FROM advice('SELECT * FROM item ORDER BY at LIMIT 10');
SELECT * FROM proof('SELECT * FROM item ORDER BY at LIMIT 10');
SET client_min_messages = warning;
DROP SCHEMA wrong CASCADE;
DROP ROLE wrong_tenant;
