-- advice_what_if(): a plan as it is and as it would be, errors, and whose rights it needs.
SET max_parallel_workers_per_gather = 0;
CREATE ROLE what_if_owner;
CREATE ROLE what_if_reader;
CREATE ROLE what_if_nobody;

CREATE SCHEMA "What; If" AUTHORIZATION what_if_owner;
GRANT USAGE ON SCHEMA "What; If" TO what_if_reader, what_if_nobody;
SET ROLE what_if_owner;
SET search_path = "What; If";
CREATE TABLE "Order" (id int PRIMARY KEY, "Customer ""no""" int, placed date, state text, secret text) WITH (autovacuum_enabled = off);
INSERT INTO "Order" SELECT g, g % 2000, date '2024-01-01' + g % 300, 's' || g % 4, md5(g::text) FROM generate_series(1, 40000) g;
CREATE INDEX order_placed ON "Order" (placed);
CREATE TABLE customer (id int PRIMARY KEY, name text) WITH (autovacuum_enabled = off);
INSERT INTO customer SELECT g, 'n' || g FROM generate_series(1, 2000) g;
CREATE TABLE parted (k int, v int, w text) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10000) WITH (autovacuum_enabled = off);
CREATE TABLE parted_2 (w text, v int, k int) WITH (autovacuum_enabled = off);
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (10000) TO (30000);
INSERT INTO parted SELECT g, g * 7 % 5000, 'x' FROM generate_series(0, 29999) g;
CREATE INDEX parted_v ON parted (v);
VACUUM (ANALYZE) "Order", customer, parted_1, parted_2;
ANALYZE parted;
RESET ROLE;

