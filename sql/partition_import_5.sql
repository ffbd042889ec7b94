-- Taking over the sets of pg_partman as version 5 has them, for which a stand-in does.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
\set VERBOSITY terse
-- Partitions are counted below: not across midnight, nor the other ends of six hours.
DO $$ BEGIN IF extract(epoch FROM now())::bigint % 21600 > 21540 THEN PERFORM pg_sleep(61); END IF; END $$;
CREATE SCHEMA partman;
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
SELECT 4000000001, 'pg_partman', 10, oid, false, '5.4.0' FROM pg_namespace WHERE nspname = 'partman';
RESET allow_system_table_mods;
CREATE TABLE partman.part_config (parent_table text PRIMARY KEY, control text NOT NULL, time_encoder text, time_decoder text,
    partition_interval text NOT NULL, partition_type text NOT NULL DEFAULT 'range', premake int NOT NULL DEFAULT 4,
    automatic_maintenance text NOT NULL DEFAULT 'on', template_table text, retention text, retention_schema text,
    retention_keep_index boolean NOT NULL DEFAULT true, retention_keep_table boolean NOT NULL DEFAULT true,
    epoch text NOT NULL DEFAULT 'none', constraint_cols text[], optimize_constraint int NOT NULL DEFAULT 30,
    infinite_time_partitions boolean NOT NULL DEFAULT false, datetime_string text, jobmon boolean NOT NULL DEFAULT true,
    sub_partition_set_full boolean NOT NULL DEFAULT false, undo_in_progress boolean NOT NULL DEFAULT false,
    inherit_privileges boolean DEFAULT false, constraint_valid boolean NOT NULL DEFAULT true,
    ignore_default_data boolean NOT NULL DEFAULT true, date_trunc_interval text, maintenance_order int,
    retention_keep_publication boolean NOT NULL DEFAULT false, maintenance_last_run timestamptz,
    detach_before_drop boolean DEFAULT false, maintenance_role text DEFAULT current_user, async_partitioning_in_progress text,
    child_table_prefix text NOT NULL DEFAULT '_p');
CREATE TABLE partman.part_config_sub (sub_parent text PRIMARY KEY REFERENCES partman.part_config, sub_control text NOT NULL);

CREATE SCHEMA import;
CREATE TABLE import.weeks (at timestamptz NOT NULL, id int) PARTITION BY RANGE (at);
CREATE TABLE import.uuids (id uuid NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE import.uuids_of_others (id uuid NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE import.texts (id text COLLATE "C" NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE import.texts_of_nobody (id text COLLATE "C" NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE import.micros (t bigint NOT NULL) PARTITION BY RANGE (t);
CREATE TABLE import.nanos (t bigint NOT NULL) PARTITION BY RANGE (t);
CREATE TABLE import.numerics (id numeric NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE import.much (id bigint NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE import.lists (id int NOT NULL) PARTITION BY LIST (id);
CREATE TABLE import.dropped (at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE import.moving (at timestamptz NOT NULL) PARTITION BY RANGE (at);
INSERT INTO partman.part_config (parent_table, control, partition_interval, premake, epoch, time_encoder) VALUES
    ('import.weeks', 'at', '1 week', 2, 'none', NULL),
    ('import.uuids', 'id', '1 mon', 2, 'none', 'partman.uuid7_time_encoder'),
    ('import.uuids_of_others', 'id', '1 mon', 2, 'none', 'public.my_uuid7_time_encoder'),
    ('import.texts', 'id', '1 mon', 2, 'none', 'partman.uuid7_time_encoder'),
    ('import.texts_of_nobody', 'id', '1 mon', 2, 'none', NULL),
    ('import.micros', 't', '1 day', 1, 'microseconds', NULL),
    ('import.nanos', 't', '06:00:00', 2, 'nanoseconds', NULL),
    ('import.numerics', 'id', '100', 3, 'none', NULL),
    ('import.much', 'id', '5000000000000000000', 4, 'none', NULL),
    ('import.dropped', 'at', '1 year', 1, 'none', NULL),
    ('import.moving', 'at', '1 day', 4, 'none', NULL);
INSERT INTO partman.part_config (parent_table, control, partition_interval, partition_type)
    VALUES ('import.lists', 'id', '1', 'list');
UPDATE partman.part_config SET (retention, retention_keep_table, detach_before_drop, child_table_prefix)
    = ('10 years', false, true, '_part') WHERE parent_table = 'import.dropped';
UPDATE partman.part_config SET async_partitioning_in_progress = 'import.moving_p20250101' WHERE parent_table = 'import.moving';
UPDATE partman.part_config SET retention = '6 mons' WHERE parent_table = 'import.uuids';
UPDATE partman.part_config SET retention = '1000' WHERE parent_table = 'import.numerics';

SELECT * FROM warden.partition_import_pg_partman(dry_run => true);

-- nothing is told to those who listen: said only where there is somebody
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
SELECT 4000000002, 'pg_jobmon', 10, oid, false, '1.4' FROM pg_namespace WHERE nspname = 'partman';
RESET allow_system_table_mods;
SELECT detail FROM warden.partition_import_pg_partman(dry_run => true) WHERE parent = 'import.weeks'::regclass;
SET allow_system_table_mods = on;
DELETE FROM pg_extension WHERE extname = 'pg_jobmon';
RESET allow_system_table_mods;

SELECT parent, status, detail FROM warden.partition_import_pg_partman() WHERE status <> 'skipped';

-- versions in between have less, and more
ALTER TABLE partman.part_config DROP async_partitioning_in_progress, DROP detach_before_drop, DROP maintenance_role,
    DROP child_table_prefix, DROP time_encoder, DROP time_decoder, ADD default_table boolean DEFAULT true;
SELECT parent, status, detail FROM warden.partition_import_pg_partman();
SELECT parent_table, automatic_maintenance FROM partman.part_config ORDER BY parent_table COLLATE "C";
SELECT parent, every, ahead, keep, on_expiry, key_format, every_number, ahead_number, keep_number
FROM warden.partition_sets WHERE parent::text ~ '^import' ORDER BY parent::text COLLATE "C";
SELECT m.* FROM warden.partition_sets s, warden.partition_maintain(s.parent) m WHERE s.parent::text ~ '^import';

SELECT count(warden.partition_unmanage(parent)) FROM warden.partition_sets WHERE parent::text ~ '^import';
SET allow_system_table_mods = on;
DELETE FROM pg_extension WHERE extname = 'pg_partman';
RESET allow_system_table_mods;
SET client_min_messages = warning;
DROP SCHEMA partman, import CASCADE;
