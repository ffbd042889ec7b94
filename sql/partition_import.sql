-- Taking over the sets of pg_partman, for which a stand-in does: an extension of that name, and its tables as version 4 has
-- them. Version 5 is in partition_import_5, the real one in test/tap/partition_import.pl.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'sql_standard'; -- commands are the same in any
\set VERBOSITY terse
-- Days are counted below: not across midnight.
DO $$ BEGIN IF localtime > '23:59' THEN PERFORM pg_sleep(61); END IF; END $$;

-- without it
SELECT * FROM warden.partition_import_pg_partman();
SELECT * FROM warden.partition_import_pg_partman(NULL);

-- in a schema of any name
CREATE SCHEMA "Part'man "" $x";
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
SELECT 4000000001, 'pg_partman', 10, oid, false, '4.7.2' FROM pg_namespace WHERE nspname ~ '^Part''man';
RESET allow_system_table_mods;
SET search_path = "Part'man "" $x";
CREATE TABLE part_config (parent_table text PRIMARY KEY, control text NOT NULL, partition_type text NOT NULL,
    partition_interval text NOT NULL, constraint_cols text[], premake int NOT NULL DEFAULT 4,
    optimize_trigger int NOT NULL DEFAULT 4, optimize_constraint int NOT NULL DEFAULT 30, epoch text NOT NULL DEFAULT 'none',
    inherit_fk boolean NOT NULL DEFAULT true, retention text, retention_schema text,
    retention_keep_table boolean NOT NULL DEFAULT true, retention_keep_index boolean NOT NULL DEFAULT true,
    infinite_time_partitions boolean NOT NULL DEFAULT false, datetime_string text,
    automatic_maintenance text NOT NULL DEFAULT 'on' CHECK (automatic_maintenance IN ('on', 'off')),
    jobmon boolean NOT NULL DEFAULT true, sub_partition_set_full boolean NOT NULL DEFAULT false,
    undo_in_progress boolean NOT NULL DEFAULT false, trigger_exception_handling boolean DEFAULT false,
    upsert text NOT NULL DEFAULT '', trigger_return_null boolean NOT NULL DEFAULT true, template_table text,
    publications text[], inherit_privileges boolean DEFAULT false, constraint_valid boolean NOT NULL DEFAULT true,
    subscription_refresh text, drop_cascade_fk boolean NOT NULL DEFAULT false,
    ignore_default_data boolean NOT NULL DEFAULT false);
CREATE TABLE part_config_sub (sub_parent text PRIMARY KEY REFERENCES part_config, sub_partition_type text NOT NULL,
    sub_control text NOT NULL, sub_partition_interval text NOT NULL);
RESET search_path;

