-- Identity columns: the tables of a tree, and those of a default partition, are as CREATE TABLE ... PARTITION OF makes
-- them, which is for partitions from PostgreSQL 17 on; and can leave again.
SET client_min_messages = warning;
CREATE SCHEMA identities;
SET search_path = identities;
SELECT current_setting('server_version_num')::int >= 170000 AS handed_down \gset
CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ': ' || regexp_replace(sqlerrm, '(hand|ours)', '...', 'g');
END $$;
CREATE FUNCTION identities(prefix text) RETURNS TABLE (name text, identity "char", "not null" boolean, default_value text) LANGUAGE sql AS $$
    SELECT regexp_replace(relname, '^' || prefix, ''), attidentity, attnotnull, pg_get_expr(adbin, adrelid)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id'
    LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = a.attnum
    WHERE relnamespace = 'identities'::regnamespace AND relname ~ ('^' || prefix) AND relkind IN ('r', 'p') $$;

-- the same by hand and by us
CREATE TABLE hand (id bigint GENERATED ALWAYS AS IDENTITY, at int NOT NULL, tenant int) PARTITION BY RANGE (at);
CREATE TABLE ours (id bigint GENERATED ALWAYS AS IDENTITY, at int NOT NULL, tenant int) PARTITION BY RANGE (at);
CREATE TABLE hand_p0 PARTITION OF hand FOR VALUES FROM (0) TO (100) PARTITION BY HASH (tenant);
CREATE TABLE hand_p0_h2_0 PARTITION OF hand_p0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hand_p0_h2_1 PARTITION OF hand_p0 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE hand_default PARTITION OF hand DEFAULT PARTITION BY RANGE (at);
CREATE TABLE hand_default_late PARTITION OF hand_default FOR VALUES FROM (MINVALUE) TO (0);
CREATE TABLE hand_default_far PARTITION OF hand_default FOR VALUES FROM (100100) TO (MAXVALUE);
CREATE TABLE hand_default_rest PARTITION OF hand_default DEFAULT;
SELECT count(*) FROM warden.partition_by_number('ours', 100, ahead => 99);
SELECT count(*) FROM warden.partition_subdivide('ours', 'hash', 'tenant', modulus => 2);
DROP TABLE ours_p0;
SELECT partition, action, status, detail FROM warden.partition_maintain('ours');
SELECT partition, action, status, detail FROM warden.partition_add_default('ours');
SELECT name, count(*) FROM (SELECT * FROM identities('hand') UNION ALL SELECT * FROM identities('ours')) both_sets
GROUP BY name, identity, "not null", default_value ORDER BY name;
SELECT count(*) FILTER (WHERE identity = 'a') = CASE WHEN :'handed_down' THEN 8 ELSE 1 END AS right FROM identities('ours');
SELECT attempt(format('INSERT INTO %s (at, tenant) VALUES (1, 1), (2, 2), (3, 3), (-5, 1), (1000000, 1), (5000, 1)', t)) FROM unnest('{hand,ours}'::text[]) t;
SELECT tableoid::regclass, * FROM ours ORDER BY id;
SELECT tail, attempt(command || 'hand' || tail) = attempt(command || 'ours' || tail) AS same
FROM (VALUES ('INSERT INTO ', '_p0_h2_1 (at, tenant) VALUES (3, 3)'), ('INSERT INTO ', '_default_late (at) VALUES (-7)'),
             ('INSERT INTO ', '_p0 (id, at, tenant) VALUES (77, 5, 1)')) v (command, tail);
SELECT count(*) FROM hand EXCEPT SELECT count(*) FROM ours;
SELECT * FROM warden.partition_differences('ours');
-- they leave, and their tables are whole
ALTER TABLE ours DETACH PARTITION ours_p0;
ALTER TABLE ours DETACH PARTITION ours_default;
SELECT name, identity, "not null" FROM identities('ours') ORDER BY name;
INSERT INTO ours_p0 (id, at, tenant) VALUES (78, 5, 1);

-- retention takes them too, detached
CREATE TABLE old (id bigint GENERATED ALWAYS AS IDENTITY, at int NOT NULL, tenant int) PARTITION BY RANGE (at);
SELECT count(*) FROM warden.partition_by_number('old', 100, ahead => 99, on_expiry => 'detach');
SELECT count(*) FROM warden.partition_subdivide('old', 'list', 'tenant', keys => '{1}');
DROP TABLE old_p0;
SELECT partition, status FROM warden.partition_maintain('old');
INSERT INTO old (at, tenant) VALUES (10, 1), (20, 2);
UPDATE warden.partition_policies SET keep_number = 100 WHERE parent = 'old'::regclass;
CREATE TABLE old_p900 PARTITION OF old FOR VALUES FROM (900) TO (1000);
INSERT INTO old (at) VALUES (950);
SELECT partition, action, status, detail FROM warden.partition_maintain('old') WHERE action = 'detach';
SELECT * FROM old_p0 ORDER BY id;

-- rows that are in the default partition are moved into a tree, and keep their numbers
CREATE TABLE lists (id bigint GENERATED ALWAYS AS IDENTITY, a text, b int) PARTITION BY LIST (a);
CREATE TABLE lists_rest PARTITION OF lists DEFAULT;
SELECT count(*) FROM warden.partition_by_list('lists');
SELECT count(*) FROM warden.partition_subdivide('lists', 'hash', 'b', modulus => 2);
INSERT INTO lists (a, b) SELECT 'x', n FROM generate_series(1, 5) n;
SELECT partition, status FROM warden.partition_by_list('lists', keys => '{x}');
-- as one would copy it, but for the transaction, which this has
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN SELECT s FROM warden.partition_maintain('lists') m, regexp_split_to_table(m.command, ';\n') s WHERE s !~ '^(BEGIN|COMMIT)' LOOP
        EXECUTE statement;
    END LOOP;
END $$;
SELECT tableoid::regclass, * FROM lists ORDER BY id;
SELECT count(DISTINCT identity) = CASE WHEN :'handed_down' THEN 1 ELSE 2 END AS right FROM identities('lists');
ALTER TABLE lists DETACH PARTITION lists_x;

-- a tree that was attached as a whole can be mended
CREATE TABLE ours_odd (LIKE ours) PARTITION BY HASH (tenant);
CREATE TABLE ours_odd_0 PARTITION OF ours_odd FOR VALUES WITH (MODULUS 1, REMAINDER 0);
ALTER TABLE ours ATTACH PARTITION ours_odd FOR VALUES FROM (500) TO (600);
SELECT partition, property, expected, actual, command, reason
FROM (VALUES ('ours_odd_0', 'identity of column id', 'always', NULL,
    'ALTER TABLE identities.ours_odd DETACH PARTITION identities.ours_odd_0;
ALTER TABLE identities.ours_odd ATTACH PARTITION identities.ours_odd_0 FOR VALUES WITH (modulus 1, remainder 0)',
    'To attach the table anew reads it under that lock.')) v (partition, property, expected, actual, command, reason)
WHERE :'handed_down'
EXCEPT
SELECT partition::text, property, expected, actual, command, reason FROM warden.partition_differences('ours');
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN SELECT s FROM warden.partition_differences('ours') d, regexp_split_to_table(d.command, ';\n') s LOOP
        EXECUTE statement;
    END LOOP;
END $$;
SELECT * FROM warden.partition_differences('ours');
ALTER TABLE ours DETACH PARTITION ours_odd;

DROP SCHEMA identities CASCADE;
CALL warden.maintain();
