-- What partition_convert() refuses before it starts: the reason, and what would help.
SET timezone = 'UTC';
CREATE SCHEMA convr;
SET search_path = convr;
CREATE ROLE convr_other;
GRANT USAGE ON SCHEMA convr, warden TO convr_other;
GRANT EXECUTE ON PROCEDURE warden.partition_convert TO convr_other;
CREATE TABLE t (id int, at timestamptz NOT NULL, k int, body jsonb, label text, made int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO t VALUES (1, '2024-01-01', 5);
-- What is asked for.
CALL warden.partition_convert(NULL, 'at', '1 month');
CALL warden.partition_convert('t', NULL, '1 month');
CALL warden.partition_convert('t', 'at', NULL);
CALL warden.partition_convert('t', 'no_such', '1 month');
CALL warden.partition_convert('t', 'body', '1 month');
CALL warden.partition_convert('t', 'made', '10');
CALL warden.partition_convert('t', 'at', 'soon');
CALL warden.partition_convert('t', 'at', '-1 month');
CALL warden.partition_convert('t', 'at', '1 month', ahead => '-1 day');
CALL warden.partition_convert('t', 'k', '0');
CALL warden.partition_convert('t', 'k', '10', timezone => 'UTC');
CALL warden.partition_convert('t', 'at', '1 month', timezone => 'Nowhere');
CALL warden.partition_convert('t', 'at', '1 month', max_rows_per_second => 0);
CALL warden.partition_convert('t', 'at', '1 minute');
SELECT * FROM warden.partition_convert_plan('t', 'no_such', '1 month');
BEGIN;
CALL warden.partition_convert('t', 'k', '10');
ROLLBACK;
-- What it is.
CREATE VIEW v AS SELECT * FROM t;
CALL warden.partition_convert('v', 'at', '1 month');
DROP VIEW v;
CREATE MATERIALIZED VIEW v AS SELECT * FROM t;
CALL warden.partition_convert('v', 'at', '1 month');
CREATE TEMP TABLE fleeting (k int);
\set VERBOSITY sqlstate
CALL warden.partition_convert('fleeting', 'k', '10'); -- its schema has a number
\set VERBOSITY default
CREATE TABLE parted (k int) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted DEFAULT;
CALL warden.partition_convert('parted', 'k', '10');
CALL warden.partition_convert('parted_1', 'k', '10');
CALL warden.partition_convert('warden.partition_log', 'at', '1 month');
CALL warden.partition_convert('pg_catalog.pg_class', 'relpages', '10');
SET ROLE convr_other;
CALL warden.partition_convert('convr.t', 'k', '10');
RESET ROLE;
-- Whoever may not declare a set may not make one of a table either.
ALTER TABLE t OWNER TO convr_other;
GRANT CREATE ON SCHEMA convr TO convr_other;
SET ROLE convr_other;
CALL warden.partition_convert('convr.t', 'k', '10');
CALL warden.partition_convert('convr.t', 'at', '1 year');
RESET ROLE;
ALTER TABLE t OWNER TO CURRENT_USER;
-- What is around it.
CREATE TABLE child () INHERITS (t);
CALL warden.partition_convert('t', 'k', '10');
CALL warden.partition_convert('child', 'k', '10');
DROP TABLE child;
-- Several at once.
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER transition AFTER INSERT ON t REFERENCING NEW TABLE AS fresh FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE t ADD CONSTRAINT alone CHECK (k > 0) NO INHERIT, ADD CONSTRAINT unproven CHECK (id > 0) NOT VALID,
    ADD CONSTRAINT apart EXCLUDE USING btree (id WITH =), ADD CONSTRAINT t_pkey PRIMARY KEY (id);
SET client_min_messages = error; -- of wal_level
CREATE PUBLICATION convr_some FOR TABLE t (id, at);
RESET client_min_messages;
CALL warden.partition_convert('t', 'k', '10');
CALL warden.partition_convert('t', 'k', '10', metadata_only => true);
DROP PUBLICATION convr_some;
DROP TRIGGER transition ON t;
ALTER TABLE t DROP CONSTRAINT alone, DROP CONSTRAINT unproven, DROP CONSTRAINT apart, DROP CONSTRAINT t_pkey;
-- Its rows.
INSERT INTO t VALUES (2, 'infinity', NULL);
CALL warden.partition_convert('t', 'k', '10', default_partition => false);
CALL warden.partition_convert('t', 'at', '1 year', default_partition => false);
-- Nothing was begun.
SELECT count(*) FROM warden.partition_moves WHERE target_name LIKE 'convr.%';
DROP SCHEMA convr CASCADE;
DROP OWNED BY convr_other;
DROP ROLE convr_other;