-- Days and months around today, the first so many steps ago, the last so many steps from now.
CREATE FUNCTION make_partitions(parent text, unit text, first int, last int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    step interval := '1 ' || unit;
BEGIN
    FOR n IN first..last LOOP
        EXECUTE format('CREATE TABLE import.%I PARTITION OF import.%I FOR VALUES FROM (%L) TO (%L)', parent || '_' || n - first,
                       parent, date_trunc(unit, now()) + n * step, date_trunc(unit, now()) + (n + 1) * step);
    END LOOP;
END $$;
CREATE SCHEMA import;
CREATE TABLE import.days (at timestamptz NOT NULL, id int) PARTITION BY RANGE (at);
SELECT make_partitions('days', 'day', -4, 2);
CREATE TABLE import.full (at timestamptz NOT NULL, id int) PARTITION BY RANGE (at);
SELECT make_partitions('full', 'day', -1, 5);
CREATE TABLE import."Months" (at timestamp NOT NULL, id int) PARTITION BY RANGE (at);
SELECT make_partitions('Months', 'month', -1, 3);
CREATE TABLE import.dates (day date NOT NULL) PARTITION BY RANGE (day);
SELECT make_partitions('dates', 'month', -1, 3);
CREATE TABLE import.seconds (t bigint NOT NULL) PARTITION BY RANGE (t);
CREATE TABLE import.ids (id bigint NOT NULL PRIMARY KEY, kind int) PARTITION BY RANGE (id);
CREATE TABLE import.ids_0 PARTITION OF import.ids FOR VALUES FROM (0) TO (1000);
CREATE TABLE import.ids_1 PARTITION OF import.ids FOR VALUES FROM (1000) TO (2000);
INSERT INTO import.ids VALUES (1500);
CREATE TABLE import.template (LIKE import.ids);
ALTER TABLE import.template ADD PRIMARY KEY (id);
CREATE UNIQUE INDEX template_kind ON import.template (kind);
CREATE INDEX "template other" ON import.template (kind, id);
CREATE TABLE import.kolkata (at timestamptz NOT NULL) PARTITION BY RANGE (at);
SET timezone = 'Asia/Kolkata';
SELECT make_partitions('kolkata', 'day', -1, 6);
SET timezone = 'UTC';
CREATE TABLE import.inherited (at timestamptz NOT NULL);
CREATE TABLE import.lists (id int NOT NULL) PARTITION BY LIST (id);
CREATE TABLE import.deep (at timestamptz NOT NULL, id int NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE import.deep_0 PARTITION OF import.deep DEFAULT PARTITION BY RANGE (id);
CREATE TABLE import.expression (at timestamp NOT NULL) PARTITION BY RANGE (date_trunc('day', at));
CREATE SCHEMA import_attic;
CREATE TABLE import.moved (LIKE import.days) PARTITION BY RANGE (at);
CREATE TABLE import.manual (LIKE import.days) PARTITION BY RANGE (at);
CREATE TABLE import.undone (LIKE import.days) PARTITION BY RANGE (at);
CREATE TABLE import.ours (LIKE import.days) PARTITION BY RANGE (at);
CREATE TABLE import.nonsense (LIKE import.days) PARTITION BY RANGE (at);
CREATE TABLE import.short (LIKE import.days) PARTITION BY RANGE (at);
CREATE TABLE import.defaults (LIKE import.days) PARTITION BY RANGE (at);
CREATE TABLE import.defaults_rest PARTITION OF import.defaults DEFAULT;
INSERT INTO import.defaults VALUES (now());
SELECT count(*) > 0 AS declared FROM warden.partition_by_time('import.ours', every => '1 day');

INSERT INTO "Part'man "" $x".part_config (parent_table, control, partition_type, partition_interval) VALUES
    ('import.days', 'at', 'native', '1 day'), ('import.full', 'at', 'native', '1 day'),
    ('import.Months', 'at', 'native', '1 mon'), ('import.dates', 'day', 'native', 'P1M'),
    ('import.seconds', 't', 'native', '7 days'), ('import.ids', 'id', 'native', '1000'),
    ('import.kolkata', 'at', 'native', '1 day'), ('import.inherited', 'at', 'partman', '1 day'),
    ('import.lists', 'id', 'native', '1'), ('import.deep', 'at', 'native', '1 day'),
    ('import.deep_0', 'id', 'native', '10'), ('import.expression', 'at', 'native', '1 day'),
    ('import.moved', 'at', 'native', '1 day'), ('import.manual', 'at', 'native', '1 day'),
    ('import.undone', 'at', 'native', '1 day'), ('import.ours', 'at', 'native', '1 day'),
    ('import.nonsense', 'at', 'native', '1 day''); DROP TABLE import.days; --'), ('import.short', 'at', 'native', '7 days'),
    ('import.defaults', 'at', 'native', '1 day'),
    ('import.gone', 'at', 'native', '1 day'), ('import."gone"."too', 'at', 'native', '1 day'), ('', 'at', 'native', '1 day');
SET search_path = "Part'man "" $x", pg_catalog;
UPDATE part_config SET (retention, retention_keep_index) = ('2 days', false) WHERE parent_table = 'import.days';
UPDATE part_config SET (retention, retention_keep_table, drop_cascade_fk, publications, subscription_refresh)
    = ('3 months', false, true, '{one,two}', 'three') WHERE parent_table = 'import.Months';
UPDATE part_config SET (epoch, premake) = ('seconds', 2) WHERE parent_table = 'import.seconds';
UPDATE part_config SET (retention, template_table, constraint_cols) = ('1000', 'import.template', '{kind}')
    WHERE parent_table = 'import.ids';
UPDATE part_config SET (retention, retention_schema) = ('1 day', 'import_attic') WHERE parent_table = 'import.moved';
UPDATE part_config SET retention_schema = 'attic' WHERE parent_table = 'import.full';
UPDATE part_config SET automatic_maintenance = 'off' WHERE parent_table = 'import.manual';
UPDATE part_config SET undo_in_progress = true WHERE parent_table = 'import.undone';
UPDATE part_config SET retention = '1 day' WHERE parent_table = 'import.short';
INSERT INTO part_config_sub VALUES ('import.deep', 'native', 'id', '10');
RESET search_path;

-- a dry run changes nothing, and needs no more than to read
CREATE VIEW import.partitions AS SELECT inhrelid FROM pg_inherits WHERE inhparent::regclass::text ~ '^import';
SELECT count(*) AS partitions FROM import.partitions \gset
BEGIN READ ONLY;
SELECT parent, command, status, regexp_replace(detail, 'It has at .*? created meanwhile[.]', '...') AS detail
FROM warden.partition_import_pg_partman(dry_run => true);
SELECT DISTINCT mode FROM pg_locks WHERE locktype = 'relation' AND relation::regclass::text ~ '^import';
COMMIT;
SELECT count(*) = :partitions AS as_before FROM import.partitions;
SELECT parent FROM warden.partition_sets WHERE parent::text ~ '^import';
SELECT count(*) FROM "Part'man "" $x".part_config WHERE automatic_maintenance = 'off';
BEGIN READ ONLY;
SELECT * FROM warden.partition_import_pg_partman();
COMMIT;

-- who may: sets of others stay, and so does a set that the caller could not have pg_partman leave alone
CREATE ROLE regress_import_partman;
GRANT USAGE, CREATE ON SCHEMA import TO regress_import_partman;
ALTER TABLE import.days OWNER TO regress_import_partman;
SET ROLE regress_import_partman;
SELECT * FROM warden.partition_import_pg_partman(true);
RESET ROLE;
GRANT EXECUTE ON FUNCTION warden.partition_import_pg_partman TO regress_import_partman;
GRANT USAGE ON SCHEMA "Part'man "" $x" TO regress_import_partman;
SET ROLE regress_import_partman;
SELECT * FROM warden.partition_import_pg_partman(true);
RESET ROLE;
GRANT SELECT ON ALL TABLES IN SCHEMA "Part'man "" $x" TO regress_import_partman;
SET ROLE regress_import_partman;
SELECT parent, status, detail FROM warden.partition_import_pg_partman(true)
WHERE parent IS NOT NULL AND (status <> 'skipped' OR parent = 'import.ids'::regclass);
RESET ROLE;
GRANT EXECUTE ON FUNCTION warden.partition_by_time TO regress_import_partman;
SET ROLE regress_import_partman;
SELECT parent, status, detail FROM warden.partition_import_pg_partman() WHERE status <> 'skipped';
RESET ROLE;
SELECT parent FROM warden.partition_sets WHERE parent::text ~ '^import';
GRANT UPDATE ON ALL TABLES IN SCHEMA "Part'man "" $x" TO regress_import_partman;
SET ROLE regress_import_partman;
SELECT parent, status, detail FROM warden.partition_import_pg_partman() WHERE status <> 'skipped';
RESET ROLE;

-- a trigger that somebody has put there would run as whoever imports
CREATE FUNCTION import.rob() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'robbed %', current_user; END $$;
CREATE TRIGGER rob BEFORE UPDATE ON "Part'man "" $x".part_config FOR EACH ROW EXECUTE FUNCTION import.rob();
SELECT status FROM warden.partition_import_pg_partman(true) WHERE parent = 'import.full'::regclass;
\set VERBOSITY default
SELECT * FROM warden.partition_import_pg_partman();
\set VERBOSITY terse
ALTER TABLE "Part'man "" $x".part_config DISABLE TRIGGER rob;

-- the rest
SELECT parent, status, regexp_replace(detail, 'It has at .*? created meanwhile[.]', '...') AS detail
FROM warden.partition_import_pg_partman() WHERE status <> 'skipped';
SELECT parent, every, ahead, keep, on_expiry, timezone, key_format, every_number, ahead_number, keep_number
FROM warden.partition_sets WHERE parent::text ~ '^import' ORDER BY parent::text COLLATE "C";
SELECT parent_table FROM "Part'man "" $x".part_config WHERE automatic_maintenance = 'off' ORDER BY parent_table COLLATE "C";

-- again: nothing new; and what was switched on again has two masters
UPDATE "Part'man "" $x".part_config SET automatic_maintenance = 'on' WHERE parent_table = 'import.full';
SELECT status, count(*) FROM warden.partition_import_pg_partman() GROUP BY status ORDER BY status;
SELECT command, detail FROM warden.partition_import_pg_partman() WHERE parent IN ('import.full'::regclass, 'import.days'::regclass)
ORDER BY detail;

-- the way back, and here again
SELECT warden.partition_unmanage('import.full');
SELECT command, status, detail FROM warden.partition_import_pg_partman() WHERE parent = 'import.full'::regclass;

-- and without it, nothing is missed: what was planned is done by maintenance
SELECT action, count(*) FROM warden.partition_maintain('import.days') GROUP BY action;
SELECT * FROM warden.partition_maintain('import.full');

SELECT count(warden.partition_unmanage(parent)) FROM warden.partition_sets WHERE parent::text ~ '^import';
SET allow_system_table_mods = on;
DELETE FROM pg_extension WHERE extname = 'pg_partman';
RESET allow_system_table_mods;
SET client_min_messages = warning;
DROP SCHEMA "Part'man "" $x", import, import_attic CASCADE;
DROP FUNCTION make_partitions;
REVOKE ALL ON FUNCTION warden.partition_import_pg_partman, warden.partition_by_time FROM regress_import_partman;
DROP ROLE regress_import_partman;
