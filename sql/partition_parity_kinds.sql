-- What is only said, and partitions that are not plain tables, or that have odd names.
SET client_min_messages = warning;
CREATE ROLE regress_warden_reader;
CREATE SCHEMA "odd schema";
CREATE SCHEMA kinds;
SET search_path = kinds;

-- what rewrites the table is said and never done
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_warden_space LOCATION '';
CREATE TABLE placed (id int, t text) PARTITION BY RANGE (id) TABLESPACE regress_warden_space;
CREATE TABLE placed_p900 (LIKE placed) TABLESPACE pg_default;
ALTER TABLE placed ATTACH PARTITION placed_p900 FOR VALUES FROM (900) TO (1000);
SELECT count(*) FROM warden.partition_by_number('placed', 100, ahead => 100);
SELECT * FROM warden.partition_differences('placed');
SELECT partition, status, command, detail FROM warden.partition_align('placed');
BEGIN;
SELECT partition, status FROM warden.partition_align('placed');
SELECT relation::regclass, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND relation::regclass::text ~ '^placed' AND mode <> 'AccessShareLock';
COMMIT;
-- nor does it keep what is milder from being done
COMMENT ON COLUMN placed.t IS 'text';
SELECT partition, status, command, detail FROM warden.partition_align('placed');
-- an access method, which a parent has from PostgreSQL 17 on
BEGIN;
CREATE ACCESS METHOD regress_warden_method TYPE TABLE HANDLER heap_tableam_handler;
UPDATE pg_class SET relam = (SELECT oid FROM pg_am WHERE amname = 'regress_warden_method') WHERE oid = 'placed'::regclass;
SELECT property, expected, actual, command, reason FROM warden.partition_differences('placed')
WHERE property = 'access method';
ROLLBACK;
-- unlogged ones are odd beside others, not if all are
CREATE TABLE fast (id int, t text) PARTITION BY RANGE (id);
CREATE UNLOGGED TABLE fast_p0 PARTITION OF fast FOR VALUES FROM (0) TO (100);
CREATE UNLOGGED TABLE fast_p100 PARTITION OF fast FOR VALUES FROM (100) TO (200);
SELECT count(*) FROM warden.partition_by_number('fast', 100, ahead => 100);
SELECT * FROM warden.partition_differences('fast');
ALTER TABLE fast_p0 SET LOGGED;
SELECT * FROM warden.partition_differences('fast');
SELECT partition, status, command, detail FROM warden.partition_align('fast');
-- a label needs a module: that it is read is all that can be tried here
BEGIN;
SET LOCAL allow_system_table_mods = on;
INSERT INTO pg_seclabel VALUES ('fast'::regclass, 'pg_class'::regclass, 0, 'a provider', 'it''s secret'),
    ('fast'::regclass, 'pg_class'::regclass, 2, 'a provider', 'very'),
    ('fast_p0'::regclass, 'pg_class'::regclass, 1, 'a provider', 'odd');
SELECT property, expected, actual, command, reason FROM warden.partition_differences('fast')
WHERE partition = 'fast_p0'::regclass;
ROLLBACK;

-- partitions that are foreign, partitioned, the default one, or just being detached
CREATE FOREIGN DATA WRAPPER regress_warden_wrapper;
CREATE SERVER regress_warden_server FOREIGN DATA WRAPPER regress_warden_wrapper;
CREATE TABLE mixed (id serial, t text) PARTITION BY RANGE (id);
CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER same BEFORE INSERT ON mixed FOR EACH ROW EXECUTE FUNCTION same();
SELECT nextval('mixed_id_seq');
CREATE TABLE mixed_rest PARTITION OF mixed DEFAULT;
CREATE FOREIGN TABLE mixed_foreign PARTITION OF mixed FOR VALUES FROM (800) TO (900) SERVER regress_warden_server;
CREATE TABLE mixed_deep PARTITION OF mixed FOR VALUES FROM (900) TO (1000) PARTITION BY LIST (t);
CREATE TABLE mixed_deep_a PARTITION OF mixed_deep FOR VALUES IN ('a');
SELECT count(*) FROM warden.partition_by_number('mixed', 100, ahead => 100,
    storage_parameters => '{fillfactor=50}');
GRANT SELECT ON mixed TO regress_warden_reader;
COMMENT ON COLUMN mixed.t IS 'text';
CREATE STATISTICS mixed_statistics ON id, t FROM mixed;
ALTER TABLE mixed REPLICA IDENTITY FULL, ENABLE ROW LEVEL SECURITY, ALTER t SET COMPRESSION pglz,
    ALTER t SET (n_distinct = 5);
