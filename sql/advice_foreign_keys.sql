-- A foreign key lacks an index if none finds its rows by all of its columns; it is told once.
CREATE SCHEMA af;
SET search_path = af;
-- statistics of deletes are not waited for: the tables are large enough
CREATE FUNCTION missing(relation regclass) RETURNS TABLE (relation regclass, foreign_keys text[], command text, caveats text[])
    LANGUAGE sql AS 'SELECT relation, foreign_keys, command, ARRAY(SELECT c FROM unnest(caveats) c WHERE c ~ ''^index'' ORDER BY c) FROM warden.advice_indexes($1) WHERE verdict = ''missing'' ORDER BY 2';
CREATE TABLE parent (a int, b int, n numeric, t text, PRIMARY KEY (a, b), UNIQUE (a), UNIQUE (b), UNIQUE (t));
INSERT INTO parent SELECT g, g, g, g FROM generate_series(1, 100) g;
CREATE TABLE child (a int, b int, t text, filler text,
                    CONSTRAINT ab FOREIGN KEY (a, b) REFERENCES parent,
                    CONSTRAINT a_only FOREIGN KEY (a) REFERENCES parent (a),
                    CONSTRAINT t_only FOREIGN KEY (t) REFERENCES parent (t));
INSERT INTO child SELECT g % 100 + 1, g % 100 + 1, g % 100 + 1, repeat('x', 400) FROM generate_series(1, 20000) g;

ANALYZE child;

-- all of them, two of which one index is enough for; and where, why and what to do
SELECT * FROM missing('child');
SELECT index IS NULL AS no_index, regexp_replace(reason, '\d{4}', 'N') AS reason, bytes > 0 AS sized, command_lock
FROM warden.advice_indexes('child') WHERE 'ab' = ANY (foreign_keys);
-- the commands can be run, and then there is nothing more to say
SELECT command FROM missing('child') \gexec
SELECT * FROM missing('child');
SELECT count(*) FROM pg_index WHERE indrelid = 'child'::regclass AND indisvalid;

-- any order of columns, and more of them behind
CREATE FUNCTION with_index(definition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
    EXECUTE 'CREATE ' || definition;
    SELECT coalesce(string_agg(k || coalesce(' (' || (SELECT c FROM unnest(caveats) c WHERE c ~ '^index') || ')', ''), ' ' ORDER BY k), '-')
    INTO told FROM warden.advice_indexes('af.child') m, unnest(m.foreign_keys) k WHERE m.verdict = 'missing' AND k IN ('ab', 't_only');
    DROP INDEX af.x;
    RETURN told;
END $$;
SELECT 'DROP INDEX ' || string_agg(indexrelid::regclass::text, ', ' ORDER BY indexrelid) FROM pg_index WHERE indrelid = 'child'::regclass \gexec
SELECT definition, with_index(definition)
FROM unnest(ARRAY['INDEX x ON child (b, a)', 'INDEX x ON child (a, b, t)', 'INDEX x ON child (a, t, b)', 'INDEX x ON child (a)',
    'INDEX x ON child (a) INCLUDE (b)', 'INDEX x ON child (a, b) WHERE a IS NOT NULL', 'INDEX x ON child (a, b) WHERE a > 5',
    'INDEX x ON child (a, b) WHERE a IS NOT NULL AND b IS NOT NULL', 'INDEX x ON child (a, (b + 0))', 'INDEX x ON child USING hash (t)',
    'INDEX x ON child USING hash (a)', 'INDEX x ON child (t text_pattern_ops)', 'INDEX x ON child (t COLLATE "C")', 'INDEX x ON child (t)',
    'INDEX x ON child USING brin (t)']) definition;
-- one that is not valid finds nothing
CREATE INDEX broken ON child (t);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass;
SELECT foreign_keys, caveats FROM missing('child') WHERE 't_only' = ANY (foreign_keys);

-- types that are compared across a family of operators; and several keys of the same columns
CREATE TABLE wide_child (a bigint, s smallint, filler text,
                         CONSTRAINT w1 FOREIGN KEY (a) REFERENCES parent (a),
                         CONSTRAINT w2 FOREIGN KEY (a) REFERENCES parent (b), FOREIGN KEY (s) REFERENCES parent (a));
INSERT INTO wide_child SELECT g % 100 + 1, g % 100 + 1, repeat('x', 400) FROM generate_series(1, 20000) g;
CREATE INDEX ON wide_child (s);
SELECT * FROM missing('wide_child');
CREATE INDEX ON wide_child (a);
SELECT * FROM missing('wide_child');

-- a table that refers to itself
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree, filler text);
INSERT INTO tree SELECT g, nullif(g / 2, 0), repeat('x', 400) FROM generate_series(1, 20000) g;
SELECT * FROM missing('tree');

-- one row a tree of partitions; indexes of all partitions do as well
CREATE TABLE target (id int, k int, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
CREATE TABLE target_1 PARTITION OF target FOR VALUES FROM (0) TO (10);
CREATE TABLE target_2 PARTITION OF target FOR VALUES FROM (10) TO (20);
CREATE TABLE leaf_rows (d int, id int, k int, filler text, CONSTRAINT to_target FOREIGN KEY (id, k) REFERENCES target)
    PARTITION BY RANGE (d);
CREATE TABLE leaf_1 (filler text, k int, id int, d int);
ALTER TABLE leaf_rows ATTACH PARTITION leaf_1 FOR VALUES FROM (0) TO (10);
CREATE TABLE leaf_2 PARTITION OF leaf_rows FOR VALUES FROM (10) TO (20);
INSERT INTO target SELECT 1, g FROM generate_series(1, 19) g;
INSERT INTO leaf_rows SELECT g % 20, 1, g % 19 + 1, repeat('x', 400) FROM generate_series(1, 20000) g;
SELECT relation, foreign_keys, command ~ 'ON ONLY' AS in_steps FROM missing('leaf_rows');
SELECT regexp_replace(reason, '^.*; ', '') AS reason FROM warden.advice_indexes('leaf_rows') WHERE verdict = 'missing';
CREATE INDEX ON leaf_1 (id, k);
SELECT regexp_replace(reason, '^.*; ', '') AS reason FROM warden.advice_indexes('leaf_rows') WHERE verdict = 'missing';
CREATE INDEX ON leaf_2 (k, id);
SELECT count(*) FROM missing('leaf_rows');
SELECT count(*) FROM warden.advice_indexes() WHERE verdict = 'missing' AND 'to_target' = ANY (foreign_keys);

-- a small table is read at once
CREATE TABLE few (a int REFERENCES parent (a));
INSERT INTO few SELECT 1 FROM generate_series(1, 100);
SELECT * FROM missing('few');

SET client_min_messages = warning;
DROP SCHEMA af CASCADE;
