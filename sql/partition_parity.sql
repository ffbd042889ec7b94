-- Partitions that exist are like their parent, or it is said in what they differ, and mended.
SET client_min_messages = warning;
CREATE ROLE regress_warden_owner;
CREATE ROLE regress_warden_reader;
CREATE ROLE "regress_warden Other";
CREATE SCHEMA parity;
GRANT ALL ON SCHEMA parity TO PUBLIC;
SET search_path = parity;
-- A report of one set, and what becomes of it.
CREATE FUNCTION differences(parent regclass) RETURNS TABLE (
    partition regclass, property text, expected text, actual text, command text) LANGUAGE sql AS $$
    SELECT partition, property, expected, actual, command FROM warden.partition_differences(parent)
    WHERE reason IS NULL $$;
CREATE FUNCTION align(parent regclass, dry_run boolean DEFAULT false) RETURNS TABLE (
    status text, detail text, of bigint) LANGUAGE sql AS $$
    SELECT status, detail, count(*) FROM warden.partition_align(parent, dry_run => dry_run) GROUP BY 1, 2 ORDER BY 1, 2 $$;

-- made by us with everything: nothing differs
SET ROLE regress_warden_owner;
CREATE TABLE whole (id int NOT NULL, n int, t text COMPRESSION pglz, at timestamptz) PARTITION BY RANGE (id);
CREATE UNIQUE INDEX whole_key ON whole (id, n);
ALTER TABLE whole ALTER n SET NOT NULL;
ALTER TABLE whole REPLICA IDENTITY USING INDEX whole_key;
ALTER TABLE whole ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, ALTER n SET STATISTICS 77,
    ALTER n SET (n_distinct = -0.5, n_distinct_inherited = 100), ALTER t SET STORAGE EXTERNAL;
COMMENT ON COLUMN whole.n IS 'how many';
CREATE STATISTICS whole_statistics (dependencies, mcv) ON n, t, (lower(t)) FROM whole;
GRANT SELECT, UPDATE ON whole TO PUBLIC;
GRANT INSERT ON whole TO regress_warden_reader WITH GRANT OPTION;
GRANT REFERENCES (n), INSERT (t, n) ON whole TO "regress_warden Other";
REVOKE DELETE ON whole FROM regress_warden_owner;
CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER same BEFORE INSERT ON whole FOR EACH ROW EXECUTE FUNCTION same();
ALTER TABLE whole ENABLE ALWAYS TRIGGER same;
RESET ROLE;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_warden_owner GRANT SELECT, TRIGGER ON TABLES TO regress_warden_reader;
SELECT partition, status, detail FROM warden.partition_by_number('whole', 100, ahead => 100,
    storage_parameters => '{fillfactor=070,toast.autovacuum_enabled=off,autovacuum_vacuum_scale_factor=0.10}');