-- Says what changes, and what is used; not the costs.
CREATE FUNCTION what_if(query text, commands text[] DEFAULT '{}', hide regclass[] DEFAULT '{}') RETURNS TABLE (effect text, used text[], nodes text)
LANGUAGE sql AS $$
SELECT CASE WHEN cost_after < cost_before * 0.9 THEN 'cheaper' WHEN cost_after > cost_before * 1.1 THEN 'dearer' ELSE 'the same' END, used,
       (SELECT string_agg(n #>> '{}', ' ' ORDER BY o) FROM jsonb_path_query(plan_after, 'strict $.** ? (exists (@."Node Type"))."Node Type"') WITH ORDINALITY p (n, o))
FROM warden.advice_what_if(query, commands, hide)
$$;
CREATE FUNCTION failure(command text) RETURNS TABLE (field text, value text) LANGUAGE plpgsql AS $$
DECLARE state text; message text; details text; advice text;
BEGIN
    EXECUTE command;
    RETURN QUERY SELECT 'no error', '';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, details = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
    RETURN QUERY SELECT * FROM (VALUES (state, message), ('detail', details), ('hint', advice)) v (f, s) WHERE s <> '';
END $$;
GRANT CREATE ON SCHEMA public TO what_if_reader;

-- What is said is what EXPLAIN says.
CREATE FUNCTION explained(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan; RETURN plan; END $$;
SELECT query, plan_before = explained(query) AS as_explained, plan_after = plan_before AS unchanged,
       abs(cost_before - (explained(query) -> 0 -> 'Plan' ->> 'Total Cost')::float8) < 0.011 AS same_cost
FROM (VALUES ('SELECT * FROM "Order" WHERE placed = ''2024-02-02'''), ('SELECT count(*) FROM parted WHERE v = 3'), ('SELECT 1'),
             ('UPDATE "Order" SET state = ''x'' WHERE id = 1'), ('WITH c AS (DELETE FROM customer WHERE id = 5 RETURNING *) SELECT * FROM c'),
             ('INSERT INTO customer VALUES (5, ''five'') ON CONFLICT (id) DO UPDATE SET name = excluded.name'),
             ('VALUES (1), (2)')) q (query), warden.advice_what_if(query);

-- new indexes, by the name that they would get or that they are given
SELECT * FROM what_if('SELECT * FROM "Order" WHERE "Customer ""no""" = 5', ARRAY['CREATE INDEX ON "Order" ("Customer ""no""")']);
SELECT * FROM what_if('SELECT * FROM "Order" WHERE "Customer ""no""" = 5', ARRAY['create unique index concurrently if not exists "My Index" on only "Order" using btree ("Customer ""no""") with (fillfactor = 70)']);
SELECT * FROM what_if('SELECT * FROM "Order" WHERE "Customer ""no""" = $1 AND state = $2', ARRAY['CREATE INDEX a ON "Order" (state)', 'CREATE INDEX b ON "Order" ("Customer ""no""", state)']);
SELECT * FROM what_if('SELECT * FROM customer c JOIN "Order" o ON o."Customer ""no""" = c.id WHERE c.id = 7', ARRAY['CREATE INDEX ON "Order" ("Customer ""no""")']);
SELECT * FROM what_if('SELECT * FROM parted WHERE k = 15000 AND v = 3', ARRAY['CREATE INDEX kv ON parted (k, v)']);
SELECT * FROM what_if('SELECT * FROM parted_2 WHERE k = 15000', ARRAY['CREATE INDEX kv ON parted (k, v)']);
SELECT * FROM what_if('SELECT * FROM parted WHERE w > ''x''', ARRAY['CREATE INDEX ON parted_2 (w)', 'CREATE INDEX ON parted_1 (w)']);
-- one that is there already changes nothing
SELECT * FROM what_if('SELECT * FROM "Order" WHERE placed = ''2024-02-02''', ARRAY['CREATE INDEX ON "Order" (placed)']);
-- it is in the plan by its name
SELECT n #>> '{}' AS index FROM warden.advice_what_if('SELECT * FROM "Order" WHERE state = ''nothing'' AND id < 5000', ARRAY['CREATE INDEX "Sta;te" ON "Order" (state)']),
    jsonb_path_query(plan_after, 'strict $.** ? (exists (@."Index Name"))."Index Name"') n;
-- uniqueness that does not exist proves nothing
SELECT * FROM what_if('SELECT o.id FROM "Order" o LEFT JOIN customer c ON c.name = o.state', ARRAY['CREATE UNIQUE INDEX ON customer (name)']);
SELECT * FROM what_if('SELECT o.id FROM "Order" o LEFT JOIN customer c ON c.id = o.id');

-- without an index
SELECT * FROM what_if('SELECT * FROM "Order" WHERE placed = ''2024-02-02''', hide => '{order_placed}');
SELECT * FROM what_if('SELECT * FROM "Order" WHERE id = 5', hide => ARRAY['"Order_pkey"'::regclass]);
SELECT * FROM what_if('SELECT * FROM parted WHERE v = 3', hide => '{parted_v}');
SELECT * FROM what_if('SELECT * FROM parted WHERE v = 3', hide => '{parted_2_v_idx}');
SELECT * FROM what_if('SELECT o.id FROM "Order" o LEFT JOIN customer c ON c.id = o.id', hide => '{customer_pkey}');
-- and with another in its place
SELECT * FROM what_if('SELECT * FROM "Order" WHERE placed = ''2024-02-02'' AND state = ''s1''', ARRAY['CREATE INDEX wider ON "Order" (placed, state)'], '{order_placed}');

-- what wraps a statement; what rules make of one
SELECT query, w.* FROM unnest(ARRAY['EXPLAIN (ANALYZE) SELECT * FROM customer WHERE name = ''n5''', 'DECLARE c CURSOR FOR SELECT * FROM customer WHERE name = ''n5''',
    'CREATE TABLE made AS SELECT * FROM customer WHERE name = ''n5''', 'COPY (SELECT * FROM customer WHERE name = ''n5'') TO STDOUT',
    'SELECT * INTO made FROM customer WHERE name = ''n5''']) query, what_if(query, ARRAY['CREATE INDEX ON customer (name)']) w;
SELECT to_regclass('made') AS nothing_is_made;
CREATE VIEW ruled AS SELECT * FROM customer;
CREATE RULE both_ways AS ON UPDATE TO ruled DO INSTEAD (UPDATE customer SET name = new.name WHERE name = old.name; DELETE FROM "Order" WHERE id = old.id);
SELECT jsonb_array_length(plan_after) AS statements, cost_after < cost_before AS cheaper FROM warden.advice_what_if('UPDATE ruled SET name = ''x'' WHERE name = ''n5''', ARRAY['CREATE INDEX ON customer (name)']);
DROP VIEW ruled;

-- errors
SELECT q, f.* FROM unnest(ARRAY[
    'NULL', '''''', '''SELECT 1; SELECT 2''', '''SELEC''', '''VACUUM''', '''EXECUTE p''', '''SELECT * FROM nowhere''', '''SELECT 1'', NULL', '''SELECT 1'', ARRAY[NULL]',
    '''SELECT 1'', hide => NULL', '''SELECT 1'', hide => ARRAY[NULL]::regclass[]', '''SELECT 1'', ARRAY[''DROP TABLE customer'']',
    '''SELECT 1'', ARRAY[''CREATE INDEX ON customer (id); CREATE INDEX ON customer (name)'']', '''SELECT 1'', ARRAY[''CREATE INDEX ON nowhere (id)'']',
    '''SELECT 1'', ARRAY[''CREATE INDEX ON customer (nothing)'']', '''SELECT 1'', ARRAY[''CREATE INDEX ON customer USING btree (ctid)'']',
    '''SELECT 1'', ARRAY[''CREATE INDEX ON customer USING nothing (id)'']', '''SELECT 1'', ARRAY[''CREATE INDEX ON customer USING gin (id)'']',
    '''SELECT 1'', ARRAY[''CREATE INDEX ON customer (id text_ops)'']', '''SELECT 1'', ARRAY[''CREATE INDEX ON customer USING hash (id, name)'']',
    '''SELECT 1'', ARRAY[''CREATE INDEX ON customer USING hash (id) INCLUDE (name)'']', '''SELECT 1'', ARRAY[''CREATE INDEX ON customer USING hash (id DESC)'']',
    '''SELECT 1'', ARRAY[''CREATE INDEX ON customer (id) INCLUDE (lower(name))'']', '''SELECT 1'', ARRAY[''CREATE INDEX ON customer ((now()))'']',
    '''SELECT 1'', ARRAY[''CREATE INDEX ON customer (id) WHERE random() > 0.5'']', '''SELECT 1'', ARRAY[''CREATE INDEX ON customer (id COLLATE "C")'']',
    '''SELECT 1'', ARRAY[''CREATE INDEX ON customer (((SELECT 1)))'']', '''SELECT 1'', ARRAY[''CREATE INDEX ON pg_class (relpages)'']', '''SELECT 1'', ARRAY[''CREATE INDEX ON pg_stats (tablename)'']',
    '''SELECT * FROM customer'', hide => ARRAY[''customer''::regclass]', '''SELECT * FROM customer'', hide => ARRAY[''order_placed''::regclass]', '''SELECT * FROM customer'', hide => ARRAY[1::regclass]'
    ]) WITH ORDINALITY a (q, n), failure('SELECT warden.advice_what_if(' || q || ')') f ORDER BY n;

-- Everybody may ask about what he may see, by EXPLAIN's rules.
GRANT SELECT ON customer TO what_if_reader;
GRANT SELECT (id, state) ON "Order" TO what_if_reader;
SET ROLE what_if_nobody;
SELECT * FROM failure($$SELECT warden.advice_what_if('SELECT * FROM customer')$$);
SELECT * FROM failure($$SELECT warden.advice_what_if('SELECT 1', ARRAY['CREATE INDEX ON customer (name)'])$$);
SET ROLE what_if_reader;
SELECT used, cost_after < cost_before AS cheaper FROM warden.advice_what_if('SELECT id FROM "Order" WHERE state = ''nothing''', ARRAY['CREATE INDEX s ON "Order" (state)']);
SELECT * FROM failure($$SELECT warden.advice_what_if('SELECT secret FROM "Order"')$$);
SELECT * FROM failure($$SELECT warden.advice_what_if('UPDATE customer SET name = 1')$$);
-- Expressions would be evaluated as the table's owner.
CREATE FUNCTION public.whose(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ 
BEGIN IF current_user <> 'what_if_owner' THEN RAISE WARNING 'run by %', current_user; END IF; RETURN $1; END $$;
SELECT * FROM failure($$SELECT warden.advice_what_if('SELECT * FROM customer', ARRAY['CREATE INDEX ON customer (public.whose(name))'])$$);
SELECT * FROM failure($$SELECT warden.advice_what_if('SELECT * FROM customer', ARRAY['CREATE INDEX ON customer (id) WHERE public.whose(''x'') = name'])$$);
RESET ROLE;
SELECT used FROM warden.advice_what_if('SELECT id FROM customer WHERE id = 3', ARRAY['CREATE INDEX ON customer (id) WHERE public.whose(''x'') = ''y''']);
SELECT current_setting('work_mem') AS work_mem \gset
-- not written to by what is planned
CREATE FUNCTION public.does(command text) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN EXECUTE command; RETURN 1; END $$;
CREATE FUNCTION public.writes() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.does('DELETE FROM "What; If".customer'); END $$;
CREATE FUNCTION public.may_write() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.does('SET transaction_read_only = off'); END $$;
CREATE FUNCTION public.becomes() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN public.does('SET ROLE what_if_owner'); END $$;
CREATE FUNCTION public.sets() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN public.does('SET work_mem = 64'); END $$;
SELECT * FROM failure($$SELECT warden.advice_what_if('SELECT * FROM customer WHERE id = public.writes()')$$);
SELECT * FROM failure($$SELECT warden.advice_what_if('SELECT * FROM customer WHERE id = public.may_write()')$$);
SELECT * FROM failure($$SELECT warden.advice_what_if('SELECT * FROM customer WHERE id = public.becomes()')$$);
SELECT w.used, current_setting('work_mem') = :'work_mem' AS setting_unchanged FROM warden.advice_what_if('SELECT * FROM customer WHERE id = public.sets()') w;
SELECT count(*) FROM customer;

-- Row security is part of the plan.
ALTER TABLE customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON customer FOR SELECT TO what_if_reader USING (name = 'n' || length(current_user));
SET ROLE what_if_reader;
SELECT used, cost_after < cost_before AS cheaper, plan_after::text LIKE '%length%' AS has_policy FROM warden.advice_what_if('SELECT * FROM customer', ARRAY['CREATE INDEX n ON customer (name)']);
RESET ROLE;

-- Nothing stays: no lock, no setting, no prepared plan.
BEGIN READ ONLY;
SELECT used FROM warden.advice_what_if('SELECT * FROM parted WHERE v = 3 AND w = ''y''', ARRAY['CREATE INDEX ON parted (v, w)']);
SELECT relation::regclass FROM pg_locks WHERE pid = pg_backend_pid() AND relation::regclass::text ~ 'parted|order|customer';
SELECT current_setting('search_path'), current_setting('lock_timeout'), current_setting('transaction_read_only');
COMMIT;
SELECT count(*) FROM pg_class WHERE relname ~ '^(kv|wider|n|s)$';
SELECT n #>> '{}' AS scan FROM jsonb_path_query(explained('SELECT * FROM "Order" WHERE state = ''nothing'''), 'strict $.** ? (exists (@."Node Type"))."Node Type"') n;

DROP FUNCTION public.whose(text), public.does(text), public.writes(), public.may_write(), public.becomes(), public.sets();
RESET search_path;
DROP FUNCTION "What; If".what_if(text, text[], regclass[]), "What; If".failure(text), "What; If".explained(text);
REVOKE CREATE ON SCHEMA public FROM what_if_reader;
SET client_min_messages = warning;
DROP SCHEMA "What; If" CASCADE;
DROP ROLE what_if_owner, what_if_reader, what_if_nobody;