ALTER TABLE ONLY mixed ALTER t SET STORAGE MAIN, ALTER t SET STATISTICS 7, DISABLE TRIGGER same;
SELECT partition, property, command FROM warden.partition_differences('mixed')
WHERE partition IN ('mixed_foreign'::regclass, 'mixed_deep'::regclass);
SELECT partition, status, detail, count(*) FROM warden.partition_align('mixed') GROUP BY 1, 2, 3 ORDER BY 1, 2;
SELECT * FROM warden.partition_differences('mixed');
SELECT attstorage, attcompression FROM pg_attribute WHERE attrelid = 'mixed_deep_a'::regclass AND attname = 't';
GRANT INSERT ON mixed TO regress_warden_reader;
BEGIN;
UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'mixed_p0'::regclass;
SELECT DISTINCT partition FROM warden.partition_differences('mixed') ORDER BY 1;
ROLLBACK;

-- odd names; a name that is too long, and one that is taken
CREATE ROLE "regress_warden ""odd""";
CREATE TABLE "odd schema"."odd ""parent""" ("i d" int, "100% 'col'" text) PARTITION BY RANGE ("i d");
CREATE TABLE "odd schema"."ein außergewöhnlich langer Name, der über sechzig Zeichen" PARTITION OF
    "odd schema"."odd ""parent""" FOR VALUES FROM (0) TO (100);
CREATE TABLE "odd schema"."odd ""parent""_p100" PARTITION OF "odd schema"."odd ""parent""" FOR VALUES FROM (100) TO (200);
SELECT status, detail FROM warden.partition_by_number('"odd schema"."odd ""parent"""', 100, ahead => 100);
CREATE FUNCTION "odd schema"."odd fn"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER "odd %s trigger" BEFORE INSERT ON "odd schema"."odd ""parent"""
    FOR EACH ROW EXECUTE FUNCTION "odd schema"."odd fn"();
ALTER TABLE ONLY "odd schema"."odd ""parent""" DISABLE TRIGGER "odd %s trigger";
ALTER TABLE ONLY "odd schema"."odd ""parent""" ALTER "100% 'col'" SET STATISTICS 5, ALTER "100% 'col'" SET STORAGE MAIN;
ALTER TABLE "odd schema"."odd ""parent""" ALTER "100% 'col'" SET (n_distinct = 5);
COMMENT ON COLUMN "odd schema"."odd ""parent"""."100% 'col'" IS E'100% ''\\odd''\n$1';
GRANT SELECT, UPDATE ("100% 'col'", "i d") ON "odd schema"."odd ""parent""" TO "regress_warden ""odd""";
CREATE STATISTICS s1 ON "i d", "100% 'col'", (lower("100% 'col'")) FROM "odd schema"."odd ""parent""";
CREATE STATISTICS s2 (mcv) ON "i d", "100% 'col'" FROM "odd schema"."odd ""parent""";
CREATE STATISTICS "odd schema"."odd ""parent""_p100_stat1" (ndistinct) ON "i d", "100% 'col'" FROM "odd schema"."odd ""parent""_p100";
CREATE UNIQUE INDEX "odd ON ONLY x USING" ON ONLY "odd schema"."odd ""parent""" ("i d", "100% 'col'");
SELECT partition, command FROM warden.partition_differences() WHERE parent = '"odd schema"."odd ""parent"""'::regclass;
SET search_path = "odd schema";
SELECT count(*) FROM warden.partition_differences('"odd ""parent"""');
SELECT partition, status, detail, count(*) FROM warden.partition_align('"odd ""parent"""') GROUP BY 1, 2, 3 ORDER BY 1, 2;
SELECT * FROM warden.partition_differences('"odd ""parent"""');
SET search_path = kinds;

-- what cannot be right
CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE advice text; n bigint;
BEGIN
    EXECUTE command; GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n || ' rows';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
    RETURN concat_ws(' / ', sqlstate || ': ' || sqlerrm, nullif(advice, ''));
END $$;
CREATE TABLE unmanaged (id int) PARTITION BY RANGE (id);
SELECT command, attempt('SELECT * FROM ' || command) FROM unnest(ARRAY[
    'warden.partition_differences(''kinds.unmanaged'')', 'warden.partition_differences(''kinds.unmanaged_not_there'')',
    'warden.partition_differences(''pg_class'')', 'warden.partition_differences(1::oid)',
    'warden.partition_align(NULL)', 'warden.partition_align(''kinds.placed'', dry_run => NULL)',
    'warden.partition_align(''kinds.unmanaged'')', 'warden.partition_align(1::oid)',
    'warden.partition_align(''kinds.placed'', ''kinds.fast_p0'')', 'warden.partition_align(''kinds.placed'', ''kinds.placed'')',
    'warden.partition_align(''kinds.placed'', 1::oid)', 'warden.partition_align(''kinds.mixed_deep'')',
    'warden.partition_align(''kinds.mixed'', ''kinds.mixed_deep_a'')']) command;
BEGIN READ ONLY;
SELECT count(*) > 0 FROM warden.partition_align('mixed', dry_run => true);
SELECT attempt('SELECT * FROM warden.partition_align(''kinds.mixed'')');
COMMIT;

DROP SCHEMA kinds, "odd schema" CASCADE;
DROP FOREIGN DATA WRAPPER regress_warden_wrapper CASCADE;
DROP TABLESPACE regress_warden_space;
DROP ROLE regress_warden_reader, "regress_warden ""odd""";