SELECT * FROM warden.partition_differences('whole');
SELECT * FROM warden.partition_align('whole');
-- one made by PostgreSQL, and one made by hand, lack what PostgreSQL leaves out
SET ROLE regress_warden_owner;
CREATE TABLE whole_by_hand PARTITION OF whole FOR VALUES FROM (500) TO (600);
RESET ROLE;
CREATE TABLE whole_foreign_owner (at timestamptz, id int NOT NULL, gone int, t text, n int NOT NULL);
ALTER TABLE whole_foreign_owner DROP gone;
ALTER TABLE whole ATTACH PARTITION whole_foreign_owner FOR VALUES FROM (700) TO (800);
SELECT * FROM differences('whole');
-- the lock that is said is the one that is taken
CREATE FUNCTION lock_of(command text, partition regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE taken text;
BEGIN
    EXECUTE command;
    SELECT mode INTO taken FROM pg_locks
    WHERE pid = pg_backend_pid() AND relation = partition AND mode <> 'AccessShareLock'
    ORDER BY array_position('{AccessExclusiveLock,ShareRowExclusiveLock,ShareUpdateExclusiveLock}', mode) LIMIT 1;
    RAISE 'undo';
EXCEPTION WHEN raise_exception THEN
    RETURN taken;
END $$;
CREATE FUNCTION locks(parent regclass) RETURNS TABLE (command text, lock text, says text) LANGUAGE sql AS $$
    SELECT d.command, l.lock, d.lock FROM warden.partition_differences(parent) d, lock_of(d.command, d.partition) AS l (lock)
    WHERE d.reason IS NULL $$;
SELECT lock, count(*) FROM locks('whole') GROUP BY 1 ORDER BY 1;
SELECT * FROM locks('whole') WHERE lock IS DISTINCT FROM says;
SELECT * FROM align('whole', dry_run => true);
SELECT count(*) FROM differences('whole');
SELECT * FROM align('whole');
SELECT * FROM warden.partition_differences();
SELECT * FROM align('whole');
SELECT relname, relowner::regrole, replace(relacl::text, 'm/', '/') AS acl -- but for MAINTAIN, of PostgreSQL 17
FROM pg_class WHERE relname ~ '^whole_(by_hand|foreign_owner)$' ORDER BY 1;
SELECT action, command FROM warden.partition_log WHERE partition = 'parity.whole_by_hand' AND command ~ '^GRANT' ORDER BY 2;

-- what the parent has lost, a partition loses: here the partitions have more
ALTER TABLE whole REPLICA IDENTITY DEFAULT;
ALTER TABLE ONLY whole ALTER n SET STATISTICS -1;
ALTER TABLE whole ALTER n RESET (n_distinct, n_distinct_inherited), ALTER t SET COMPRESSION DEFAULT;
ALTER TABLE ONLY whole ALTER t SET STORAGE EXTENDED;
ALTER TABLE ONLY whole DISABLE TRIGGER same;
SET ROLE regress_warden_owner;
REVOKE UPDATE ON whole FROM PUBLIC;
REVOKE GRANT OPTION FOR INSERT ON whole FROM regress_warden_reader;
REVOKE INSERT (n) ON whole FROM "regress_warden Other";
GRANT DELETE ON whole TO regress_warden_owner;
RESET ROLE;
SELECT property, expected, actual, command FROM differences('whole') WHERE partition = 'whole_p0'::regclass;
SELECT * FROM locks('whole') WHERE lock IS DISTINCT FROM says;
SELECT * FROM align('whole');
SELECT * FROM warden.partition_differences('whole');
-- a privilege of the whole table hides that of a column, and takes it along
SET ROLE regress_warden_owner;
REVOKE ALL (t) ON whole_p0 FROM "regress_warden Other";
GRANT INSERT ON whole_p0 TO "regress_warden Other";
RESET ROLE;
SELECT status, command FROM warden.partition_align('whole');
SELECT * FROM warden.partition_differences('whole');
-- not so comments and statistics, of which a partition may have more
COMMENT ON COLUMN whole.n IS NULL;
DROP STATISTICS whole_statistics;
SELECT * FROM warden.partition_differences('whole');
-- to see more of a partition than before is for a person to allow
ALTER TABLE whole DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
SELECT property, expected, actual, command, reason FROM warden.partition_differences('whole')
WHERE partition = 'whole_p0'::regclass;
SELECT partition, status, command, detail FROM warden.partition_align('whole', 'whole_p0');
ALTER TABLE whole ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- storage parameters: those of the policy, if it says any
ALTER TABLE whole_p0 SET (fillfactor = 71, autovacuum_enabled = off, toast.log_autovacuum_min_duration = 5);
ALTER TABLE whole_p0 RESET (autovacuum_vacuum_scale_factor, toast.autovacuum_enabled);
SELECT * FROM differences('whole');
SELECT * FROM align('whole');
SELECT c.reloptions, t.reloptions FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid
WHERE c.oid = 'whole_p0'::regclass;
CREATE TABLE toastless (id int) PARTITION BY RANGE (id);
SELECT count(*) FROM warden.partition_by_number('toastless', 100, ahead => 100,
    storage_parameters => '{toast.autovacuum_enabled=off,user_catalog_table=true}');
SELECT * FROM warden.partition_differences('toastless');
SELECT count(*) FROM warden.partition_by_number('toastless', 100, ahead => 100, storage_parameters => '{}');
SELECT partition, command, lock FROM warden.partition_differences('toastless');
SELECT * FROM locks('toastless') WHERE lock IS DISTINCT FROM says;
SELECT * FROM align('toastless');
SELECT count(*) FROM warden.partition_by_number('toastless', 100, ahead => 100, storage_parameters => NULL);
ALTER TABLE toastless_p0 SET (fillfactor = 50);
SELECT * FROM warden.partition_differences('toastless');

-- the replica identity: the partition's own index below that of the parent; indexes that are missing
CREATE TABLE identified (id int NOT NULL, n int NOT NULL) PARTITION BY RANGE (id);
SELECT count(*) FROM warden.partition_by_number('identified', 100, ahead => 100);
CREATE UNIQUE INDEX identified_key ON identified (id, n);
CREATE UNIQUE INDEX own ON identified_p0 (n);
ALTER TABLE identified REPLICA IDENTITY USING INDEX identified_key;
ALTER TABLE identified_p0 REPLICA IDENTITY USING INDEX own;
SELECT * FROM differences('identified');
SELECT * FROM align('identified');
CREATE INDEX CONCURRENTLY "odd ON ONLY index" ON ONLY identified_p0 (n);
CREATE UNIQUE INDEX "odd ON ONLY index (lower)" ON ONLY identified ((n + 1), id) INCLUDE (n) WHERE n > 0;
ALTER TABLE ONLY identified ADD CONSTRAINT identified_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX identified_p0_own ON identified_p0 (id);
ALTER TABLE identified REPLICA IDENTITY FULL;
ALTER TABLE identified_p0 REPLICA IDENTITY NOTHING;
DROP INDEX own;
SELECT * FROM differences('identified');
SELECT partition, property, expected, actual, command, lock FROM warden.partition_differences('identified')
WHERE reason IS NOT NULL;
SELECT * FROM align('identified');
-- the commands are right
SELECT regexp_split_to_table(command, ';') AS command FROM warden.partition_differences('identified')
\gexec
SELECT * FROM warden.partition_differences('identified');

DROP SCHEMA parity CASCADE;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_warden_owner REVOKE SELECT, TRIGGER ON TABLES FROM regress_warden_reader;
DROP ROLE regress_warden_owner, regress_warden_reader, "regress_warden Other";
