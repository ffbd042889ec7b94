-- Whatever happens to rows: a table is shown as it was, and a row's history leads to what it is.
SET client_min_messages = warning;
CREATE TABLE by_number (id int PRIMARY KEY DEFERRABLE, k text, v int, w text);
CREATE TABLE by_two (id int, k text, v int, w text, PRIMARY KEY (k, id) DEFERRABLE);
CREATE TABLE without (id int, k text, v int, w text);
CREATE TABLE parts (id int PRIMARY KEY DEFERRABLE, k text, v int, w text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (20);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (20) TO (MAXVALUE);
CREATE TABLE copies (target regclass, mark bigint, moment timestamptz, rows text[]);
SELECT count(*) FROM (VALUES ('by_number'::regclass), ('by_two'), ('without'), ('parts')) t (target), warden.audit_enable(target);

CREATE PROCEDURE step(target regclass) LANGUAGE plpgsql AS $$
DECLARE
    one int := random() * 40;
    other int := random() * 40;
BEGIN
    EXECUTE format(CASE floor(random() * 11)
        WHEN 0 THEN 'INSERT INTO %1$s SELECT i, ''k'' || i %% 3, i, NULL FROM generate_series(%2$s, %2$s + 3) i WHERE i NOT IN (SELECT id FROM %1$s)'
        WHEN 1 THEN 'INSERT INTO %1$s SELECT %3$s, ''k'', 1, ''one'' WHERE %3$s NOT IN (SELECT id FROM %1$s)'
        WHEN 2 THEN 'UPDATE %1$s SET v = v + 1 WHERE id %% 3 = %2$s %% 3'
        WHEN 3 THEN 'UPDATE %1$s SET w = %2$L WHERE id = %3$s'
        WHEN 4 THEN 'UPDATE %1$s SET v = %2$s, w = CASE WHEN v %% 2 = 0 THEN ''even'' END WHERE id < %3$s'
        WHEN 5 THEN 'UPDATE %1$s SET id = %2$s, v = v + 1 WHERE id = %3$s AND %2$s NOT IN (SELECT id FROM %1$s)'
        WHEN 6 THEN 'UPDATE %1$s SET id = id + 1'
        WHEN 7 THEN 'UPDATE %1$s SET id = CASE id WHEN %2$s THEN %3$s ELSE %2$s END WHERE id IN (%2$s, %3$s)
                     AND (SELECT count(DISTINCT id) FROM %1$s WHERE id IN (%2$s, %3$s)) = 2'
        WHEN 8 THEN 'UPDATE %1$s SET k = k || ''x'' WHERE id = %2$s'
        WHEN 9 THEN 'DELETE FROM %1$s WHERE id %% 7 = %2$s %% 7 OR id > 45'
        ELSE CASE WHEN random() < 0.1 THEN 'TRUNCATE %1$s'
                  ELSE 'WITH gone AS (DELETE FROM %1$s WHERE id = %2$s RETURNING *) INSERT INTO %1$s SELECT id, k, 0, ''again'' FROM gone' END
        END, target, one, other);
END $$;
CREATE PROCEDURE live(target regclass, steps int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..steps LOOP
        CALL step(target);
        IF random() < 0.2 THEN -- undone
            BEGIN
                CALL step(target);
                CALL step(target);
                RAISE division_by_zero;
            EXCEPTION WHEN division_by_zero THEN NULL;
            END;
        END IF;
        IF i % 7 = 0 THEN -- within a transaction
            EXECUTE format('INSERT INTO copies SELECT %L, warden.audit_mark(), NULL, ARRAY(SELECT t::text FROM %s t ORDER BY 1)', target, target);
        END IF;
        IF random() < 0.5 THEN
            COMMIT;
        END IF;
        IF i % 10 = 0 THEN
            COMMIT;
            EXECUTE format('INSERT INTO copies SELECT %L, NULL, clock_timestamp(), ARRAY(SELECT t::text FROM %s t ORDER BY 1)', target, target);
            COMMIT;
        END IF;
    END LOOP;
END $$;
-- The same tables each time; another seed is as good.
SELECT setseed(0.25);
CALL live('by_number', 200);
CALL live('by_two', 200);
CALL live('without', 200);
CALL live('parts', 200);

CREATE FUNCTION as_of(target regclass, mark bigint, moment timestamptz) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    rows text[];
BEGIN
    EXECUTE format('SELECT ARRAY(SELECT a::text FROM warden.audit_as_of(NULL::%s, $1, $2) a ORDER BY 1)', target) INTO rows USING moment, mark;
    RETURN rows;
END $$;
SELECT target, count(mark) AS marks, count(moment) AS moments, max(cardinality(rows)) > 10 AS has_rows FROM copies GROUP BY 1 ORDER BY 1;
SELECT * FROM copies WHERE as_of(target, mark, moment) IS DISTINCT FROM rows;

-- What a key's history leads to: of two rows that have one key within a statement, the one that had it first moves on.
CREATE FUNCTION replayed(target regclass, key jsonb) RETURNS jsonb[] LANGUAGE plpgsql AS $$
DECLARE
    event record;
    states jsonb[] := '{}';
    place int;
BEGIN
    FOR event IN SELECT * FROM warden.audit_history(target, key) ORDER BY id LOOP
        place := (SELECT n FROM unnest(states) WITH ORDINALITY s (state, n) WHERE state @> (event.key || coalesce(event.old, '{}')) ORDER BY n LIMIT 1);
        IF event.operation = 'INSERT' THEN
            states := states || event.new;
        ELSE
            states := states[:place - 1] || states[place + 1:]
                      || CASE event.operation WHEN 'UPDATE' THEN ARRAY[states[place] || event.new] END;
        END IF;
    END LOOP;
    RETURN ARRAY(SELECT state FROM unnest(states) state WHERE state @> key);
END $$;
SELECT 'by_number', key, states, row FROM generate_series(0, 60, 3) i, jsonb_build_object('id', i) key,
    LATERAL (SELECT replayed('by_number', key) AS states, (SELECT to_jsonb(t) AS row FROM by_number t WHERE id = i) OFFSET 0) r
WHERE states IS DISTINCT FROM array_remove(ARRAY[row], NULL);
SELECT 'parts', key, states, row FROM generate_series(0, 60, 3) i, jsonb_build_object('id', i) key,
    LATERAL (SELECT replayed('parts', key) AS states, (SELECT to_jsonb(t) AS row FROM parts t WHERE id = i) OFFSET 0) r
WHERE states IS DISTINCT FROM array_remove(ARRAY[row], NULL);
SELECT 'by_two', t FROM by_two t WHERE replayed('by_two', jsonb_build_object('id', id, 'k', k)) IS DISTINCT FROM ARRAY[to_jsonb(t)];
-- And who set its columns, to what they are.
SELECT 'blame', t, b FROM by_number t, LATERAL (SELECT jsonb_object_agg("column", value) AS b FROM warden.audit_blame('by_number', jsonb_build_object('id', id))) b
WHERE b IS DISTINCT FROM to_jsonb(t);

-- Little memory: the same rows, found in parts.
CREATE TABLE large (id int PRIMARY KEY, v int, w text);
SELECT count(*) FROM warden.audit_enable('large');
INSERT INTO large SELECT i, i, 'w' || i FROM generate_series(1, 20000) i;
SELECT warden.audit_mark() AS mark \gset
CREATE TABLE kept AS TABLE large;
UPDATE large SET v = v + 1 WHERE id % 4 <> 0;
UPDATE large SET id = id + 1000000 WHERE id % 5 = 0;
DELETE FROM large WHERE id % 7 = 0;
INSERT INTO large SELECT i, 0, 'new' FROM generate_series(50000, 70000) i;
UPDATE large SET w = 'last' WHERE id % 3 = 0;
SET maintenance_work_mem = '1MB';
SELECT count(*) AS rows, count(*) FILTER (WHERE l IS NOT DISTINCT FROM k) AS same FROM warden.audit_as_of(NULL::large, mark => :mark) l FULL JOIN kept k USING (id);
RESET maintenance_work_mem;

DROP TABLE by_number, by_two, without, parts, copies, large, kept CASCADE;
DROP PROCEDURE live, step;
DROP FUNCTION as_of, replayed;
-- The tests of other features count sets of partitions: the log's are not left there.
DROP EXTENSION pg_warden CASCADE;
CREATE EXTENSION pg_warden;
-- The built-in job would come every ten minutes, in the midst of whatever test that is: it goes on resting until the tests of jobs.
DO $$ BEGIN PERFORM set_config('client_min_messages', 'warning', true), warden.schedule_pause('maintain'); END $$;
